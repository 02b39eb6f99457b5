"""Tag schemes: spans survive every conversion, repair is what the scorer reads, constraints are what repair accepts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import InputError
from seqtag.schemes import (
    SCHEMES,
    Scheme,
    Span,
    allowed_transitions,
    convert,
    detect_scheme,
    repair,
    spans_to_tags,
    split_tag,
    tags_of,
    tags_to_spans,
)


@st.composite
def tagged(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans that do not overlap, touching ones among them, and a length that holds them."""
    position, spans = 0, []
    for _ in range(draw(st.integers(0, 5))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 3))
        spans.append(Span(draw(st.sampled_from(["A", "B"])), start, position))
    return spans, position + draw(st.integers(0, 2))


ANY_TAGS = st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "L-B", "U-B"]), max_size=8)


@given(tagged(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_spans_survive_every_scheme(case: tuple[list[Span], int], scheme: Scheme, other: Scheme) -> None:
    spans, length = case
    tags = spans_to_tags(spans, length, scheme)
    assert tags_to_spans(tags) == spans
    assert convert(tags, other) == spans_to_tags(spans, length, other)


@given(ANY_TAGS, st.sampled_from(SCHEMES))
def test_repair_keeps_the_reading_and_is_done_once(tags: list[str], scheme: Scheme) -> None:
    repaired, changed = repair(tags, scheme)
    assert tags_to_spans(repaired) == tags_to_spans(tags)
    assert repair(repaired, scheme) == (repaired, 0)
    # U and L are other names of S and E, not ill-formed.
    assert changed == sum(split_tag(own) != split_tag(other) for own, other in zip(repaired, tags, strict=True))


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-A I-A", [("A", 0, 2)]),
        ("B-A I-B", [("A", 0, 1), ("B", 1, 2)]),
        ("O I-A O", [("A", 1, 2)]),
        ("B-A B-A", [("A", 0, 1), ("A", 1, 2)]),
        ("B-A E-A I-A", [("A", 0, 2), ("A", 2, 3)]),
        ("S-A I-A", [("A", 0, 1), ("A", 1, 2)]),
        ("B-A O E-A", [("A", 0, 1), ("A", 2, 3)]),
        ("B-A L-A U-A", [("A", 0, 2), ("A", 2, 3)]),
    ],
)
def test_ill_formed_tags_are_read_as_conlleval_reads_them(tags: str, spans: list[tuple]) -> None:
    assert tags_to_spans(tags.split()) == spans


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constraints_allow_exactly_what_repair_leaves_alone(scheme: Scheme) -> None:
    tags = tags_of(["A", "B"], scheme)
    allowed = allowed_transitions(tags, scheme)
    for length in (1, 2, 3):
        for path in itertools.product(range(len(tags)), repeat=length):
            sequence = [tags[tag] for tag in path]
            accepted = (
                allowed.start[path[0]]
                and allowed.end[path[-1]]
                and all(allowed.between[before, after] for before, after in itertools.pairwise(path))
            )
            # IOB1 opens a span with B only where it must; repair calls the other opening ill-formed too.
            assert accepted == (repair(sequence, scheme)[0] == sequence), sequence


@pytest.mark.parametrize("scheme", SCHEMES)
@given(cases=st.lists(tagged(), min_size=1, max_size=5))
def test_a_scheme_is_found_where_it_shows(scheme: Scheme, cases: list[tuple[list[Span], int]]) -> None:
    sequences = [spans_to_tags(spans, length, scheme) for spans, length in cases]
    if any(tag != "O" for tags in sequences for tag in tags):
        assert detect_scheme(sequences) == scheme


def test_no_span_counts_as_iob2() -> None:
    assert detect_scheme([["O", "O"]]) == "IOB2"


@pytest.mark.parametrize("tag", ["NN", "X-PER", "B-", "B", "", "o"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(InputError, match="neither O nor a prefix"):
        tags_to_spans([tag])


@pytest.mark.parametrize("spans", [[("A", 0, 2), ("A", 1, 3)], [("A", 1, 1)], [("A", 2, 9)]])
def test_impossible_spans_are_refused(spans: list[tuple]) -> None:
    with pytest.raises(InputError, match="overlaps another"):
        spans_to_tags([Span(*span) for span in spans], 3, "IOB2")
