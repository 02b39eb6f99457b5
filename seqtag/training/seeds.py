"""A run for each of several seeds, one after another, and what they come to together."""

import json
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from seqtag.config import Config
from seqtag.data.schema import Corpus
from seqtag.errors import InputError
from seqtag.evaluation.reports import describe_coverage, format_seeds, write_report
from seqtag.training.experiment import build_experiment
from seqtag.training.run import train
from seqtag.training.run_directory import RunDirectory


def train_seeds(config: Config, corpus: Corpus, folder: RunDirectory, seeds: Sequence[int], resume: bool) -> str:
    """Train each seed in its own folder, write the report of all, and return it as text.

    With `resume`, what is finished stays as it is, and what was begun goes on.
    """
    configs = {seed: config.with_seed(seed) for seed in seeds}
    reports, has_begun = [], False
    for seed, own in configs.items():
        run = folder.of_seed(seed)
        if resume and run.is_finished(own):
            print(f"seed {seed}: finished before", flush=True)
            reports.append(_read_report(run))
            continue
        experiment = build_experiment(own, corpus)
        if not has_begun:
            if experiment.coverage:
                print(describe_coverage(experiment.coverage), flush=True)
            _begin(folder, configs)
            has_begun = True
        print(f"seed {seed}: {run.path}", flush=True)
        reports.append(train(experiment, corpus, run, resume).report)
    together = summarize(reports)
    for suffix in (".json", ".txt"):
        write_report(together, folder.report.with_suffix(suffix), format_seeds)
    return format_seeds(together)


def _read_report(run: RunDirectory) -> dict[str, Any]:
    try:
        return json.loads(run.report.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{run.report}: is damaged; remove it, and --resume writes it anew") from error


def _begin(folder: RunDirectory, configs: dict[int, Config]) -> None:
    """Write down which seeds there are, so that a resumed run knows those that it has not come to yet."""
    for seed, own in configs.items():
        run = folder.of_seed(seed)
        if not run.config.exists():
            run.begin(own)
    folder.begin(next(iter(configs.values())))


def summarize(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`mean` and `std` of every score that all runs have, split by split, and the runs' own reports.

    `std` is the standard deviation of the runs as a sample (divided by their number less one); null for a single run.
    """
    splits = [report["splits"] for report in reports]
    return {
        "task": reports[0]["task"],
        "seeds": [report["seed"] for report in reports],
        "mean": _of_each_score(splits, statistics.fmean),
        "std": _of_each_score(splits, lambda values: statistics.stdev(values) if len(values) > 1 else None),
        "runs": list(reports),
    }


def _of_each_score(scores: Sequence[dict[str, Any]], combine: Callable[[list[float]], float | None]) -> dict[str, Any]:
    """Scores are what is a float; counts and intervals are a run's own."""
    combined: dict[str, Any] = {}
    for name in scores[0]:
        values: list[Any] = [one.get(name) for one in scores]
        if all(isinstance(value, dict) for value in values):
            combined[name] = _of_each_score(values, combine)
        elif all(isinstance(value, float) for value in values):
            combined[name] = combine(values)
    return combined
