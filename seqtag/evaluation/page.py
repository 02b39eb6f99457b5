"""`report.html`: a run to look at, in one file that loads nothing and runs nothing.

It is made from what the run folder holds: the report, the log, the configuration and the predictions.
"""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import yaml

from seqtag.evaluation.charts import Line, curve, reliability
from seqtag.evaluation.labels import label_scores
from seqtag.evaluation.prediction_files import Judged
from seqtag.evaluation.reports import LOGGED_SCORES
from seqtag.evaluation.span_errors import NONE
from seqtag.evaluation.worst import worst_errors
from seqtag.html import STYLE, escape

_LARGEST_MATRIX = 45
"""Labels of a confusion matrix; of more, the list of confusions must do."""
_CONFUSIONS = 15
_PACKAGES = ("seqtag", "jax", "jaxlib", "flax", "optax", "numpy", "datasets", "seqeval")
_KINDS = {
    "correct": "correct",
    "boundary": "wrong boundaries, right label",
    "label": "right boundaries, wrong label",
    "boundary_and_label": "both wrong, but overlapping",
    "missed": "missed",
    "spurious": "spurious",
}
_WAYS = {
    "strict": "boundaries and label right",
    "exact": "boundaries right, whatever the label",
    "partial": "boundaries right, or half for overlap, whatever the label",
    "type": "overlap, and label right",
}
_PAGE_STYLE = """\
:root{color-scheme:light dark}
body{max-width:62rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:2px solid #8886}h3{margin:1.8rem 0 .5rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{padding:.2rem .6rem;text-align:end;border-bottom:1px solid #8884;overflow-wrap:normal}
th:first-child,td:first-child{text-align:start}
td.bar{min-width:9rem}td.bar i{display:block;height:.7em;border-radius:.2em;background:light-dark(#2563eb,#60a5fa)}
.matrix td,.matrix th{padding:.15rem .35rem;font-size:.8rem;text-align:center}
.matrix th[scope=row]{text-align:end;white-space:nowrap}
.matrix thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:start;vertical-align:bottom}
.note{color:light-dark(#555,#aaa);font-size:.9rem}
@media(max-width:44rem){td.bar{display:none}}
svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.error{border-top:1px solid #8884;padding:.6rem 0}
.error>div{display:grid;grid-template-columns:5.5rem 1fr;line-height:1.9}.error .seqtag{margin:0;padding:0}
mark.wrong{text-decoration:underline wavy light-dark(#b91c1c,#fca5a5);text-underline-offset:.2em}
pre{overflow-x:auto;font-size:.85rem;line-height:1.35;white-space:pre-wrap}
"""


def render_report(
    report: Mapping[str, Any],
    log: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    predictions: Mapping[str, Sequence[Judged]],
) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        report: what `report.json` holds.
        log: the lines of `log.jsonl`.
        config: the whole configuration.
        predictions: the sentences of each scored part.
    """
    yield _head()
    yield f"<h1>seqtag: {escape(report['task'])}, seed {report['seed']}</h1>\n"
    yield from _summary(report)
    yield from _learning(log)
    for name, scores in report["splits"].items():
        yield from _part(name, scores, predictions.get(name, ()))
    yield "<h2>Settings and environment</h2>\n"
    yield _table(["package", "version"], _environment(report))
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    yield f"<h3>Configuration</h3>\n<pre>{escape(text)}</pre>\n</body>\n</html>\n"


def _head() -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>seqtag report</title>
<style>
{STYLE}{_PAGE_STYLE}</style>
</head>
<body>
"""


