"""`python -m seqtag.compare`: whether the difference between two runs is real."""

from pathlib import Path
from typing import Any

from seqtag.command_line import make_parser, parse_flags, report_file
from seqtag.errors import InputError
from seqtag.running import run

_DESCRIPTION = (
    "Compare two run folders on the same data: differences with their paired bootstrap intervals and p-values, in all "
    "and per label, and the sentences where they differ most. A folder of several seeds counts with its mean."
)
_SAMPLES = 2000


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser("seqtag compare", _DESCRIPTION, sections=())
    parser.add_argument("runs", type=str, nargs="*", default=[], metavar="RUN", help="two run folders, A and B")
    parser.add_argument("--split", choices=["validation", "test"], help="default: test where both have it")
    parser.add_argument("--report", type=str, metavar="FILE", help="write the comparison to a .json or .txt file")
    parser.add_argument("--samples", type=int, default=_SAMPLES, metavar="N", help=f"resamples (default: {_SAMPLES})")
    parser.add_argument("--show", type=int, default=10, metavar="N", help="sentences to list (default: 10)")
    flags = parse_flags(parser, argv)
    if len(flags.runs) != 2:
        raise InputError(f"name two run folders to compare, not {len(flags.runs)}")
    if flags.samples < 1 or flags.show < 0:
        raise InputError("--samples must be at least 1 and --show at least 0")
    file = report_file(flags.report)

    # Here and not above: it takes a second, and what is wrong with the flags is said at once.
    from seqtag.evaluation.comparing import format_comparison
    from seqtag.evaluation.reports import write_report

    comparison = _compare([Path(name) for name in flags.runs], flags.split, flags.samples, flags.show)
    print(format_comparison(comparison), end="")
    if file:
        write_report(comparison, file, format_comparison)
    return 0


def _compare(folders: list[Path], split: str | None, samples: int, shown: int) -> dict[str, Any]:
    from seqtag.evaluation.comparing import compare
    from seqtag.evaluation.prediction_files import read_predictions
    from seqtag.evaluation.reports import SELECTION
    from seqtag.training.run_directory import RunDirectory

    sides = []
    for folder in folders:
        whole = RunDirectory(folder)
        if not whole.config.is_file():
            raise InputError(f"{folder}: is no run folder (no {whole.config.name}); name what --output was in training")
        runs = [whole.of_seed(seed) for seed in whole.seeds()] or [whole]
        for one in runs:
            if not (one.report.is_file() and (one.model / "model.safetensors").is_file()):
                raise InputError(f"{one.path}: its training is not finished, or its model is gone; --resume it first")
        sides.append(runs)
    if split is None:
        has_test = all(any(one.predictions.glob("test.*")) for runs in sides for one in runs)
        split = "test" if has_test else SELECTION
    predictions = [[read_predictions(one.predictions, split) for one in runs] for runs in sides]
    models = [[(one.model / "model.safetensors").read_bytes() for one in runs] for runs in sides]
    return {
        "runs": [str(folder) for folder in folders],
        "split": split,
        "used_for_selection": split == SELECTION,
        "identical_models": models[0] == models[1],
        **compare(*predictions, samples=samples, shown=shown),
    }


if __name__ == "__main__":
    run(main)
