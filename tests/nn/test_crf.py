"""The CRF equals enumeration of every tagging."""

import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqtag.nn import crf, crf_parallel
from seqtag.schemes import allowed_transitions, tags_of

TAGS = tags_of(["A"], "BIOES")
LENGTHS = (5, 1, 4)
TIME = 6


def make_potentials(constrained: bool) -> crf.Potentials:
    keys = jax.random.split(jax.random.key(0), 3)
    size = len(TAGS)
    learned = crf.Potentials(
        jax.random.normal(keys[0], (size,)),
        jax.random.normal(keys[1], (size, size)),
        jax.random.normal(keys[2], (size,)),
    )
    if not constrained:
        return learned
    allowed = allowed_transitions(TAGS, "BIOES")
    return crf.Potentials(*(jnp.where(may, own, -jnp.inf) for may, own in zip(allowed, learned, strict=True)))


EMISSIONS = 3 * jax.random.normal(jax.random.key(5), (len(LENGTHS), TIME, len(TAGS)))
MASK = jnp.arange(TIME)[None] < jnp.array(LENGTHS)[:, None]
STARTS = jnp.broadcast_to(jnp.arange(TIME)[None] == 0, MASK.shape) & MASK


def enumerated(potentials: crf.Potentials, emissions: np.ndarray) -> dict[tuple[int, ...], float]:
    """The score of every tagging of one sentence, in float64."""
    start, transitions, end = (np.asarray(part, np.float64) for part in potentials)
    emissions = np.asarray(emissions, np.float64)
    scores = {}
    for tagging in itertools.product(range(len(TAGS)), repeat=len(emissions)):
        score = start[tagging[0]] + end[tagging[-1]]
        score += sum(emissions[t, tag] for t, tag in enumerate(tagging))
        score += sum(transitions[before, after] for before, after in itertools.pairwise(tagging))
        scores[tagging] = score
    return scores


@pytest.fixture(params=[False, True], ids=["free", "constrained"])
def potentials(request: pytest.FixtureRequest) -> crf.Potentials:
    return make_potentials(request.param)


def test_log_partition_sums_over_all_taggings(potentials: crf.Potentials) -> None:
    found = crf.log_partition(potentials, EMISSIONS, MASK, STARTS)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        assert float(found[row]) == pytest.approx(np.logaddexp.reduce(list(scores.values())), rel=1e-5)


def test_viterbi_finds_the_best_tagging(potentials: crf.Potentials) -> None:
    path, score = crf.viterbi(potentials, EMISSIONS, MASK, STARTS)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        best = max(scores, key=lambda tagging: scores[tagging])
        assert tuple(path[row, :length].tolist()) == best
        assert float(score[row]) == pytest.approx(scores[best], rel=1e-5)
        assert not path[row, length:].any()


@pytest.mark.parametrize("module", [crf, crf_parallel])
def test_the_best_tagging_of_a_long_row_is_that_of_exact_scores(module: types.ModuleType) -> None:
    """Their sum is larger than what float32 tells tags apart by."""
    potentials, time = make_potentials(True), 6000
    emissions = 10 + np.random.default_rng(0).standard_normal((1, time, len(TAGS))).astype(np.float32)
    start, transitions, end = (np.asarray(part, np.float64) for part in potentials)
    alpha, pointers = start + emissions[0, 0], []
    for emission in emissions[0, 1:].astype(np.float64):
        scores = alpha[:, None] + transitions
        pointers.append(scores.argmax(0))
        alpha = scores.max(0) + emission
    expected = [int((alpha + end).argmax())]
    for before in reversed(pointers):
        expected.append(int(before[expected[-1]]))
    real = jnp.ones((1, time), bool)
    path, score = jax.jit(module.viterbi)(potentials, jnp.asarray(emissions), real, jnp.arange(time)[None] == 0)
    assert path[0].tolist() == expected[::-1]
    assert float(score[0]) == pytest.approx((alpha + end).max(), rel=1e-4)


