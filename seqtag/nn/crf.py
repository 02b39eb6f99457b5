"""Linear-chain conditional random fields (Lafferty et al. 2001; forward-backward as in Rabiner 1989, section III).

Pure functions of arrays; nothing is learned here. A tagging `y` of a sentence of length n scores

    start[y_1] + emissions[1, y_1] + Σ_t transitions[y_(t-1), y_t] + emissions[t, y_t] + end[y_n]

and `-inf` in start, transitions or end forbids. A row may hold several sentences one after another: where one begins
(`starts`) the chain is cut, `end[i] + start[j]` standing for `transitions[i, j]`, so that a row's score and log
partition are the sums of its sentences'. Padding follows the last sentence; a row of padding alone scores 0.

Axes: `batch` rows, `time` token positions, `tags`. All scores are in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

_DEEPEST = -70.0
"""float32 reaches down to 87 nats below 1, and a transition takes some of them."""


class Potentials(NamedTuple):
    """What a tagging is scored by, beside its emissions."""

    start: Float[Array, " tags"]
    transitions: Float[Array, "from_tag to_tag"]
    end: Float[Array, " tags"]


def score(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    tags: Int[Array, "batch time"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, " batch"]:
    """The score of one tagging a row, in nats."""
    emitted = jnp.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0]
    before, after = tags[:, :-1], tags[:, 1:]
    # Chosen by `where`, not added up: a forbidden transition across a sentence boundary is not part of the tagging.
    inside = potentials.transitions[before, after]
    across = potentials.end[before] + potentials.start[after]
    between = jnp.where(mask[:, 1:], jnp.where(starts[:, 1:], across, inside), 0.0)
    last = jnp.maximum(mask.sum(1) - 1, 0)
    final_tags = jnp.take_along_axis(tags, last[:, None], axis=1)[:, 0]
    edges = jnp.where(mask[:, 0], potentials.start[tags[:, 0]] + potentials.end[final_tags], 0.0)
    return jnp.where(mask, emitted, 0.0).sum(1) + between.sum(1) + edges


def log_partition(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, " batch"]:
    """The log of the sum over all taggings of exp(score), in nats.

    Sums are taken in probability space, scaled at every position by its most probable tag: a matrix product a step
    instead of a logarithm per pair of tags. A tag that may stand at a position counts as at most 70 nats below its most
    probable one when it goes on to another: else all that goes through it would underflow to zero.
    """
    weights = jnp.exp(potentials.transitions)

    def step(alpha: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, None]:
        emission, is_real, is_start = inputs
        top = lax.stop_gradient(alpha.max(-1, keepdims=True))
        below = jnp.where(alpha > -jnp.inf, jnp.maximum(alpha - top, _DEEPEST), -jnp.inf)
        inside = _log(float32_product(jnp.exp(below), weights)) + top
        # By itself, as the most probable tag may be one that cannot end a sentence.
        across = _logsumexp(alpha + potentials.end)[:, None] + potentials.start
        following = jnp.where(is_start[:, None], across, inside) + emission
        return jnp.where(is_real[:, None], following, alpha), None

    first = potentials.start + emissions[:, 0]
    over_time = (emissions[:, 1:].swapaxes(0, 1), mask[:, 1:].T, starts[:, 1:].T)
    alpha, _ = lax.scan(step, first, over_time)
    return jnp.where(mask[:, 0], _logsumexp(alpha + potentials.end), 0.0)


def expected_score(
    weighing: Potentials,
    weights: Float[Array, "batch time tags"],
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
    partition: Callable[[Potentials, Array, Array, Array], Array] = log_partition,
) -> Float[Array, " batch"]:
    """The mean of each row's score over all taggings, each weighed by its probability under another field, in nats.

    It is the derivative of the other field's log partition in the direction of the scores. `weighing` and `weights`
    are that field's potentials and emissions; what `potentials` forbid it must forbid too.
    """
    direction = jax.tree.map(lambda own: jnp.where(own > -jnp.inf, own, 0.0), (potentials, emissions))
    return jax.jvp(lambda *own: partition(own[0], own[1], mask, starts), (weighing, weights), direction)[1]


def log_likelihood(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    tags: Int[Array, "batch time"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
    partition: Callable[[Potentials, Array, Array, Array], Array] = log_partition,
) -> Float[Array, " batch"]:
    """The log probability of one tagging a row, in nats; `partition` is `log_partition` or its equal."""
    return score(potentials, emissions, tags, mask, starts) - partition(potentials, emissions, mask, starts)


def viterbi(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> tuple[Int[Array, "batch time"], Float[Array, " batch"]]:
    """The highest-scoring tagging of each row and its score (Viterbi 1967); 0 at padding.

    Scores are kept as differences from the best of their position: those of long rows outgrow float32, in which tags
    would then tie.
    """
    batch, _, tags = emissions.shape
    stay = jnp.broadcast_to(jnp.arange(tags, dtype=jnp.int32), (batch, tags))

    def forward(before: tuple[Array, Array], inputs: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], Array]:
        alpha, total = before
        emission, is_real, is_start = inputs
        ended = alpha + potentials.end
        inside = alpha[:, :, None] + potentials.transitions
        across = ended[:, :, None] + potentials.start
        scores = jnp.where(is_start[:, None, None], across, inside)
        best = scores.max(1) + emission
        top = best.max(-1)
        pointers = jnp.where(is_real[:, None], scores.argmax(1).astype(jnp.int32), stay)
        alpha = jnp.where(is_real[:, None], best - top[:, None], alpha)
        return (alpha, total + jnp.where(is_real, top, 0.0)), pointers

    def backward(tag: Array, pointers: Array) -> tuple[Array, Array]:
        return jnp.take_along_axis(pointers, tag[:, None], axis=1)[:, 0], tag

    first = potentials.start + emissions[:, 0]
    over_time = (emissions[:, 1:].swapaxes(0, 1), mask[:, 1:].T, starts[:, 1:].T)
    (alpha, total), pointers = lax.scan(forward, (first, jnp.zeros_like(first[:, 0])), over_time)
    final = alpha + potentials.end
    last = final.argmax(1).astype(jnp.int32)
    first_tag, later = lax.scan(backward, last, pointers, reverse=True)
    path = jnp.concatenate([first_tag[:, None], later.T], axis=1)
    return jnp.where(mask, path, 0), jnp.where(mask[:, 0], final.max(1) + total, 0.0)


def float32_product(left: Array, right: Array) -> Array:
    """A matrix product. By default an accelerator rounds its operands to 11 bits of mantissa (TF32) or fewer."""
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)


def _log(values: Array) -> Array:
    """log with -inf, and a gradient of 0, at 0: unreachable tags must not turn gradients into NaN."""
    reachable = values > 0
    return jnp.where(reachable, jnp.log(jnp.where(reachable, values, 1.0)), -jnp.inf)


def _logsumexp(values: Array) -> Array:
    """Over the last axis; at least one value is finite."""
    top = lax.stop_gradient(values.max(-1, keepdims=True))
    return _log(jnp.exp(values - top).sum(-1)) + top[..., 0]
