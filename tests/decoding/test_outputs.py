"""Whole batches of tag ids become the spans that each sentence's tags say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.batch import Tagged
from seqtag.decoding.outputs import OutputDecoder
from seqtag.schemes import Span, convert, spans_to_tags, tags_of, tags_to_spans

SENTENCE = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=8).map(
    lambda tags: convert(tags, "IOB2")
)


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
@given(rows=st.lists(st.lists(SENTENCE, min_size=1, max_size=4), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_spans_and_their_probabilities(rows: list[list[list[str]]], seed: int, scheme: str) -> None:
    tags = tags_of(["X", "Y"], scheme)
    time = max(sum(map(len, row)) for row in rows) + 1
    ids = np.zeros((len(rows) + 1, time), np.int32)
    for index, row in enumerate(rows):
        flat = [tags.index(tag) for sentence in row for tag in convert(sentence, scheme)]
        ids[index, : len(flat)] = flat
    rng = np.random.default_rng(seed)
    scores, outside, marginals, factors, ends = rng.random((5, *ids.shape)).astype(np.float32)
    tagged = Tagged(ids, scores, outside, marginals, np.log(factors), np.log(ends))
    lengths = [[len(sentence) for sentence in row] for row in rows]
    found = iter(OutputDecoder(tags).tagged_sentences(lengths, tagged))
    for index, row in enumerate(rows):
        position = 0
        for sentence in row:
            own = next(found)
            here = slice(position, position + len(sentence))
            assert own.tags == sentence
            assert own.scores == scores[index, here].tolist()
            assert own.outside.tolist() == outside[index, here].tolist()
            assert [Span(*span[:3]) for span in own.spans] == tags_to_spans(sentence)
            for span in own.spans:
                first, last = position + span.start, position + span.end
                product = marginals[index, first] * np.prod(factors[index, first + 1 : last]) * ends[index, last - 1]
                assert span.score == pytest.approx(product, rel=1e-5)
            position += len(sentence)
    assert next(found, None) is None


def test_a_row_that_ends_inside_does_not_run_into_the_next() -> None:
    tags = tags_of(["X"], "IOB2")
    spans = [Span("X", 1, 3)]
    row = [tags.index(tag) for tag in spans_to_tags(spans, 3, "IOB2")]
    ids = np.array([row, row], np.int32)
    ones = np.ones(ids.shape, np.float32)
    tagged = Tagged(ids, ones, ones, ones, 0 * ones, 0 * ones)
    assert [one.spans for one in OutputDecoder(tags).tagged_sentences([[3], [3]], tagged)] == [[("X", 1, 3, 1.0)]] * 2
