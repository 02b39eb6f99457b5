"""Probabilities of tags, spans and taggings equal enumeration of every tagging, for both heads and schemes."""

import itertools
import math
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.batch import Tagged
from seqtag.nn import crf, lattice
from seqtag.nn.tag_head import TagHead
from seqtag.schemes import Span, convert, tags_of, tags_to_spans

LENGTHS = (5, 1, 4)
TIME = 6
MASK = jnp.arange(TIME)[None] < jnp.array(LENGTHS)[:, None]
STARTS = (jnp.arange(TIME)[None] == 0) & MASK
EMISSIONS = {size: 2.5 * jax.random.normal(jax.random.key(size), (len(LENGTHS), TIME, size)) for size in (5, 9)}


def make_head(kind: str, scheme: str) -> TagHead:
    labels = ["A", "B"] if scheme == "IOB2" else ["A"]
    head = TagHead(kind, 3, tuple(tags_of(labels, scheme)), scheme, nnx.Rngs(1))
    if kind == "crf":
        for seed, part in enumerate((head.start, head.transitions, head.end)):
            part[...] = jax.random.normal(jax.random.key(seed), part.shape)
    return head


@pytest.fixture(params=[("crf", "BIOES"), ("crf", "IOB2"), ("softmax", "BIOES"), ("softmax", "IOB2")], ids="-".join)
def head(request: pytest.FixtureRequest) -> TagHead:
    return make_head(*request.param)


def emissions_of(head: TagHead) -> jax.Array:
    drawn = EMISSIONS[len(head.tags)]
    return jax.nn.log_softmax(drawn) if head.kind == "softmax" else drawn


def enumerated(head: TagHead, emissions: jax.Array) -> dict[tuple[int, ...], float]:
    """The probability of every well-formed tagging of one sentence, in float64."""
    start, transitions, end = (np.asarray(part, np.float64) for part in head.potentials())
    values = np.asarray(emissions, np.float64)
    scores = {}
    for tagging in itertools.product(range(len(head.tags)), repeat=len(values)):
        score = start[tagging[0]] + end[tagging[-1]] + sum(values[t, tag] for t, tag in enumerate(tagging))
        score += sum(transitions[before, after] for before, after in itertools.pairwise(tagging))
        if score > -math.inf:
            scores[tagging] = score
    total = np.logaddexp.reduce(list(scores.values()))
    return {tagging: math.exp(score - total) for tagging, score in scores.items()}


def spans_of(head: TagHead, tagging: tuple[int, ...]) -> list[Span]:
    return tags_to_spans([head.tags[tag] for tag in tagging])


def span_probability(tagged: Tagged, row: tuple[int, ...], span: Span) -> float:
    links = np.asarray(tagged.links[row], np.float64)[span.start + 1 : span.end].sum()
    return float(tagged.marginals[row][span.start] * np.exp(links + tagged.closes[row][span.end - 1]))


def rows(head: TagHead) -> Iterator[tuple[int, int, dict[tuple[int, ...], float]]]:
    for row, length in enumerate(LENGTHS):
        yield row, length, enumerated(head, emissions_of(head)[row, :length])


@pytest.mark.parametrize("raised", [0.0, 60.0])
def test_marginals_are_sums_of_probabilities_and_the_gradient_of_the_partition(head: TagHead, raised: float) -> None:
    """Also where a tag that cannot stand at a position is far above those that can."""
    potentials = head.potentials()
    emissions = emissions_of(head).at[:, 0, -1].add(raised if head.tags[-1][0] in "IE" else 0.0)
    found = lattice.posterior(potentials, emissions, MASK, STARTS).marginals
    for row, length in enumerate(LENGTHS):
        probabilities = enumerated(head, emissions[row, :length])
        expected = np.zeros((length, len(head.tags)))
        for tagging, probability in probabilities.items():
            expected[np.arange(length), tagging] += probability
        np.testing.assert_allclose(found[row, :length], expected, atol=1e-6)
        assert not found[row, length:].any()
    gradient = jax.grad(lambda scores: crf.log_partition(potentials, scores, MASK, STARTS).sum())(emissions)
    np.testing.assert_allclose(found, gradient, atol=1e-5)


