"""A whole run: data in, run folder out."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from seqtag.data.encoding import TokenTable
from seqtag.data.files import write_whole
from seqtag.data.schema import Corpus
from seqtag.evaluation.evaluating import evaluate_split
from seqtag.evaluation.page import render_report
from seqtag.evaluation.prediction_files import read_predictions, write_predictions
from seqtag.evaluation.predictor import Predictor
from seqtag.evaluation.reports import find_example, write_report
from seqtag.process import peak_memory_bytes
from seqtag.tagging.model_card import model_card
from seqtag.tagging.model_directory import TrainedModel, save_model
from seqtag.training.checkpoint import Checkpoints
from seqtag.training.display import Display
from seqtag.training.experiment import Experiment
from seqtag.training.loop import Fitted, Loop, Watcher
from seqtag.training.run_directory import RunDirectory


class Result(NamedTuple):
    """What a run ends in."""

    report: dict[str, Any]
    """What `report.json` holds."""
    example: str | None
    """A sentence that the model tagged, from the last part scored."""


def train(
    experiment: Experiment, corpus: Corpus, run: RunDirectory, resume: bool, watchers: Sequence[Watcher] = ()
) -> Result:
    """Train, score every part but the training one, and fill the run folder.

    `watchers` are told what is shown, after it is shown.
    """
    config = experiment.config
    predictor = Predictor(
        experiment.graph,
        TokenTable(experiment.vocabulary, config.model.max_word_length),
        experiment.prediction_buckets,
        experiment.devices,
        config.model.document_sharing,
    )
    steps = config.training.epochs * experiment.steps_per_epoch
    checkpoints = Checkpoints(run.checkpoints)
    try:
        with Display(steps, run.tensorboard if config.training.tensorboard else None) as display:
            loop = Loop(experiment, run, checkpoints, predictor, (display, *watchers))
            if resume:
                loop.restore()
            run.begin(config)  # not before it is certain that the run can go on
            fitted = loop.fit()
    finally:
        checkpoints.close()

    trained = experiment.trained(fitted.params)
    splits, example = {}, None
    for role, split in experiment.splits.items():
        if role == "train":
            continue
        samples = config.training.bootstrap_samples
        predicted, splits[role] = evaluate_split(
            predictor,
            fitted.params,
            experiment.constants,
            split,
            role,
            corpus.findings[role],
            samples,
            experiment.seen_spans,
        )
        write_predictions(split.dataset, predicted, experiment.vocabulary, run.predictions, role)
        example = find_example(split, predicted, experiment.vocabulary)
    report = {
        "task": config.task,
        "seed": config.training.seed,
        "splits": splits,
        "reading": {role: dataclasses.asdict(found) for role, found in corpus.findings.items()},
        "training": _describe_training(fitted, predictor, trained),
    }
    if experiment.coverage:
        report["word_vectors"] = experiment.coverage._asdict()
    save_model(dataclasses.replace(trained, card=model_card(trained, report)), run.model)
    write_report(report, run.report)
    write_report(report, run.report.with_suffix(".txt"))
    judged = {role: read_predictions(run.predictions, role) for role in splits}
    write_whole(run.report.with_suffix(".html"), render_report(report, run.read_log(), config.to_dict(), judged))
    return Result(report, example)


def _describe_training(fitted: Fitted, predictor: Predictor, trained: TrainedModel) -> dict[str, Any]:
    progress = fitted.progress
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "parameters": sum(array.size for array in jax.tree.leaves(trained.params)),
        "seconds": progress.seconds,
        "tokens": progress.tokens,
        "tokens_per_second": progress.tokens / progress.training_seconds if progress.training_seconds else 0.0,
        "compile_seconds": fitted.compile_seconds + predictor.compile_seconds,
        "compiled_shapes": fitted.compiled_shapes + predictor.compiled_shapes,
        "compiled_shapes_training": fitted.compiled_shapes,
        "devices": predictor.devices.count,
        "peak_memory_bytes": peak_memory_bytes(),
    }
