"""What was measured, as tables for people."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from benchmarking.contestants import CONTESTANTS
from benchmarking.summary import shown

MEGABYTE = 1e-6


def _ratio(row: dict[str, Any], name: str) -> str:
    value = row.get("ratios", {}).get(name)
    return "" if value is None else f" [{value:.2f}x]"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def peers(found: dict[str, Any]) -> Iterator[Table]:
    """Training, tagging and starting, for each batch size."""
    for batch, rows in found["batches"].items():
        yield training(rows, f"Training, batches of {batch} sentences")
        tagged = {name: row for name, row in rows.items() if "raw" in row["summary"]}
        if tagged:
            yield tagging(tagged, f"Tagging, batches of {batch} sentences for the peers that have them")
            yield starting(tagged)


def training(rows: dict[str, Any], title: str) -> Table:
    """Tokens a second in training, with seqtag's ratio to each peer in brackets."""
    table = _table(title, "", "tokens/s", "share of peak", "peak MB", "compile s, no cache", "with cache")
    for name, row in rows.items():
        summary, share = row["summary"], row.get("share_of_peak", {}).get("train")
        table.add_row(
            CONTESTANTS[name].title,
            shown(summary.get("train")) + _ratio(row, "train").replace("[", r"\["),
            "–" if share is None else f"{100 * share:.0f} %",
            shown(summary.get("train_memory"), factor=MEGABYTE),
            shown(summary.get("compile"), 1),
            shown(summary.get("compile_cached"), 1),
        )
    return table


def tagging(rows: dict[str, Any], title: str) -> Table:
    """Tokens a second from ids, tokens and raw text, and what a trillion of them costs."""
    table = _table(
        title, "", "ids in, tokens/s", "tokens in", "raw text in", "cores busy", "peak MB", "core-hours per 10^12 (raw)"
    )
    for name, row in rows.items():
        summary = row["summary"]
        rates = [shown(summary.get(way)) + _ratio(row, way).replace("[", r"\[") for way in ("ids", "tokens", "raw")]
        table.add_row(
            CONTESTANTS[name].title,
            *rates,
            shown(summary.get("raw_cores"), 2),
            shown(summary.get("tag_memory"), factor=MEGABYTE),
            f"{row['core_hours_per_trillion']['raw']:,.0f}",
        )
    return table


def starting(rows: dict[str, Any]) -> Table:
    """The time until the first answer."""
    table = _table("Starting", "", "process, one sentence: s", "import: s", "short text, loaded: ms")
    for name, row in rows.items():
        summary = row["summary"]
        whole, imported = shown(summary["whole_process"], 2), shown(summary["import"], 2)
        table.add_row(CONTESTANTS[name].title, whole, imported, shown(summary["short_text_ms"], 2))
    return table


def notes(found: dict[str, Any]) -> Iterator[str]:
    """What to know to read the tables."""
    names = {name: None for rows in found["batches"].values() for name in rows}
    for name in names:
        yield f"{CONTESTANTS[name].title}: {CONTESTANTS[name].note}."
    for name, reason in found["left_out"].items():
        yield f"{CONTESTANTS[name].title} is left out: {reason}"
    peak = found["peak"]
    yield (
        f"Matrix products of 2048 x 2048 float32: {peak['numpy_flops'] / 1e9:,.0f} GFLOP/s by NumPy, "
        f"{peak['jax_flops'] / 1e9:,.0f} by JAX; the greater is the peak that shares are of. The model's arithmetic: "
        f"{found['flops_per_token']['forward'] / 1e6:.2f} MFLOP a token forward, three times that in training."
    )
    yield (
        "In brackets: seqtag's rate over the peer's, the median over rounds. Rates count the corpus's tokens for "
        "everybody; raw text is its tokens joined by blanks. Core-hours = 10^12 / rate x cores busy / 3600. All give "
        "tags to the caller, seqtag with probabilities. `import seqtag` loads JAX later; the whole process includes it."
    )


def scaling(found: dict[str, Any]) -> Iterator[Table]:
    """Step times and linearity."""
    table = _table("Training step of seqtag", "", "value", "ms a step", "tokens a step", "tokens/s", "compile s")
    for name, points in found["step"].items():
        for value, point in points.items():
            rates = f"{point['step_ms']:,.1f}", f"{point['tokens_per_step']:,.0f}", f"{point['tokens_per_second']:,.0f}"
            table.add_row(name, f"{int(value):,}", *rates, f"{point['compile_seconds']:.1f}")
    yield table
    title = f"Tagging more and more tokens: time grows as tokens^{found['exponent']:.3f}"
    table = _table(title, "tokens", "seconds", "tokens/s", "peak MB so far")
    for row in found["linear"]:
        speed, memory = row["tokens"] / row["seconds"], row["peak_memory_bytes"] * MEGABYTE
        table.add_row(f"{row['tokens']:,}", f"{row['seconds']:.2f}", f"{speed:,.0f}", f"{memory:,.0f}")
    yield table


def devices(found: dict[str, Any]) -> Table:
    """Simulated devices."""
    table = _table("Training on simulated devices (they share the same cores)", "devices", "tokens/s", "peak MB")
    for count, record in found.items():
        table.add_row(count, f"{record['train']:,.0f}", f"{record['train_memory'] * MEGABYTE:,.0f}")
    return table
