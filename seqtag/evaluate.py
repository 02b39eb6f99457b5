"""`python -m seqtag.evaluate`: the scores of a saved model on any data."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.command_line import load_config, make_parser, parse_config, parse_flags, report_file
from seqtag.config import PRECISIONS, Config, DataConfig
from seqtag.errors import InputError
from seqtag.running import run

if TYPE_CHECKING:
    from seqtag.tagging.model_directory import TrainedModel

_DESCRIPTION = "Score a saved model. Data settings default to those of its training; every --data.KEY overrides one."


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag evaluate", _DESCRIPTION, sections=("data",))
    parser.add_argument("--model", metavar="DIR|ID", help="model folder, run folder or Hub id")
    parser.add_argument("--revision", type=str, metavar="NAME", help="branch, tag or commit of a Hub id")
    parser.add_argument(
        "--split", choices=["train", "validation", "test"], help="one part (default: every configured one except train)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the encoder's products")
    parser.add_argument("--report", metavar="FILE", help="write the scores to a .json or .txt file")
    flags = parse_flags(parser, argv)
    if flags.model is None:
        raise InputError("--model: name a model folder, a run folder or a Hub id")
    file = report_file(flags.report)

    # Here and not above: they take seconds, and what is wrong with the flags is said at once.
    from seqtag.evaluation.reports import format_report, write_report
    from seqtag.process import prepare
    from seqtag.tagging.model_directory import find_model, load_model

    prepare()
    directory = find_model(flags.model, flags.revision)
    model = load_model(directory, flags.precision)
    base = _data_of_training(directory, model)
    config, _, given = parse_config(parser, argv, base=Config(data=base or DataConfig()))
    if base is None and not any(name.startswith("data.") for name in given):
        raise InputError(
            f"{directory}: does not tell what it was trained on; name the data with --data.format and so on"
        )
    report = _evaluate(model, config.data, flags.split)
    print(format_report(report))
    if file:
        write_report(report, file)
    return 0


def _data_of_training(directory: Path, model: "TrainedModel") -> DataConfig | None:
    """The data settings of the run that the model lies in; of one that was moved, those of a public data set."""
    run_config = directory.parent / "config.yaml"
    if run_config.is_file():
        return load_config(run_config).data
    return DataConfig(**model.data) if model.data["path"] or model.data["format"] == "sample" else None


def _evaluate(model: "TrainedModel", data: DataConfig, split: str | None) -> dict[str, Any]:
    from seqtag.data.checks import check_gold
    from seqtag.data.encoding import TokenTable
    from seqtag.data.reading import read_corpus
    from seqtag.data.split import Split
    from seqtag.evaluation.evaluating import evaluate_split
    from seqtag.evaluation.labels import label_scores
    from seqtag.evaluation.predictor import Predictor
    from seqtag.nn.devices import Devices

    vocabulary = model.vocabulary
    if vocabulary.classes and data.multi_label != vocabulary.multi_label:
        kind = "several labels" if vocabulary.multi_label else "one label"
        raise InputError(
            f"data.multi_label is {data.multi_label}, but the model gives a text {kind}; set it to "
            f"{str(vocabulary.multi_label).lower()}"
        )
    corpus = read_corpus(data, require_train=False, only=[split] if split else ["validation", "test"])
    if not corpus.splits:
        raise InputError("nothing to evaluate: data.validation and data.test are null; name a part, or --split train")
    parts = {str(role): Split(dataset) for role, dataset in corpus.splits.items()}
    for role, part in parts.items():
        check_gold(part, role, model.task, corpus.findings[role].source)
    devices = Devices()
    table = TokenTable(vocabulary, model.config.max_word_length)
    predictor = Predictor(model.graph, table, model.buckets, devices, model.config.document_sharing)
    params, constants = devices.replicate(model.params), devices.replicate(model.constants)
    splits = {}
    for role, part in parts.items():
        found = corpus.findings[role]
        _, scores = evaluate_split(predictor, params, constants, part, role, found)
        if vocabulary.tags:
            _check_known(scores, scores["entities"], vocabulary.labels, found.source, "data.tag_column")
        if vocabulary.classes:
            of_labels = label_scores(scores) or {}
            count = sum(own["support"] for own in of_labels["per_label"].values())
            _check_known(of_labels, count, vocabulary.classes, found.source, "data.label_column")
        splits[role] = scores
    return {"task": model.task, "splits": splits}


def _check_known(scores: Mapping[str, Any], count: int, known: tuple[str, ...], place: str, column: str) -> None:
    """Raise InputError where all of so many gold labels are unknown to the model."""
    if count and scores["unseen_labels"] >= count:
        raise InputError(
            f"{place}: none of its labels is known to the model, which has {', '.join(known)}; check {column} and "
            "--model"
        )


if __name__ == "__main__":
    run(main)