@pytest.mark.parametrize("module", [crf, crf_parallel])
def test_expected_score_weighs_every_tagging_by_the_other_field(
    potentials: crf.Potentials, module: types.ModuleType
) -> None:
    weights = 2 * jax.random.normal(jax.random.key(6), EMISSIONS.shape)
    weighing = crf.Potentials(*(part - 0.5 * part**2 for part in potentials))
    found = crf.expected_score(weighing, weights, potentials, EMISSIONS, MASK, STARTS, module.log_partition)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        other = enumerated(weighing, weights[row, :length])
        total = np.logaddexp.reduce(list(other.values()))
        expected = sum(
            np.exp(other[tagging] - total) * scores[tagging] for tagging in scores if scores[tagging] > -np.inf
        )
        assert float(found[row]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_score_is_that_of_the_enumeration() -> None:
    potentials = make_potentials(False)
    tags = jax.random.randint(jax.random.key(9), (len(LENGTHS), TIME), 0, len(TAGS))
    found = crf.score(potentials, EMISSIONS, tags, MASK, STARTS)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        assert float(found[row]) == pytest.approx(scores[tuple(tags[row, :length].tolist())], rel=1e-5)


def test_a_packed_row_is_the_sum_of_its_sentences(potentials: crf.Potentials) -> None:
    first, second = EMISSIONS[0, :3], EMISSIONS[2, :2]
    packed = jnp.concatenate([first, second, jnp.full((1, len(TAGS)), 50.0)])[None]
    mask = jnp.arange(TIME)[None] < 5
    starts = jnp.zeros((1, TIME), bool).at[0, jnp.array([0, 3])].set(True)
    scores = [enumerated(potentials, part) for part in (first, second)]
    total = sum(np.logaddexp.reduce(list(part.values())) for part in scores)
    best = [max(part, key=lambda tagging: part[tagging]) for part in scores]
    assert crf.log_partition(potentials, packed, mask, starts)[0] == pytest.approx(total, rel=1e-5)
    path, score = crf.viterbi(potentials, packed, mask, starts)
    assert tuple(path[0, :5].tolist()) == (*best[0], *best[1])
    assert float(score[0]) == pytest.approx(scores[0][best[0]] + scores[1][best[1]], rel=1e-5)
    likelihood = crf.log_likelihood(potentials, packed, path, mask, starts)
    assert float(likelihood[0]) == pytest.approx(float(score[0]) - total, abs=1e-4)


@pytest.mark.parametrize("ahead", [50.0, 90.0, 1e4])
def test_a_tag_far_ahead_that_cannot_end_a_sentence_spoils_no_other(ahead: float) -> None:
    """A row of two sentences sums up to the sum of both, and no tagging is more probable than all together."""
    potentials = make_potentials(True)
    emissions = EMISSIONS[:1].at[0, 2, TAGS.index("B-A")].add(ahead)
    packed = jnp.ones((1, TIME), bool), jnp.isin(jnp.arange(TIME), jnp.array([0, 3]))[None]
    alone = [jnp.ones((1, 3), bool), jnp.arange(3)[None] == 0]
    value, gradient = jax.value_and_grad(lambda scores: crf.log_partition(potentials, scores, *packed).sum())(emissions)
    parts = [float(crf.log_partition(potentials, emissions[:, own], *alone)[0]) for own in (slice(3), slice(3, 6))]
    assert float(value) == pytest.approx(sum(parts), rel=1e-5)
    assert jnp.isfinite(gradient).all()
    for tags in itertools.product((TAGS.index("O"), TAGS.index("S-A")), repeat=TIME):
        likelihood = crf.log_likelihood(potentials, emissions, jnp.array([tags]), *packed)
        assert float(likelihood[0]) < 1e-3


def test_a_row_of_padding_counts_nothing() -> None:
    potentials = make_potentials(True)
    nothing = jnp.zeros_like(MASK)
    tags = jnp.zeros(MASK.shape, jnp.int32)
    assert not crf.log_likelihood(potentials, EMISSIONS, tags, nothing, nothing).any()
    gradient = jax.grad(lambda scores: crf.log_likelihood(potentials, scores, tags, nothing, nothing).sum())(EMISSIONS)
    assert not gradient.any()


def test_gradients_are_finite_where_transitions_are_forbidden() -> None:
    """-inf must forbid, not poison."""

    def loss(learned: crf.Potentials, emissions: jax.Array) -> jax.Array:
        allowed = allowed_transitions(TAGS, "BIOES")
        potentials = crf.Potentials(*(jnp.where(may, own, -jnp.inf) for may, own in zip(allowed, learned, strict=True)))
        tags = jnp.zeros(MASK.shape, jnp.int32)
        return -crf.log_likelihood(potentials, emissions, tags, MASK, STARTS).sum()

    for scale in (1.0, 1e4):
        gradients = jax.grad(loss, argnums=(0, 1))(make_potentials(False), scale * EMISSIONS)
        assert all(jnp.isfinite(gradient).all() for gradient in jax.tree.leaves(gradients))
