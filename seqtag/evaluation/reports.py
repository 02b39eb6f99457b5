"""`report.json` for programs and `report.txt` for people."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqtag.data.schema import Corpus
from seqtag.data.split import Split
from seqtag.schemes import tags_to_spans

_EXAMPLE_TOKENS = 30
SELECTION = "validation"
"""The part that the kept model was chosen by; its score is higher than that of new data."""


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report whole or not at all: for people where `path` ends in `.txt`, else as JSON."""
    text = format_report(report) if path.suffix == ".txt" else json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, [text])


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write text so that the file is never seen half-written, and a failure leaves what was there before."""
    staging = path.with_name(f".{path.name}.tmp")
    try:
        with open(staging, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.writelines(parts)
        os.replace(staging, path)
    finally:
        staging.unlink(missing_ok=True)


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


def find_example(split: Split, predicted: Sequence[Sequence[str]]) -> str | None:
    """A sentence to show: of those with most different labels predicted, the first of moderate length."""
    best, most = None, 0
    for position, tags in enumerate(predicted):
        labels = len({tag[2:] for tag in tags if tag != "O"})
        if labels > most and len(tags) <= _EXAMPLE_TOKENS:
            best, most = position, labels
    return None if best is None else show_tagged(split[[best]].tokens[0], predicted[best])


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
            "tokens cut": found.cut_tokens,
        }
        told = "".join(f", {count:,} {what}" for what, count in changes.items() if count)
        scheme = f", {found.scheme}" if found.scheme else ""
        lines.append(f"{role}: {len(dataset):,} sentences from {found.source}{scheme}{told}")
    return "\n".join(lines)


def format_scores(name: str, scores: dict[str, Any]) -> str:
    """The scores of one split as a table."""
    selected = ", used for model selection" if scores.get("used_for_selection") else ""
    low, high = scores["f1_ci95"]
    conlleval = scores["conlleval"]
    width = max(map(len, ["all labels", *scores["per_label"]]))
    lines = [
        f"{name}{selected}: {scores['sentences']:,} sentences, {scores['tokens']:,} tokens, "
        f"{scores['entities']:,} spans",
        "",
        f"{'':<{width}}  precision  recall      F1  support",
    ]
    rows = {**scores["per_label"], "all labels": {**scores, "support": scores["entities"]}}
    for label, row in rows.items():
        figures = f"{row['precision']:>9.4f}  {row['recall']:>6.4f}  {row['f1']:>6.4f}  {row['support']:>7,}"
        lines.append(f"{label:<{width}}  {figures}")
    lines += [
        "",
        f"F1 {scores['f1']:.4f}, 95 % interval {low:.4f} to {high:.4f} (scoring: {scores['scoring']}, seqeval, IOB2)",
        f"lenient (conlleval): precision {conlleval['precision']:.4f}, recall {conlleval['recall']:.4f}, "
        f"F1 {conlleval['f1']:.4f}; token accuracy {scores['accuracy']:.4f}",
    ]
    calibration = scores["calibration"]
    if calibration["ece"] is not None:
        lines.append(
            f"expected calibration error of entity scores: {calibration['ece']:.4f} over {calibration['entities']:,} "
            "predicted spans"
        )
    if scores["repaired"]:
        lines.append(f"{scores['repaired']:,} ill-formed gold tags were repaired")
    if scores["unseen_labels"]:
        lines.append(f"{scores['unseen_labels']:,} gold spans have labels unknown to the model and count as misses")
    return "\n".join(lines) + "\n"
