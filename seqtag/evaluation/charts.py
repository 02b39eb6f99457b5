"""Small charts as SVG, in the colours of the page around them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqtag.html import escape

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 130, 28, 36
_COLORS = ("#2563eb", "#d97706", "#059669")
_LARGEST_RADIUS = 16
_SIDE = 320


class Line(NamedTuple):
    """A named series of values."""

    name: str
    values: Sequence[float]


def curve(title: str, x: Sequence[int], lines: Sequence[Line], highest: float | None) -> str:
    """Lines over epochs; the y axis ends at `highest`, or above the largest value where None."""
    values = [value for line in lines for value in line.values]
    low = 0.0 if highest is None else max(0.0, min(values) - 0.02)
    high = max(values) * 1.05 or 1.0 if highest is None else highest
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(value: float) -> float:
        return _LEFT + width * (value - x[0]) / max(1, x[-1] - x[0])

    def up(value: float) -> float:
        return _TOP + height * (1 - (value - low) / ((high - low) or 1.0))

    parts = [_opened(_WIDTH, _HEIGHT, title), f'<text x="{_LEFT}" y="16">{escape(title)}</text>']
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(_grid(_LEFT, up(value), _LEFT + width, up(value)))
        parts.append(f'<text x="{_LEFT - 8}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for epoch in sorted({x[0], x[len(x) // 2], x[-1]}):
        parts.append(f'<text x="{across(epoch):.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{_LEFT + width / 2:.0f}" y="{_HEIGHT - 3}" text-anchor="middle">epoch</text>')
    # Names stand at the ends of their lines, and apart from one another.
    ends = sorted((up(line.values[-1]), index) for index, line in enumerate(lines))
    place = -float("inf")
    for end, index in ends:
        place = max(end + 4, place + 15)
        line, color = lines[index], _COLORS[index % len(_COLORS)]
        points = " ".join(f"{across(epoch):.1f},{up(value):.1f}" for epoch, value in zip(x, line.values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<circle cx="{across(x[-1]):.1f}" cy="{end:.1f}" r="3" fill="{color}"/>')
        name = f"{escape(line.name)} {line.values[-1]:.3g}"
        parts.append(f'<text x="{_LEFT + width + 8}" y="{place:.1f}">{name}</text>')
    return "".join([*parts, "</svg>\n"])


def reliability(bins: Sequence[Mapping[str, Any]]) -> str:
    """The share that is right over the mean score of each bin (Niculescu-Mizil and Caruana 2005, section 4)."""
    margin, side = 44, _SIDE - 60

    def across(value: float) -> float:
        return margin + side * value

    def up(value: float) -> float:
        return 12 + side * (1 - value)

    parts = [_opened(_SIDE, _SIDE, "share that is right over mean score")]
    for step in range(5):
        value = step / 4
        parts.append(_grid(across(0), up(value), across(1), up(value)))
        parts.append(f'<text x="{margin - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<text x="{across(value):.1f}" y="{up(0) + 16:.1f}" text-anchor="middle">{value:g}</text>')
    parts.append(
        f'<line x1="{across(0)}" y1="{up(0)}" x2="{across(1)}" y2="{up(1)}" stroke="#888" stroke-dasharray="4"/>'
    )
    most = max((one["count"] for one in bins), default=1)
    for one in bins:
        radius = max(2.5, _LARGEST_RADIUS * (one["count"] / most) ** 0.5)
        told = f"score {one['score']:.3f}: {one['precision']:.3f} of {one['count']:,} right"
        parts.append(
            f'<circle cx="{across(one["score"]):.1f}" cy="{up(one["precision"]):.1f}" r="{radius:.1f}" '
            f'fill="{_COLORS[0]}" fill-opacity=".55" stroke="{_COLORS[0]}"><title>{told}</title></circle>'
        )
    parts.append(f'<text x="{across(0.5):.0f}" y="{_SIDE - 4}" text-anchor="middle">mean score</text>')
    return "".join([*parts, "</svg>\n"])


def _opened(width: int, height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" overflow="visible" '
        f'aria-label="{escape(title)}">'
    )


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#888" stroke-opacity=".35"/>'
