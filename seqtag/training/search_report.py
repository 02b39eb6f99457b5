"""What a search has found so far: `search.json` for programs, `search.txt` for people, `best.yaml` to go on with."""

import json
from typing import Any

from seqtag.config import Config
from seqtag.evaluation.reports import write_report
from seqtag.training.run_directory import write_config
from seqtag.training.search_directory import SearchDirectory
from seqtag.training.search_space import configured

_SCORES = {
    "ner": "strict span F1",
    "classification": "the share of texts with exactly the right labels",
    "joint": "the mean of strict span F1 and the share of texts with exactly the right labels",
}
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
_ORDER = (COMPLETE, PRUNED, FAILED)


def best_trial(trials: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of the complete trials with the highest score; None where none is complete."""
    complete = [trial for trial in trials if trial["state"] == COMPLETE]
    return max(complete, key=lambda trial: trial["score"], default=None)


def write_search(folder: SearchDirectory, config: Config, report: dict[str, Any]) -> str:
    """Write all three, and return the text. `report` is what `search.json` holds."""
    for suffix in (".json", ".txt"):
        write_report(report, folder.report.with_suffix(suffix), format_search)
    if best := best_trial(report["trials"]):
        comment = (
            f"# Trial {best['number']}, the best of {len(report['trials'])} by its validation score, "
            f"{best['score']:.4f}. Confirm it:\n#\n#   python -m seqtag.train --config {folder.best} --seeds 1,2,3\n"
        )
        write_config(configured(config, best["settings"]), folder.best, comment)
    return format_search(report)


def format_search(report: dict[str, Any]) -> str:
    """A table of the trials, best first, and what may be concluded from it."""
    trials = sorted(report["trials"], key=lambda trial: (_ORDER.index(trial["state"]), -(trial["score"] or 0.0)))
    counts = ", ".join(f"{sum(trial['state'] == state for trial in trials)} {state}" for state in _ORDER)
    names = list(report["space"])
    rows = [["trial", "score", "epoch", "seconds", "state", *names]]
    for trial in trials:
        rows.append(
            [
                str(trial["number"]),
                *("" if trial["score"] is None else f"{trial['score']:.4f}", str(trial["best_epoch"] or "")),
                "" if trial["seconds"] is None else f"{trial['seconds']:,.0f}",
                trial["state"],
                *(_shown(trial["settings"][name]) for name in names),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        f"search: {len(trials)} of {report['asked']} trials, seed {report['seed']}: {counts}",
        "",
        *("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
        "",
    ]
    for trial in trials:
        if trial["reason"]:
            lines.append(f"trial {trial['number']} {trial['state']}: {trial['reason']}")
    if report["importances"]:
        shown = ", ".join(f"{name} {share:.2f}" for name, share in report["importances"].items())
        lines.append(f"importance for being among the best complete trials (PED-ANOVA, sums to 1): {shown}")
    lines += [
        f"Scores are {report['score']} on the validation part, each of the trial's best epoch.",
        "They were used for selection and come from one seed: the best of so many is optimistic. Confirm the settings "
        "with several seeds.",
    ]
    return "\n".join(lines) + "\n"


def score_name(task: str) -> str:
    """What the score of a trial is, for people."""
    return _SCORES[task]


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
