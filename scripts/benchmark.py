"""Speed, memory and start of seqtag beside its peers, on the same corpus and the same sizes.

    python scripts/benchmark.py [--corpus FOLDER] [--peers-python PYTHON] [--part peers scaling devices]

Every measure is a process of its own; they run in turn, several rounds, and the table shows the median and the spread.
seqtag is measured through its commands and `seqtag.load`, peers by the scripts in `scripts/peers`, in an environment
of their own if need be (`pip install -r scripts/peers/requirements.txt`); one that cannot be imported is left out.
On a GPU:

    python scripts/benchmark.py --device cuda --batch 32 256 2048 --only seqtag pytorch seqtag-softmax pytorch-softmax
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarking import tables
from benchmarking.contestants import CONTESTANTS, Work
from benchmarking.parts import measure_devices, measure_peers, measure_scaling
from benchmarking.processes import ProcessError, run_worker
from rich.console import Console

LEAST = 50_000
"""Tokens of each part; a smaller corpus is repeated."""
QUICK = {"seconds": 0.5, "rounds": 1, "sentences": 300, "least": 2_000, "exponent": 5, "steps": 4}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--corpus", type=Path, help="folder with train.txt and valid.txt (default: the sample, repeated)"
    )
    parser.add_argument("--part", nargs="+", choices=("peers", "scaling", "devices"), default=["peers"])
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="ROW")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PYTHON", help="the peers' interpreter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, nargs="+", default=[32], help="sentences in a batch; one table each")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where networks run")
    parser.add_argument("--seconds", type=float, default=10.0, help="about how long one measure takes")
    parser.add_argument("--sentences", type=int, help="the first so many of each part of the corpus (default: all)")
    parser.add_argument("--quick", action="store_true", help="a short run that only shows that everything works")
    parser.add_argument("--output", type=Path, default=Path("benchmark.json"), metavar="FILE.json")
    arguments = parser.parse_args(argv)
    arguments.least, arguments.exponent, arguments.steps = LEAST, 7, 30
    if arguments.quick:
        vars(arguments).update(QUICK)
    return arguments


def describe_machine() -> dict[str, Any]:
    """What the figures depend on."""
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = {name: version(name) for name in ("seqtag", "jax", "flax", "numpy")}
    return {"processor": processor, "cores": cores, "python": platform.python_version(), "packages": packages}


def measure(arguments: argparse.Namespace, folder: Path, console: Console, found: dict[str, Any]) -> None:
    """Run the parts asked for, print each one's tables when it is done, and put what is found into `found`."""
    start = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - start:6.0f} s] {what}", file=sys.stderr, flush=True)

    work = Work(folder, arguments.peers_python, arguments.seconds, arguments.batch[0], arguments.device)
    work.corpus.mkdir()
    source = ("--source", arguments.corpus.resolve()) if arguments.corpus else ()
    some = ("--sentences", arguments.sentences) if arguments.sentences else ()
    corpus = run_worker("corpus_worker", "corpus", *source, *some, "--least", arguments.least, "--corpus", work.corpus)
    name = arguments.corpus.name if arguments.corpus else "the sample"
    found |= {
        "machine": describe_machine(),
        "corpus": {"name": name, **corpus},
        "settings": {key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()},
    }
    train, valid = corpus["train"], corpus["validation"]
    console.print(
        f"{found['machine']['processor']}, {found['machine']['cores']} cores. Corpus: {name}, {train['tokens']:,} "
        f"tokens of {train['words']:,} words to train on, {valid['tokens']:,} to tag"
    )
    if "peers" in arguments.part:
        works = [dataclasses.replace(work, batch=batch) for batch in arguments.batch]
        found["peers"] = measure_peers(works, arguments.only, arguments.rounds, corpus, say)
        console.print(*tables.peers(found["peers"]), sep="\n")
        console.print(*tables.notes(found["peers"]), sep="\n", highlight=False, markup=False)
    if "scaling" in arguments.part:
        found["scaling"] = measure_scaling(work, arguments.exponent, arguments.steps, arguments.quick, say)
        console.print(*tables.scaling(found["scaling"]), sep="\n")
    if "devices" in arguments.part:
        found["devices"] = measure_devices(work, say)
        console.print(tables.devices(found["devices"]))


def main() -> int:
    """Measure, print, write; returns the exit code."""
    arguments = parse()
    console = Console() if sys.stdout.isatty() else Console(width=200)
    found: dict[str, Any] = {}
    failed = False
    with tempfile.TemporaryDirectory(prefix="seqtag-benchmark-") as folder:
        try:
            measure(arguments, Path(folder), console, found)
        except ProcessError as error:
            failed = True
            print(f"benchmark: {error}", file=sys.stderr)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {arguments.output}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
