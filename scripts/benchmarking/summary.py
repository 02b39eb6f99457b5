"""From the records of all rounds to medians, spread and ratios."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Record = Mapping[str, float | None]
"""Measures of one peer in one round, by name; None or absent where there is none."""


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def summarize(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """The spread of each measure over the rounds that have it."""
    names = {name: None for record in records for name in record}
    found = {name: [value for record in records if (value := record.get(name)) is not None] for name in names}
    return {name: spread(values) for name, values in found.items() if values}


def ratios(own: Sequence[Record], other: Sequence[Record]) -> dict[str, float]:
    """By measure, the median over rounds of own / other: what two processes measured near in time had in common."""
    by_name: dict[str, list[float]] = {}
    for one, two in zip(own, other, strict=True):
        for name, value in one.items():
            divisor = two.get(name)
            if value is not None and divisor:
                by_name.setdefault(name, []).append(value / divisor)
    return {name: median(values) for name, values in by_name.items()}


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent of growth between the first size and the last: 1 where time is linear."""
    from math import log

    return log(seconds[-1] / seconds[0]) / log(sizes[-1] / sizes[0])


def shown(values: Mapping[str, float] | None, digits: int = 0, factor: float = 1.0) -> str:
    """A spread as `median (min-max)`; the median alone where that is all; a dash for None."""
    if values is None:
        return "–"
    middle, least, most = (f"{factor * values[key]:,.{digits}f}" for key in ("median", "min", "max"))
    return middle if least == most else f"{middle} ({least}–{most})"


def flat(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a worker's tagging result under the names of the records."""
    named: dict[str, float] = {"tag_memory": result["peak_memory_bytes"], "short_text_ms": result["short_text_ms"]}
    for way in ("ids", "tokens", "raw"):
        if way in result:
            named[way], named[f"{way}_cores"] = result[way]["tokens_per_second"], result[way]["cores"]
    return named
