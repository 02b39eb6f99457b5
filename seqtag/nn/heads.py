"""Heads: from hidden states to scores of tags, their loss and the best tagging."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from seqtag.nn import crf
from seqtag.schemes import Scheme, allowed_transitions


class TagHead(nnx.Module):
    """A tag per token, by a CRF or each on its own; both decode only what the tag scheme allows."""

    def __init__(
        self, kind: Literal["crf", "softmax"], in_features: int, tags: tuple[str, ...], scheme: Scheme, rngs: nnx.Rngs
    ) -> None:
        self.kind = kind
        self.tags = tags
        self.scheme: Scheme = scheme
        self.linear = nnx.Linear(in_features, len(tags), rngs=rngs)
        if kind == "crf":
            self.start = nnx.Param(jnp.zeros(len(tags)))
            self.transitions = nnx.Param(jnp.zeros((len(tags), len(tags))))
            self.end = nnx.Param(jnp.zeros(len(tags)))

    def emissions(self, hidden: Float[Array, "batch time hidden"]) -> Float[Array, "batch time tags"]:
        """Scores of each tag at each token, in nats; for softmax they are log probabilities."""
        scores = self.linear(hidden)
        return scores if self.kind == "crf" else jax.nn.log_softmax(scores)

    def potentials(self) -> crf.Potentials:
        """Learned transitions (CRF) or none (softmax), `-inf` where the scheme forbids."""
        allowed = allowed_transitions(self.tags, self.scheme)
        learned = (self.start[...], self.transitions[...], self.end[...]) if self.kind == "crf" else (0.0, 0.0, 0.0)
        return crf.Potentials(*(jnp.where(may, own, -jnp.inf) for may, own in zip(allowed, learned, strict=True)))

    def loss(
        self,
        emissions: Float[Array, "batch time tags"],
        tags: Int[Array, "batch time"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Float[Array, " batch"]:
        """Negative log likelihood of each row's gold tags, in nats."""
        if self.kind == "crf":
            return -crf.log_likelihood(self.potentials(), emissions, tags, mask, starts)
        gold = jnp.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0]
        return -jnp.where(mask, gold, 0.0).sum(1)

    def decode(
        self,
        emissions: Float[Array, "batch time tags"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Int[Array, "batch time"]:
        """The most probable well-formed tagging."""
        return crf.viterbi(self.potentials(), emissions, mask, starts)[0]
