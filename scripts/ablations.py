"""What each setting is worth: a run of several seeds for each change to a configuration, and a table of differences.

    python scripts/ablations.py --changes scripts/ablations/conll2003.yaml --config configs/conll2003.yaml \
        --seeds 1,2,3 --output DIR [--only NAME ...] [--data.path DIR and other settings of all runs]

The file of changes has a name a line, and after it the settings that it changes. Everything goes through `seqtag.train`
and `seqtag.compare`; runs that are finished are kept, and one that was stopped goes on. The table, in Markdown, is
printed and left in DIR/ablations.md. It is of the F1 of spans, so the task must be ner or joint.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqtag.errors import InputError
from seqtag.running import run
from seqtag.settings_file import read_yaml

BASE = "as it is"
"""The row that the others are compared with."""


def parse(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and those that are passed on to every training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--changes", type=Path, required=True, metavar="FILE.yaml")
    parser.add_argument("--config", required=True, metavar="FILE.yaml")
    parser.add_argument("--seeds", default="1,2,3", metavar="N,N")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the changes")
    return parser.parse_known_args(argv)


def read_changes(path: Path, only: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """The settings that each change sets, as they are written, the unchanged run first. Raises InputError."""
    changes = read_yaml(path, "--changes")
    if not isinstance(changes, dict) or not all(isinstance(settings, dict) for settings in changes.values()):
        raise InputError(
            f"--changes {path}: must hold a name a line with the settings that it changes, {{model.dropout: 0.3}}"
        )
    if unknown := sorted(set(only or ()) - set(changes)):
        raise InputError(f"--only {unknown[0]!r}: not in {path}, which has {', '.join(changes)}")
    return {BASE: {}} | {name: own for name, own in changes.items() if only is None or name in only}


def folder_of(output: Path, name: str) -> Path:
    """Where the runs of a change lie."""
    return output / re.sub(r"[^\w.]+", "-", name)


def written(value: Any) -> str:
    """A setting's value as a flag has it."""
    return "null" if value is None else f"[{', '.join(value)}]" if isinstance(value, list) else value


def train(arguments: argparse.Namespace, name: str, settings: dict[str, Any], others: list[str]) -> dict[str, Any]:
    """The report of all seeds of a change."""
    folder = folder_of(arguments.output, name)
    flags = [f"--{setting}={written(value)}" for setting, value in settings.items()]
    command = [sys.executable, "-m", "seqtag.train", "--config", arguments.config, *others, *flags]
    command += ["--seeds", arguments.seeds, "--output", str(folder)]
    if (folder / "config.yaml").exists():
        command.append("--resume")
    print(f"{name}: {folder}", file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    if "f1" not in report["mean"].get("validation", {}):
        raise InputError(f"--config {arguments.config}: its runs have no F1 of spans on a validation part to compare")
    return report


def compare(base: Path, other: Path) -> dict[str, Any]:
    """How the validation F1 of a change differs from that of the unchanged runs."""
    report = other / "difference.json"
    command = [sys.executable, "-m", "seqtag.compare", str(base), str(other), "--split", "validation"]
    subprocess.run([*command, "--show", "0", "--report", str(report)], check=True, stdout=subprocess.DEVNULL)
    return json.loads(report.read_text(encoding="utf-8"))["measures"]["f1"]


def row(name: str, settings: dict[str, Any], report: dict[str, Any], difference: dict[str, Any] | None) -> str:
    """A line of the table."""
    mean, deviation = (report[kind]["validation"]["f1"] for kind in ("mean", "std"))
    training = [one["training"] for one in report["runs"]]
    seconds = sum(one["seconds"] for one in training) / len(training)
    shown = " ".join(f"`{setting} {written(value)}`" for setting, value in settings.items())
    told = ""
    if difference:
        low, high = difference["ci95"]
        told = f"{difference['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
    spread = "" if deviation is None else f" ± {deviation:.4f}"
    cells = [name, shown, f"{mean:.4f}{spread}", told, f"{training[0]['parameters'] / 1e6:.2f} M", f"{seconds:,.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Train, compare, print; returns the exit code."""
    arguments, others = parse()
    changes = read_changes(arguments.changes, arguments.only)
    lines = [
        f"Strict span F1 on the validation part, mean and deviation of seeds {arguments.seeds}; differences with their "
        "95 % paired bootstrap intervals over sentences.",
        "",
        "| change | settings | F1 | difference | parameters | seconds a run |",
        "|---|---|---|---|---|---|",
    ]
    for name, settings in changes.items():
        report = train(arguments, name, settings, others)
        base, own = folder_of(arguments.output, BASE), folder_of(arguments.output, name)
        lines.append(row(name, settings, report, None if name == BASE else compare(base, own)))
        (arguments.output / "ablations.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    run(main)