def _summary(report: Mapping[str, Any]) -> Iterator[str]:
    names = {
        "f1": "F1 (strict)",
        "precision": "precision",
        "recall": "recall",
        "label_accuracy": "label accuracy",
        "sentence_accuracy": "sentence accuracy",
        "macro_f1": "macro F1",
        "log_loss": "log loss",
    }
    if report["task"] == "classification":
        names = {"accuracy": "accuracy", **names}
    splits = report["splits"]
    present = [name for name in names if any(scores.get(name) is not None for scores in splits.values())]
    rows = [
        [part, *(_figure(scores.get(name)) for name in present), *_interval(scores)] for part, scores in splits.items()
    ]
    yield _table(["part", *(names[name] for name in present), "95 % interval"], rows)
    if any(scores.get("used_for_selection") for scores in splits.values()):
        yield '<p class="note">The validation part was used to choose the model: new data score lower.</p>\n'
    training = report["training"]
    yield (
        f"<p>{training['parameters']:,} parameters; {training['epochs']} epochs in {training['seconds']:,.0f} s, the "
        f"best is epoch {training['best_epoch']}; {training['tokens_per_second']:,.0f} tokens/s; "
        f"{training['compiled_shapes']} programs compiled in {training['compile_seconds']:.1f} s; "
        f"{training['peak_memory_bytes'] / 2**20:,.0f} MiB at most.</p>\n"
    )


def _interval(scores: Mapping[str, Any]) -> list[str]:
    """Of the first score of the part."""
    found = scores.get("f1_ci95") or scores.get("accuracy_ci95")
    return [f"{found[0]:.4f} to {found[1]:.4f}" if found else ""]


