"""The parallel chain equals the sequential one and enumeration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from test_crf import EMISSIONS, LENGTHS, MASK, STARTS, TAGS, enumerated, make_potentials

from seqtag.nn import crf, crf_parallel
from seqtag.nn.tag_head import TagHead
from seqtag.schemes import allowed_transitions


def packed(time: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Emissions, mask and starts of rows of several sentences, of one, of one token and of padding alone."""
    emissions = 3 * jax.random.normal(jax.random.key(time), (4, time, len(TAGS)))
    positions = np.arange(time)
    lengths = np.array([time, max(1, time - 2), 1, 0])
    mask = positions < lengths[:, None]
    starts = (positions % np.array([[3], [time], [1], [1]]) == 0) & mask
    return emissions, jnp.asarray(mask), jnp.asarray(starts)


@pytest.fixture(params=[False, True], ids=["free", "constrained"])
def potentials(request: pytest.FixtureRequest) -> crf.Potentials:
    return make_potentials(request.param)


def test_log_partition_sums_over_all_taggings(potentials: crf.Potentials) -> None:
    found = crf_parallel.log_partition(potentials, EMISSIONS, MASK, STARTS)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        assert float(found[row]) == pytest.approx(np.logaddexp.reduce(list(scores.values())), rel=1e-5)


def test_viterbi_finds_the_best_tagging(potentials: crf.Potentials) -> None:
    path, score = crf_parallel.viterbi(potentials, EMISSIONS, MASK, STARTS)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(potentials, EMISSIONS[row, :length])
        best = max(scores, key=lambda tagging: scores[tagging])
        assert tuple(path[row, :length].tolist()) == best
        assert float(score[row]) == pytest.approx(scores[best], rel=1e-5)


@pytest.mark.parametrize("time", [1, 2, 3, 8, 13])
def test_packed_rows_equal_those_of_the_sequential_chain(time: int, potentials: crf.Potentials) -> None:
    rows = packed(time)
    expected = crf.log_partition(potentials, *rows)
    np.testing.assert_allclose(crf_parallel.log_partition(potentials, *rows), expected, rtol=1e-5, atol=1e-5)
    for own, other in zip(crf_parallel.viterbi(potentials, *rows), crf.viterbi(potentials, *rows), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("is_constrained", [False, True])
def test_gradients_equal_those_of_the_sequential_chain(is_constrained: bool) -> None:
    emissions, mask, starts = packed(13)
    allowed = allowed_transitions(TAGS, "BIOES")

    def gradients(module, learned: crf.Potentials, emissions: jax.Array) -> tuple:
        def loss(learned: crf.Potentials, emissions: jax.Array) -> jax.Array:
            if is_constrained:
                parts = zip(allowed, learned, strict=True)
                learned = crf.Potentials(*(jnp.where(may, own, -jnp.inf) for may, own in parts))
            return module.log_partition(learned, emissions, mask, starts).sum()

        return jax.tree.leaves(jax.jit(jax.grad(loss, argnums=(0, 1)))(learned, emissions))

    learned = make_potentials(False)
    ours, theirs = gradients(crf_parallel, learned, emissions), gradients(crf, learned, emissions)
    for own, other in zip(ours, theirs, strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)
    assert all(np.isfinite(part).all() for part in gradients(crf_parallel, learned, 1e4 * emissions))


def test_nothing_is_lost_far_below_the_best() -> None:
    """The only tagging that is allowed passes a tag 1000 nats below another one."""
    potentials = crf.Potentials(jnp.array([0.0, -jnp.inf]), jnp.array([[0.0, 0.0], [-jnp.inf, -jnp.inf]]), jnp.zeros(2))
    emissions = jnp.array([[[0.0, 0.0], [-1000.0, 0.0], [0.0, 0.0]]])
    mask = jnp.ones((1, 3), bool)
    found = crf_parallel.log_partition(potentials, emissions, mask, jnp.array([[True, False, False]]))
    assert float(found[0]) == pytest.approx(-1000 + np.log(2), rel=1e-6)


def test_the_depth_grows_with_the_logarithm_of_time() -> None:
    def operations(time: int) -> int:
        emissions, mask, starts = packed(time)
        run = jax.make_jaxpr(lambda scores: crf_parallel.log_partition(make_potentials(True), scores, mask, starts))
        return sum(equation.primitive.name in ("remat2", "checkpoint") for equation in run(emissions).eqns)

    assert [operations(1 + 2**power) for power in range(1, 7)] == list(range(1, 7))


def test_a_tag_head_gives_the_same_with_either_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    head = TagHead("crf", 3, tuple(TAGS), "BIOES", nnx.Rngs(0))
    emissions, mask, starts = packed(13)
    tags = head.tag(head.potentials(), emissions, mask, starts).tags
    losses = head.loss(emissions, tags, mask, starts)
    monkeypatch.setattr(crf_parallel, "is_preferred", lambda *shape: True)
    np.testing.assert_array_equal(head.tag(head.potentials(), emissions, mask, starts).tags, tags)
    np.testing.assert_allclose(head.loss(emissions, tags, mask, starts), losses, rtol=1e-5, atol=1e-5)


def test_the_cpu_keeps_the_sequential_chain() -> None:
    assert not crf_parallel.is_preferred(8, 32, len(TAGS))


def test_a_gpu_takes_the_parallel_chain_where_tags_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    sizes = itertools.product((16, 4096), (17, 73))
    chosen = [crf_parallel.is_preferred(batch, 128, tags) for batch, tags in sizes]
    assert chosen == [True, False, False, False]
