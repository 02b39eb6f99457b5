"""A second loss in training: the next word from what was read before it, and the previous one from what comes after.

Rei (2017, section 3). It needs no labels, and teaches the encoder what tags alone say too little about. It is not part
of the model that is shipped.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from seqtag.batch import UNKNOWN

_PROJECTED = 50
"""Features between an encoder's state and the words, as in Rei (2017, section 4)."""


class LanguageModelHead(nnx.Module):
    """Scores of the most frequent words after each state of each direction."""

    def __init__(self, hidden_size: int, directions: int, num_words: int, rngs: nnx.Rngs) -> None:
        """`num_words` counts ids, from 0: those from there on, of rarer words, are taken for the unknown word."""
        self.num_words = num_words
        self.projections = nnx.List(nnx.Linear(hidden_size, _PROJECTED, rngs=rngs) for _ in range(directions))
        self.outputs = nnx.List(nnx.Linear(_PROJECTED, num_words, rngs=rngs) for _ in range(directions))

    def loss(
        self,
        hidden: Float[Array, "batch time hidden"],
        word_ids: Int[Array, "batch time"],
        sentence_ids: Int[Array, "batch time"],
    ) -> Float[Array, " batch"]:
        """Negative log likelihood of the words beside each token in its sentence, in nats, both directions together."""
        known = jnp.where(word_ids < self.num_words, word_ids, UNKNOWN)
        is_inside = (sentence_ids[:, 1:] == sentence_ids[:, :-1]) & (sentence_ids[:, 1:] > 0)
        states = jnp.split(hidden, len(self.projections), axis=-1)
        seen = [states[0][:, :-1], *(backward[:, 1:] for backward in states[1:])]
        total = jnp.zeros(hidden.shape[0])
        for own, words, project, score in zip(
            seen, (known[:, 1:], known[:, :-1]), self.projections, self.outputs, strict=False
        ):
            scores = score(jnp.tanh(project(own)))
            gold = jnp.take_along_axis(scores, words[:, :, None], axis=2)[:, :, 0]
            total += jnp.where(is_inside, jax.nn.logsumexp(scores, axis=-1) - gold, 0.0).sum(1)
        return total
