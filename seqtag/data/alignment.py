"""Character spans to spans of tokens.

A span that does not fall on token boundaries is widened to the tokens it touches. Of spans that share a token the one
of more tokens is kept, of equals the earlier. Both are counted, and fatal with `data.strict`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from seqtag.data.example import Ledger
from seqtag.errors import InputError
from seqtag.schemes import Span


class CharacterSpan(NamedTuple):
    """A labelled piece of text: `start` inclusive, `end` exclusive, in characters."""

    start: int
    end: int
    label: str


def align(
    spans: Sequence[CharacterSpan], offsets: Sequence[tuple[int, int]], text: str, place: str, ledger: Ledger
) -> list[Span]:
    """The spans of tokens, in order, none overlapping another.

    Args:
        spans: in any order.
        offsets: start and end of each token in `text`, in order.
        text: what the offsets count in.
        place: of the text, for messages.
        ledger: takes the account of what was widened and dropped.

    Raises InputError for a span that is empty, lies outside the text or holds no token.
    """
    starts = {start: index for index, (start, _) in enumerate(offsets)}
    ends = {end: index + 1 for index, (_, end) in enumerate(offsets)}
    found: list[Span] = []
    for start, end, label in spans:
        if not 0 <= start < end <= len(text):
            raise InputError(
                f"{place}: {label} from {start} to {end} is empty or lies outside the text of {len(text)} characters"
            )
        first, last = starts.get(start), ends.get(end)
        if first is None or last is None:
            shown = f"{place}: {label} {text[start:end]!r} is off token boundaries"
            touched = [index for index, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
            if not touched:
                raise InputError(f"{place}: {label} {text[start:end]!r} holds no token")
            first, last = touched[0], touched[-1] + 1
            ledger.note("misaligned", 1, lambda shown=shown: shown)
        found.append(Span(label, first, last))
    taken = bytearray(len(offsets))
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):
        if any(taken[span.start : span.end]):
            words = text[offsets[span.start][0] : offsets[span.end - 1][1]]
            shown = f"{place}: {span.label} {words!r} overlaps another span"
            ledger.note("overlapping", 1, lambda shown=shown: shown)
        else:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