def test_scores_of_the_best_tagging_are_sums_of_probabilities(head: TagHead) -> None:
    tagged = jax.jit(lambda scores: head.tag(head.potentials(), scores, MASK, STARTS))(emissions_of(head))
    spans_seen = 0
    for row, length, probabilities in rows(head):
        best = max(probabilities, key=lambda tagging: probabilities[tagging])
        assert tuple(tagged.tags[row, :length].tolist()) == best
        shown = {tagging: convert([head.tags[tag] for tag in tagging], "IOB2") for tagging in probabilities}
        for t in range(length):
            alike = sum(p for tagging, p in probabilities.items() if shown[tagging][t] == shown[best][t])
            outside = sum(p for tagging, p in probabilities.items() if shown[tagging][t] == "O")
            assert float(tagged.scores[row, t]) == pytest.approx(alike, abs=1e-6)
            assert float(tagged.outside[row, t]) == pytest.approx(outside, abs=1e-6)
        for span in spans_of(head, best):
            exactly = sum(p for tagging, p in probabilities.items() if span in spans_of(head, tagging))
            assert span_probability(tagged, (row,), span) == pytest.approx(exactly, abs=1e-6)
            spans_seen += 1
    assert spans_seen


@pytest.mark.parametrize("count", [1, 4, 60])
def test_the_n_best_are_those_of_the_enumeration(head: TagHead, count: int) -> None:
    tagged, log_probabilities = jax.jit(lambda scores: head.n_best(head.potentials(), scores, MASK, count))(
        emissions_of(head)
    )
    for row, length, probabilities in rows(head):
        expected = sorted(probabilities.values(), reverse=True)[:count]
        found = np.exp(log_probabilities[row])
        np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)
        assert not found[len(expected) :].any()
        paths = [tuple(path) for path in tagged.tags[row, : len(expected), :length].tolist()]
        assert len(set(paths)) == len(paths)
        for rank, path in enumerate(paths):
            assert probabilities[path] == pytest.approx(expected[rank], abs=1e-6)
            for span in spans_of(head, path):
                exactly = sum(p for tagging, p in probabilities.items() if span in spans_of(head, tagging))
                assert span_probability(tagged, (row, rank), span) == pytest.approx(exactly, abs=1e-6)


def test_sentences_of_a_packed_row_do_not_touch(head: TagHead) -> None:
    emissions = emissions_of(head)
    tag = jax.jit(partial(head.tag, head.potentials()))
    alone = tag(emissions, MASK, STARTS)
    packed = jnp.concatenate([emissions[2, :4], emissions[0, :5], jnp.full((2, len(head.tags)), 9.0)])[None]
    mask = jnp.arange(11)[None] < 9
    starts = jnp.zeros((1, 11), bool).at[0, jnp.array([0, 4])].set(True)
    together = tag(packed, mask, starts)
    for own, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(other[0, :9], np.concatenate([own[2, :4], own[0, :5]]), atol=1e-6)


SURE = make_head("crf", "BIOES")
tag_sure = jax.jit(lambda emissions, mask, starts: SURE.tag(SURE.potentials(), emissions, mask, starts))
marginals_sure = jax.jit(lambda *inputs: lattice.posterior(SURE.potentials(), *inputs).marginals)


@settings(max_examples=20)
@given(scale=st.floats(0, 1000), seed=st.integers(0, 1000), length=st.integers(1, 300))
def test_marginals_sum_to_one_however_sure_the_network_is(scale: float, seed: int, length: int) -> None:
    emissions = scale * jax.random.normal(jax.random.key(seed), (1, 300, 5))
    mask = jnp.arange(300)[None] < length
    starts = mask & (jnp.arange(300) == 0)
    found = marginals_sure(emissions, mask, starts)
    np.testing.assert_allclose(found[0, :length].sum(-1), 1.0, atol=1e-5)
    tagged = tag_sure(emissions, mask, starts)
    for values in tagged:
        assert jnp.isfinite(values).all()
    assert (tagged.scores <= 1).all()
