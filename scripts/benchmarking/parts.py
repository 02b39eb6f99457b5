"""The parts of the benchmark: each measures, and returns what goes into the JSON file."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarking.contestants import CONTESTANTS, Work, train_seqtag
from benchmarking.cost import TRAINING, Sizes, core_hours, flops_per_token, share_of_peak
from benchmarking.processes import ProcessError, run, run_worker
from benchmarking.summary import Record, ratios, slope, summarize

Say = Callable[[str], None]

SCALING: dict[str, Sequence[int]] = {
    "vocabulary": (20_000, 400_000),
    "length": (8, 32, 128, 512, 2048),
    "batch_tokens": (128, 512, 2048, 8192),
    "hidden_size": (64, 128, 256, 512),
    "tags": (9, 127),
}
SIMULATED = (1, 2, 4, 8)


def measure_peers(
    works: Sequence[Work], only: Sequence[str], rounds: int, corpus: dict[str, Any], say: Say
) -> dict[str, Any]:
    """Everybody in turn, several rounds; for each batch size of `works`."""
    left_out = unavailable(works[0].python, only)
    names = [name for name in only if name not in left_out]
    peak = run_worker("seqtag_worker", "peak", "--seconds", min(4.0, works[0].seconds), device=works[0].device)
    flops = flops_per_token(sizes_of(corpus))
    by_batch = {}
    for work in works:
        if any(CONTESTANTS[name].planned for name in names):
            size = ("--batch-tokens", 16 * work.batch)
            run_worker("corpus_worker", "plan", "--corpus", work.corpus, "--output", work.plan, *size)
        records: dict[str, list[Record]] = {name: [] for name in names}
        for round_number in range(1, rounds + 1):
            bare = {python: run([python, "-c", "pass"]).seconds for python in {sys.executable, work.python}}
            for name in names:
                if name in left_out:
                    continue
                contestant = CONTESTANTS[name]
                say(f"batch {work.batch}, round {round_number}: {contestant.title}")
                own = sys.executable if contestant.worker is None else work.python
                try:
                    records[name].append(contestant.measure(work, name, round_number, bare[own]))
                except ProcessError as failed:
                    left_out[name] = str(failed)
        by_batch[str(work.batch)] = {
            name: _described(name, records, flops, max(peak["numpy_flops"], peak["jax_flops"]))
            for name in names
            if name not in left_out
        }
    return {"peak": peak, "flops_per_token": flops, "left_out": left_out, "batches": by_batch}


def _described(name: str, records: dict[str, list[Record]], flops: dict[str, float], peak: float) -> dict[str, Any]:
    """Rounds, medians, ratios and costs of one row."""
    contestant = CONTESTANTS[name]
    summary = summarize(records[name])
    found: dict[str, Any] = {"rounds": records[name], "summary": summary, "note": contestant.note}
    against = records.get(contestant.against, [])
    if contestant.worker is not None and len(against) == len(records[name]):
        found["ratios"] = ratios(against, records[name])
    if contestant.worker in (None, "torch_lstm"):
        found["share_of_peak"] = {
            way: share_of_peak(summary[way]["median"], flops["forward"] * times, peak)
            for way, times in (("train", TRAINING), ("ids", 1))
            if way in summary
        }
    found["core_hours_per_trillion"] = {
        way: core_hours(summary[way]["median"], summary[f"{way}_cores"]["median"])
        for way in ("ids", "tokens", "raw")
        if way in summary
    }
    return found


def unavailable(python: str, names: Sequence[str]) -> dict[str, str]:
    """Peers that this interpreter cannot import, with the reason."""
    reasons = {}
    for name in names:
        contestant = CONTESTANTS[name]
        modules = f"{contestant.imported}, torchcrf" if contestant.worker == "torch_lstm" else contestant.imported
        try:
            run([python if contestant.worker else sys.executable, "-c", f"import {modules}"])
        except ProcessError as failed:
            reasons[name] = str(failed)
    return reasons


def sizes_of(corpus: dict[str, Any]) -> Sizes:
    """The sizes of the model on this corpus: its tags are learned in BIOES, two of IOB2 becoming four."""
    part = corpus["train"]
    return Sizes(tags=2 * (part["tags"] - 1) + 1, characters=part["characters_per_token"])


def measure_scaling(work: Work, exponent: int, steps: int, quick: bool, say: Say) -> dict[str, Any]:
    """Step times, one thing changed at a time, and the time of tagging more and more tokens."""
    found: dict[str, Any] = {"step": {}}
    for name, values in SCALING.items():
        found["step"][name] = {}
        for value in (values[0], values[-1]) if quick else values:
            say(f"step: {name} {value}")
            result = run_worker("scaling_worker", "step", f"--{name}", value, "--steps", steps, device=work.device)
            found["step"][name][str(value)] = result
    output = work.folder / "linear"
    train_seqtag(work, output, "linear")
    say(f"tagging 10^4 to 10^{exponent} tokens")
    at = ("--corpus", work.corpus, "--model", output / "model", "--exponent", exponent)
    rows = run_worker("seqtag_worker", "linear", *at, device=work.device)["linear"]
    found["linear"] = rows
    # From 10^5 on, since the smallest is little more than the start of the pipeline.
    kept = rows[1:] if len(rows) > 2 else rows
    found["exponent"] = slope([row["tokens"] for row in kept], [row["seconds"] for row in kept])
    return found


def measure_devices(work: Work, say: Say) -> dict[str, Any]:
    """Training with simulated devices on one machine: a check that it runs, not of speed."""
    found = {}
    for count in SIMULATED:
        say(f"{count} simulated devices")
        variables = {"JAX_NUM_CPU_DEVICES": str(count), "JAX_PLATFORMS": "cpu"}
        found[str(count)] = train_seqtag(work, work.folder / f"devices-{count}", f"devices-{count}", more=variables)
    return found
