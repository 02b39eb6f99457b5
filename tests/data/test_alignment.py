"""Character spans on tokens: nothing is lost without a count, whatever the spans."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from seqtag.data.alignment import CharacterSpan, align
from seqtag.data.example import Ledger
from seqtag.tokenization import tokenize


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[CharacterSpan]]:
    """A text, and spans of it that hold more than white space."""
    text = draw(st.text(st.sampled_from("ab .'\u0301"), min_size=1, max_size=20))
    drawn = draw(
        st.lists(st.tuples(st.integers(0, len(text) - 1), st.integers(1, 6), st.sampled_from("XY")), max_size=5)
    )
    spans = [CharacterSpan(start, min(start + length, len(text)), label) for start, length, label in drawn]
    return text, [span for span in spans if text[span.start : span.end].strip()]


@given(marked())
def test_every_span_is_kept_or_overlaps_a_longer_one(case: tuple[str, list[CharacterSpan]]) -> None:
    text, spans = case
    offsets = tokenize(text)
    ledger = Ledger("drawn", strict=False)
    kept = align(spans, offsets, text, "drawn", ledger)

    assert all(before.end <= after.start for before, after in itertools.pairwise(kept))
    assert len(kept) + ledger.counts["overlapping"] == len(spans)
    starts, ends = {start for start, _ in offsets}, {end for _, end in offsets}
    assert ledger.counts["misaligned"] == sum(span.start not in starts or span.end not in ends for span in spans)
    for span in spans:
        touched = [index for index, (start, end) in enumerate(offsets) if start < span.end and span.start < end]
        shared = [one for one in kept if one.start <= touched[-1] and touched[0] < one.end]
        assert any(one.end - one.start >= len(touched) for one in shared)
    for one in kept:
        assert any(
            offsets[one.start][0] <= span.start < offsets[one.start][1]
            or span.start <= offsets[one.start][0] < span.end
            for span in spans
            if span.label == one.label
        )
