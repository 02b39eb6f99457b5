"""`report.json` for programs and `report.txt` for people."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqtag.data.files import write_whole
from seqtag.data.schema import Corpus
from seqtag.data.split import Split
from seqtag.data.vectors import Coverage
from seqtag.decoding.outputs import Prediction
from seqtag.evaluation.labels import decide, label_scores
from seqtag.schemes import tags_to_spans
from seqtag.vocabulary import Vocabulary

_EXAMPLE_TOKENS = 30
_CONFUSIONS = 5
SELECTION = "validation"
"""The part that the kept model was chosen by; its score is higher than that of new data."""
LOGGED_SCORES = {"validation_f1": "F1", "validation_label_accuracy": "label accuracy"}
"""What `log.jsonl` calls the scores of an epoch, and what people do."""


def format_report(report: dict[str, Any]) -> str:
    """A table a split, then how it was trained."""
    parts = [format_scores(name, scores) for name, scores in report["splits"].items()]
    training = report.get("training")
    if training:
        parts.append(
            f"seed {report['seed']}, {training['epochs']} epochs in {training['seconds']:,.0f} s: "
            f"{training['tokens_per_second']:,.0f} tokens/s, {training['compiled_shapes']} programs compiled in "
            f"{training['compile_seconds']:.1f} s, {training['peak_memory_bytes'] / 2**20:,.0f} MiB at most\n"
        )
    return "\n".join(parts)


def write_report(report: dict[str, Any], path: Path, shown: Callable[[dict[str, Any]], str] = format_report) -> None:
    """Write a report whole or not at all: as `shown` shows it where `path` ends in `.txt`, else as JSON."""
    text = shown(report) if path.suffix == ".txt" else json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, [text])


_OF_SEEDS = ("f1", "precision", "recall", "label_accuracy", "sentence_accuracy", "accuracy", "macro_f1", "micro_f1")


def format_seeds(report: dict[str, Any]) -> str:
    """Runs of several seeds: each score's mean and standard deviation, then the runs', split by split."""
    seeds, parts = report["seeds"], []
    width = max(map(len, _OF_SEEDS))
    for split, means in report["mean"].items():
        selected = report["runs"][0]["splits"][split].get("used_for_selection")
        lines = [f"{split}{', used for model selection' if selected else ''}: seeds {', '.join(map(str, seeds))}", ""]
        lines.append(f"{'':<{width}}    mean     std  runs")
        for name in _OF_SEEDS:
            if name in means:
                deviation = report["std"][split][name]
                shown = f"{'':>6}" if deviation is None else f"{deviation:.4f}"
                own = " ".join(f"{run['splits'][split][name]:.4f}" for run in report["runs"])
                lines.append(f"{name:<{width}}  {means[name]:.4f}  {shown}  {own}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def show_tagged(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """`[Ada Lovelace PERSON] met …`."""
    spans = {span.start: span for span in tags_to_spans(tags)}
    shown, position = [], 0
    while position < len(tokens):
        span = spans.get(position)
        end = span.end if span else position + 1
        words = " ".join(tokens[position:end])
        shown.append(f"[{words} {span.label}]" if span else words)
        position = end
    return " ".join(shown)


def find_example(split: Split, predicted: Sequence[Prediction], vocabulary: Vocabulary) -> str | None:
    """A sentence to show: of those with most different labels predicted, the first of moderate length."""
    best, most = None, -1 if vocabulary.classes else 0
    for position, prediction in enumerate(predicted):
        labels = len({tag[2:] for tag in prediction.tags if tag != "O"})
        if labels > most and len(prediction.tags) <= _EXAMPLE_TOKENS:
            best, most = position, labels
    if best is None:
        return None
    shown = show_tagged(split[[best]].tokens[0], predicted[best].tags)
    probabilities = predicted[best].label_probabilities
    if probabilities is None:
        return shown
    return f"{shown}  ({', '.join(decide(probabilities, vocabulary.classes, vocabulary.multi_label)) or 'no label'})"


def describe_findings(corpus: Corpus) -> str:
    """What was read, a line a part, and what reading it changed."""
    lines = []
    for role, dataset in corpus.splits.items():
        found = corpus.findings[str(role)]
        changes = {
            "tags repaired": found.repaired,
            "spans moved to token boundaries": found.misaligned,
            "overlapping spans dropped": found.overlapping,
            "records left out": found.left_out,
            "sentences without tags taken for O": found.untagged,
            "tokens cut": found.cut_tokens,
        }
        told = "".join(f", {count:,} {what}" for what, count in changes.items() if count)
        scheme = f", {found.scheme}" if found.scheme else ""
        lines.append(f"{role}: {len(dataset):,} sentences from {found.source}{scheme}{told}")
    return "\n".join(lines)


def describe_coverage(coverage: Coverage) -> str:
    """A line on the word vectors."""
    repeated = f", {coverage.repeated:,} repeated ones left out" if coverage.repeated else ""
    return (
        f"word vectors: {coverage.words:,} of {coverage.features} numbers from {coverage.source}{repeated}; "
        f"{coverage.tokens:.1%} of the training part's tokens and {coverage.distinct_tokens:.1%} of its distinct ones "
        "have one"
    )


def format_scores(name: str, scores: dict[str, Any]) -> str:
    """The scores of one split: a table for spans, one for labels of texts, or both."""
    selected = ", used for model selection" if scores.get("used_for_selection") else ""
    spans = f", {scores['entities']:,} spans" if "entities" in scores else ""
    lines = [f"{name}{selected}: {scores['sentences']:,} sentences, {scores['tokens']:,} tokens{spans}", ""]
    if "f1" in scores:
        lines += _span_lines(scores)
    of_labels = label_scores(scores)
    if of_labels is not None:
        lines += [*([""] if "f1" in scores else []), *_label_lines(of_labels)]
    if "sentence_accuracy" in scores:
        lines.append(f"sentence accuracy (label and every span right) {scores['sentence_accuracy']:.4f}")
    return "\n".join(lines) + "\n"


def _table(rows: dict[str, dict[str, Any]]) -> list[str]:
    width = max(map(len, rows))
    lines = [f"{'':<{width}}  precision  recall      F1  support"]
    for label, row in rows.items():
        figures = f"{row['precision']:>9.4f}  {row['recall']:>6.4f}  {row['f1']:>6.4f}  {row['support']:>7,}"
        lines.append(f"{label:<{width}}  {figures}")
    return lines


def _span_lines(scores: dict[str, Any]) -> list[str]:
    low, high = scores["f1_ci95"]
    conlleval, finding, judging = scores["conlleval"], scores["targets"]["finding"], scores["targets"]["judging"]
    lines = [
        *_table({**scores["per_label"], "all labels": {**scores, "support": scores["entities"]}}),
        "",
        f"F1 {scores['f1']:.4f}, 95 % interval {low:.4f} to {high:.4f} (scoring: {scores['scoring']}, seqeval, IOB2)",
        f"lenient (conlleval): precision {conlleval['precision']:.4f}, recall {conlleval['recall']:.4f}, "
        f"F1 {conlleval['f1']:.4f}; token accuracy {scores['accuracy']:.4f}",
    ]
    if judging["found"]:
        lines.append(
            f"finding spans, whatever their label: F1 {finding['f1']:.4f}; of the {judging['found']:,} found, "
            f"{judging['accuracy']:.4f} have the right label"
        )
    lines += _error_lines(scores["errors"])
    lines += _calibration_lines(scores["calibration"], "entity scores")
    if scores["repaired"]:
        lines.append(f"{scores['repaired']:,} ill-formed gold tags were repaired")
    if scores["unseen_labels"]:
        lines.append(f"{scores['unseen_labels']:,} gold spans have labels unknown to the model and count as misses")
    return lines


def _error_lines(errors: dict[str, Any]) -> list[str]:
    kinds, matching = errors["kinds"], errors["matching"]
    lines = [
        f"errors: {kinds['missed']:,} missed, {kinds['spurious']:,} spurious, {kinds['boundary']:,} with wrong "
        f"boundaries, {kinds['label']:,} with a wrong label, {kinds['boundary_and_label']:,} with both wrong",
        f"F1 where overlap counts half, whatever the label: {matching['partial']['f1']:.4f}; where overlap with the "
        f"right label counts: {matching['type']['f1']:.4f} (SemEval-2013)",
    ]
    if "seen" in errors:
        shown = [
            f"{name} {errors[name]['recall']:.4f} of {errors[name]['entities']:,}"
            for name in ("seen", "unseen")
            if errors[name]["entities"]
        ]
        if shown:
            lines.append(f"recall of spans whose text and label the training part has or has not: {', '.join(shown)}")
    return lines


def _label_lines(scores: Mapping[str, Any]) -> list[str]:
    low, high = scores["accuracy_ci95"]
    loss = scores["log_loss"]
    lines = [
        *(_table(scores["per_label"]) if scores["per_label"] else []),
        "",
        f"label accuracy {scores['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f} ({scores['texts']:,} texts)",
        f"F1 of labels: macro {scores['macro_f1']:.4f}, micro {scores['micro_f1']:.4f}"
        + ("" if loss is None else f"; log loss {loss:.4f} nats"),
        *_calibration_lines(scores["calibration"], "label scores"),
    ]
    wrong = [
        (count, gold, other)
        for gold, row in scores.get("confusion", {}).items()
        for other, count in row.items()
        if gold != other
    ]
    if wrong:
        shown = [f"{gold} as {other} {count:,}" for count, gold, other in sorted(wrong, reverse=True)[:_CONFUSIONS]]
        lines.append(f"most often taken for another: {', '.join(shown)}")
    if scores["without_label"]:
        lines.append(f"{scores['without_label']:,} texts have no known label and are left out")
    if scores["unseen_labels"]:
        lines.append(f"{scores['unseen_labels']:,} gold labels are unknown to the model and count as errors")
    return lines


def _calibration_lines(calibration: dict[str, Any], what: str) -> list[str]:
    if calibration["ece"] is None:
        return []
    return [f"expected calibration error of {what}: {calibration['ece']:.4f} over {calibration['count']:,}"]
