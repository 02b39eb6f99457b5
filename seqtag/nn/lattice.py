"""What a linear chain says of its taggings beside the best one: marginals, probabilities of spans, the n best.

The chain is that of `crf.py`, whose score, axes and packed rows these functions share. The tag after a known tag does
not depend on those before it, so any run of tags has the probability

    P(y_s … y_e) = P(y_s) · P(y_(s+1) | y_s) · … · P(y_e | y_(e-1))

whose factors are all computed from one backward recursion (Rabiner 1989, section III; Sutton and McCallum 2012,
section 4.1). Factors, not differences of long sums, keep float32 exact enough on rows of any length.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from seqtag.nn.crf import Potentials, float32_product

_HIGHEST = 1e17
"""What weights are scaled to: float32 reaches from 1e-38 to 1e38, and scaled to 1 only the lower half would be used."""
_LEAST = 1e-35
_DEEPEST = -80.0
"""Nats below the best that a score counts for at most. Where the best tag of a position cannot stand there, those that
can are told apart up to so far below it."""


class Posterior(NamedTuple):
    """The distribution over taggings, as the tag marginals and what is needed for the probability of a run of tags."""

    marginals: Float[Array, "batch time tags"]
    """Probability of each tag at each position; 0 at padding."""
    onward: Float[Array, "batch time tags"]
    """Weight of all continuations from each tag on, its own emission included, up to a factor for each position."""
    ahead: Float[Array, "batch time tags"]
    """Sum over the next tags of transition times their `onward`; the weight of ending at the last of a sentence."""


def posterior(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Posterior:
    """Forward-backward over each sentence of each row.

    Sums are matrix products in probability space. An emission counts as at most 80 nats below the best of its position,
    and a transition as at most 80 below the best one; what is forbidden stays so.
    """
    first, transitions, last = _weights(potentials)
    ends = _ends(mask, starts)
    emitted = jnp.exp(jnp.maximum(emissions - emissions.max(-1, keepdims=True), _DEEPEST))

    def backward(following: Array, inputs: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        emission, is_end = inputs
        ahead = jnp.where(is_end[:, None], last, jnp.maximum(float32_product(following, transitions.T), _LEAST))
        onward = _scaled(emission * _scaled(ahead))
        return onward, (onward, ahead)

    def forward(before: Array, inputs: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        previous_ahead, onward, is_start, is_real = inputs
        inside = jnp.where(onward > 0, float32_product(before / previous_ahead, transitions) * onward, 0.0)
        weights = jnp.where(is_start[:, None], first * onward, inside)
        marginal = jnp.where(is_real[:, None], weights / weights.sum(-1, keepdims=True), 0.0)
        return marginal, marginal

    zeros = jnp.zeros_like(emissions[:, 0])
    _, (onward, ahead) = lax.scan(backward, zeros, (emitted.swapaxes(0, 1), ends.T), reverse=True)
    # Nothing goes over a start: `ahead` before one is the weight of ending, which may be 0.
    previous = jnp.where(starts.T[:, :, None], 1.0, jnp.concatenate([ahead[:1], ahead[:-1]]))
    _, marginals = lax.scan(forward, zeros, (previous, onward, starts.T, mask.T))
    return Posterior(*(part.swapaxes(0, 1) for part in (marginals, onward, ahead)))


def link_log_probabilities(
    potentials: Potentials,
    posterior: Posterior,
    path: Int[Array, "batch time"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, "batch time"]:
    """The log probability of each tag of a path given the one before it, in nats; 0 at starts and at padding."""
    before, after = path[:, :-1], path[:, 1:]
    onward = jnp.take_along_axis(posterior.onward[:, 1:], after[:, :, None], 2)[:, :, 0]
    ahead = jnp.take_along_axis(posterior.ahead[:, :-1], before[:, :, None], 2)[:, :, 0]
    inside = mask[:, 1:] & ~starts[:, 1:]
    _, transitions, _ = _weights(potentials)
    links = jnp.where(inside, transitions[before, after] * onward / ahead, 1.0)
    return jnp.pad(jnp.log(jnp.clip(links, _LEAST, 1.0)), ((0, 0), (1, 0)))


def close_log_probabilities(
    potentials: Potentials,
    posterior: Posterior,
    path: Int[Array, "batch time"],
    continuing: Int[Array, " tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, "batch time"]:
    """The log probability, in nats, that the span of each tag of a path ends there, given that tag.

    `continuing` is, for each tag, the tag that would continue its span without saying so itself, as I-X does after B-X
    in IOB2, or -1 where there is none.
    """
    follower = continuing[path]
    nexts = jnp.concatenate([posterior.onward[:, 1:], posterior.onward[:, :1]], axis=1)
    onward = jnp.take_along_axis(nexts, jnp.maximum(follower, 0)[:, :, None], 2)[:, :, 0]
    ahead = jnp.take_along_axis(posterior.ahead, path[:, :, None], 2)[:, :, 0]
    may_go_on = mask & (follower >= 0) & ~_ends(mask, starts)
    _, transitions, _ = _weights(potentials)
    goes_on = jnp.where(may_go_on, transitions[path, follower] * onward / ahead, 0.0)
    return jnp.log(jnp.clip(1.0 - goes_on, _LEAST, 1.0))


def n_best(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    count: int,
) -> tuple[Int[Array, "batch count time"], Float[Array, "batch count"]]:
    """The `count` highest-scoring taggings of rows of one sentence, best first, and their scores in nats.

    The list Viterbi algorithm (Seshadri and Sundberg 1994, section II.A). Where a sentence has fewer well-formed
    taggings, the rest score `-inf` and mean nothing.
    """
    batch, _, tags = emissions.shape
    stay = jnp.broadcast_to(jnp.arange(tags * count, dtype=jnp.int32).reshape(tags, count), (batch, tags, count))

    def forward(before: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        alpha, total = before
        emission, is_real = inputs
        candidates = alpha[:, None] + potentials.transitions.T[None, :, :, None]  # [batch, to, from, rank]
        best, pointers = lax.top_k(candidates.reshape(batch, tags, tags * count), count)
        best += emission[:, :, None]
        top = best.max((1, 2))  # kept apart, as in `crf.viterbi`
        real = is_real[:, None, None]
        alpha = jnp.where(real, best - top[:, None, None], alpha)
        return (alpha, total + jnp.where(is_real, top, 0.0)), jnp.where(real, pointers.astype(jnp.int32), stay)

    def backward(state: Array, pointers: Array) -> tuple[Array, Array]:
        return jnp.take_along_axis(pointers.reshape(batch, tags * count), state, axis=1), state // count

    first = jnp.full((batch, tags, count), -jnp.inf).at[:, :, 0].set(potentials.start + emissions[:, 0])
    over_time = (emissions[:, 1:].swapaxes(0, 1), mask[:, 1:].T)
    (alpha, total), pointers = lax.scan(forward, (first, jnp.zeros(batch)), over_time)
    final = (alpha + potentials.end[:, None]).reshape(batch, tags * count)
    scores, last = lax.top_k(final, count)
    first_state, later = lax.scan(backward, last.astype(jnp.int32), pointers, reverse=True)
    paths = jnp.concatenate([(first_state // count)[None], later]).transpose(1, 2, 0)
    return jnp.where(mask[:, None], paths, 0), scores + total[:, None]


def _weights(potentials: Potentials) -> Potentials:
    """Potentials in probability space, each of start, transitions and end up to a factor."""

    def weigh(part: Array) -> Array:
        return jnp.where(part == -jnp.inf, 0.0, jnp.exp(jnp.maximum(part - part.max(), _DEEPEST)))

    return Potentials(*map(weigh, potentials))


def _scaled(weights: Float[Array, "batch tags"]) -> Float[Array, "batch tags"]:
    return weights * (_HIGHEST / weights.max(-1, keepdims=True))


def _ends(mask: Bool[Array, "batch time"], starts: Bool[Array, "batch time"]) -> Bool[Array, "batch time"]:
    """True at the last token of each sentence; at padding too, where nothing follows."""
    return jnp.concatenate([starts[:, 1:] | ~mask[:, 1:], jnp.ones_like(mask[:, :1])], axis=1)