def _learning(log: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not log:
        return
    yield "<h2>Learning curves</h2>\n"
    epochs = [entry["epoch"] for entry in log]
    yield curve("loss on the training part (nats)", epochs, [Line("loss", [entry["loss"] for entry in log])], None)
    names = [name for name in LOGGED_SCORES if name in log[0]]
    lines = [Line(LOGGED_SCORES[name], [entry[name] for entry in log]) for name in names]
    if lines:
        yield curve("validation", epochs, lines, 1.0)


def _part(name: str, scores: Mapping[str, Any], sentences: Sequence[Judged]) -> Iterator[str]:
    yield f"<h2>{escape(name.capitalize())} part</h2>\n"
    yield f"<p>{scores['sentences']:,} sentences, {scores['tokens']:,} tokens.</p>\n"
    if "f1" in scores:
        yield from _spans(scores)
    of_labels = label_scores(scores)
    if of_labels:
        yield "<h3>Labels of texts</h3>\n"
        yield _per_label(of_labels["per_label"])
        yield from _matrix(of_labels.get("confusion", {}), sorted(of_labels["per_label"]), "texts")
        yield from _reliability(of_labels["calibration"], "label scores")
    yield from worst_errors(sentences)


def _spans(scores: Mapping[str, Any]) -> Iterator[str]:
    errors = scores["errors"]
    yield "<h3>Spans by label</h3>\n"
    yield _per_label(scores["per_label"])
    yield "<h3>Kinds of errors</h3>\n"
    kinds = errors["kinds"]
    most = max([count for kind, count in kinds.items() if kind != "correct"], default=0)
    rows = [
        [text, f"{kinds[kind]:,}", _Bar(kinds[kind] / most if most and kind != "correct" else 0)]
        for kind, text in _KINDS.items()
    ]
    yield _table(["kind", "spans", ""], rows)
    yield "<h3>F1 by what counts as right (SemEval-2013)</h3>\n"
    yield _table(
        ["", "precision", "recall", "F1"],
        [
            [f"{way}: {text}", *(_figure(errors["matching"][way][name]) for name in ("precision", "recall", "f1"))]
            for way, text in _WAYS.items()
        ],
    )
    yield "<h3>Confusion of spans</h3>\n"
    labels = sorted(
        {*errors["confusion"], *(column for row in errors["confusion"].values() for column in row)} - {NONE}
    )
    yield from _matrix(errors["confusion"], [*labels, NONE], f"spans, wrong boundaries too; {NONE}: missed, spurious")
    yield "<h3>F1 by length of sentence</h3>\n"
    yield _table(
        ["tokens", "sentences", "spans", "F1", ""],
        [
            [
                f"{row['from']} to {row['to']}" if row["to"] else f"{row['from']} and more",
                f"{row['sentences']:,}",
                f"{row['entities']:,}",
                _figure(row["f1"]),
                _Bar(row["f1"] or 0),
            ]
            for row in errors["by_length"]
        ],
    )
    if "seen" in errors:
        yield "<h3>Recall of seen and unseen spans</h3>\n"
        rows = [
            [text, f"{errors[key]['entities']:,}", _figure(errors[key]["recall"]), _Bar(errors[key]["recall"] or 0)]
            for key, text in (("seen", "text and label occur in the training part"), ("unseen", "they do not"))
        ]
        yield _table(["", "spans", "recall", ""], rows)
    yield from _reliability(scores["calibration"], "entity scores")


class _Bar(float):
    """A share, shown as a bar."""


def _per_label(rows: Mapping[str, Mapping[str, Any]]) -> str:
    return _table(
        ["label", "precision", "recall", "F1", "support", "predicted", ""],
        [
            [
                label,
                *(_figure(row[name]) for name in ("precision", "recall", "f1")),
                f"{row['support']:,}",
                f"{row['predicted']:,}",
                _Bar(row["f1"]),
            ]
            for label, row in rows.items()
        ],
    )


def _matrix(confusion: Mapping[str, Mapping[str, int]], labels: Sequence[str], what: str) -> Iterator[str]:
    """Rows gold, columns predicted; the darker, the larger the share of the row."""
    if not confusion:
        return
    yield f'<p class="note">Rows: gold; columns: predicted. Counts of {escape(what)}.</p>\n'
    if len(labels) <= _LARGEST_MATRIX:
        yield '<div class="wide"><table class="matrix"><thead><tr><td></td>'
        yield "".join(f'<th scope="col">{escape(label)}</th>' for label in labels) + "</tr></thead>\n"
        for row in labels:
            counts = confusion.get(row, {})
            total = sum(counts.values())
            cells = "".join(_cell(counts.get(column, 0), total, row == column) for column in labels)
            yield f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>\n'
        yield "</table></div>\n"
    wrong = sorted(
        (
            (count, row, column)
            for row, counts in confusion.items()
            for column, count in counts.items()
            if row != column
        ),
        key=lambda entry: (-entry[0], entry[1:]),
    )
    if len(labels) > 2 and wrong:
        rows = [[row, column, f"{count:,}"] for count, row, column in wrong[:_CONFUSIONS]]
        yield "<p>Most frequent:</p>\n" + _table(["gold", "predicted", "count"], rows)


def _cell(count: int, total: int, is_right: bool) -> str:
    if not count:
        return "<td></td>"
    color = "22,163,74" if is_right else "220,38,38"
    return f'<td style="background:rgba({color},{0.1 + 0.45 * count / total:.2f})">{count:,}</td>'


def _reliability(calibration: Mapping[str, Any], what: str) -> Iterator[str]:
    if calibration["ece"] is None:
        return
    yield f"<h3>Reliability of {what}</h3>\n"
    yield reliability(calibration["bins"])
    yield (
        f'<p class="note">Each circle is a range of scores: the share that is right over the mean score; its area '
        f"grows with the count. On the diagonal scores are probabilities. Expected calibration error "
        f"{calibration['ece']:.4f} over {calibration['count']:,}.</p>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str | _Bar]]) -> str:
    lines = "".join(f"<tr>{''.join(map(_entry, row))}</tr>\n" for row in rows)
    named = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="wide"><table><thead><tr>{named}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n'


def _entry(entry: str | _Bar) -> str:
    if isinstance(entry, _Bar):
        return f'<td class="bar"><i style="width:{100 * entry:.1f}%"></i></td>'
    return f"<td>{escape(entry)}</td>"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _environment(report: Mapping[str, Any]) -> list[list[str]]:
    rows = [[name, importlib.metadata.version(name)] for name in _PACKAGES]
    devices = f"{report['training']['devices']} x {jax.devices()[0].device_kind} ({jax.default_backend()})"
    return [
        *rows,
        ["Python", sys.version.split()[0]],
        ["system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"],
        ["devices", devices],
    ]
