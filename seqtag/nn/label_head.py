"""The label of a whole sentence or text: its hidden states pooled into one vector, and a linear layer on it.

A row may hold several sentences; `sentence_ids` tell them apart, as in the rest of the network.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

Pooling = Literal["attention", "max", "mean", "last"]


class LabelObjective(NamedTuple):
    """How labels are learned."""

    smoothing: float
    """Share of a target that is spread over all classes (Szegedy et al. 2016, section 7)."""
    class_weights: Float[Array, "2 classes"]
    """What the loss of a text is multiplied by that has not each class, and that has it. The first are for
    `multi_label` models alone, where each class is a decision by itself."""

    @classmethod
    def plain(cls, classes: int) -> "LabelObjective":
        """Targets as they are, and all of one weight."""
        return cls(0.0, jnp.ones((2, classes)))


class LabelHead(nnx.Module):
    """One label of several, or of `multi_label` models each label by itself."""

    def __init__(
        self, pooling: Pooling, in_features: int, directions: int, num_classes: int, multi_label: bool, rngs: nnx.Rngs
    ) -> None:
        self.pooling = pooling
        self.directions = directions
        self.multi_label = multi_label
        self.linear = nnx.Linear(in_features, num_classes, rngs=rngs)
        if pooling == "attention":
            self.key = nnx.Linear(in_features, in_features, rngs=rngs)
            self.query = nnx.Param(jax.random.normal(rngs.params(), (in_features,)) / in_features**0.5)

    def pool(
        self, hidden: Float[Array, "batch time hidden"], sentence_ids: Int[Array, "batch time"], sentences: int
    ) -> tuple[Float[Array, "batch sentences hidden"], Float[Array, "batch time"] | None]:
        """A vector for each sentence, zero where a row has fewer; and for attention the weight of each token."""
        numbers = jnp.arange(1, sentences + 1)
        member = (sentence_ids[:, None] == numbers[:, None]).astype(hidden.dtype)  # [batch, sentences, time]
        if self.pooling == "attention":
            weights = self._attention(hidden, member)
            return jnp.einsum("bst,bt,bth->bsh", member, weights, hidden), weights
        if self.pooling == "mean":
            counts = jnp.maximum(member.sum(-1, keepdims=True), 1.0)
            return jnp.einsum("bst,bth->bsh", member / counts, hidden), None
        if self.pooling == "max":
            return self._maximum(hidden, sentence_ids, sentences), None
        return self._last(hidden, member), None

    def _attention(
        self, hidden: Float[Array, "batch time hidden"], member: Float[Array, "batch sentences time"]
    ) -> Float[Array, "batch time"]:
        """Weights of the tokens, which sum to 1 over each sentence (Yang et al. 2016, section 2.2)."""
        scores = jnp.tanh(self.key(hidden)) @ self.query[...]
        best = jnp.where(member > 0, scores[:, None], -jnp.inf).max(-1, keepdims=True)
        best = jnp.where(jnp.isfinite(best), best, 0.0)
        real = member.sum(1)
        # Nothing of padding is raised: what it might overflow to would not become 0 when it is multiplied with 0.
        above = jnp.where(real > 0, scores - jax.lax.stop_gradient((member * best).sum(1)), 0.0)
        raised = jnp.exp(above) * real
        sums = jnp.einsum("bst,bt->bs", member, raised)
        return raised / jnp.where(real > 0, jnp.einsum("bst,bs->bt", member, sums), 1.0)

    def _maximum(
        self, hidden: Float[Array, "batch time hidden"], sentence_ids: Int[Array, "batch time"], sentences: int
    ) -> Float[Array, "batch sentences hidden"]:
        rows, time, features = hidden.shape
        segments = jnp.arange(rows)[:, None] * (sentences + 1) + sentence_ids
        flat = hidden.reshape(rows * time, features)
        found = jax.ops.segment_max(flat, segments.reshape(-1), num_segments=rows * (sentences + 1))
        found = jnp.where(jnp.isfinite(found), found, 0.0)
        return found.reshape(rows, sentences + 1, features)[:, 1:]

    def _last(
        self, hidden: Float[Array, "batch time hidden"], member: Float[Array, "batch sentences time"]
    ) -> Float[Array, "batch sentences hidden"]:
        """The last states of each direction as it reads: at a sentence's end, and backwards at its start."""
        before = jnp.pad(member, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
        after = jnp.pad(member, ((0, 0), (0, 0), (0, 1)))[:, :, 1:]
        edges = (member * (1 - after), member * (1 - before))
        parts = jnp.split(hidden, self.directions, axis=-1)
        last = [jnp.einsum("bst,bth->bsh", edge, part) for edge, part in zip(edges, parts, strict=False)]
        return jnp.concatenate(last, axis=-1)

    def log_probabilities(
        self, pooled: Float[Array, "batch sentences hidden"]
    ) -> Float[Array, "batch sentences classes"]:
        """Log probability of each label, in nats; with `multi_label` each by itself, else over all labels."""
        scores = self.linear(pooled)
        return jax.nn.log_sigmoid(scores) if self.multi_label else jax.nn.log_softmax(scores)

    def loss(
        self,
        pooled: Float[Array, "batch sentences hidden"],
        targets: Float[Array, "batch sentences classes"],
        labelled: Bool[Array, "batch sentences"],
        objective: LabelObjective,
    ) -> Float[Array, "batch sentences"]:
        """Cross entropy of each sentence, in nats, weighted by class; 0 where its labels are not known."""
        scores, smoothing = self.linear(pooled), objective.smoothing
        absent, present = objective.class_weights
        if self.multi_label:
            smoothed = targets * (1 - smoothing) + smoothing / 2
            for_it = present * smoothed * jax.nn.log_sigmoid(scores)
            losses = -(for_it + absent * (1 - smoothed) * jax.nn.log_sigmoid(-scores)).sum(-1)
        else:
            smoothed = targets * (1 - smoothing) + smoothing / targets.shape[-1]
            weights = (targets * present).sum(-1)
            losses = -weights * (smoothed * jax.nn.log_softmax(scores)).sum(-1)
        return jnp.where(labelled, losses, 0.0)
