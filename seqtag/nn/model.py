"""The network: one member, or several whose scores are averaged, and what they say together of a batch."""

from functools import reduce
from operator import add

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from seqtag.batch import Batch, Outputs, Tagged
from seqtag.config import ModelConfig
from seqtag.nn import crf
from seqtag.nn.dropout import RowKeys, split_keys
from seqtag.nn.label_head import LabelObjective
from seqtag.nn.member import Lesson, Losses, Member, boundaries
from seqtag.nn.tag_head import Scores
from seqtag.vocabulary import Vocabulary


class Network(nnx.Module):
    """Members that differ in their initial weights and their dropout, and learn each by itself: an ensemble.

    The scores of tags are averaged before a tagging is chosen, so that the ensemble is one CRF; of a text's labels,
    the probabilities are. Hansen and Salamon (1990) found that members err in different places.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        vectors: Float[Array | np.ndarray, "words features"] | None,
        rngs: nnx.Rngs,
        precision: str = "float32",
        language_model: int = 0,
    ) -> None:
        """`language_model` is how many words a language model in training tells apart; 0 for none."""
        self.members = nnx.List(
            Member(config, vocabulary, vectors, rngs, precision, language_model) for _ in range(config.members)
        )

    def hidden(self, batch: Batch) -> Float[Array, "batch time hidden"]:
        """The members' states at each token, side by side."""
        return jnp.concatenate([member.hidden(batch) for member in self.members], axis=-1)

    def emissions(self, batch: Batch) -> Float[Array, "batch time tags"]:
        """Scores of each tag at each token, in nats."""
        return self.score(self.hidden(batch))

    def score(self, hidden: Float[Array, "batch time hidden"]) -> Float[Array, "batch time tags"]:
        """What hidden states score each tag, in nats."""
        parts = self._parts(hidden)
        return _mean([member.head.emissions(part) for member, part in zip(self.members, parts, strict=True)])

    def potentials(self) -> crf.Potentials:
        """What taggings are scored by, beside their emissions."""
        return jax.tree.map(lambda *own: _mean(own), *(member.head.potentials() for member in self.members))

    def losses(
        self,
        batch: Batch,
        objective: LabelObjective,
        word_drop_rates: Float[Array, " distinct"] | None = None,
        keys: RowKeys = None,
        word_ids: Int[Array, "batch time"] | None = None,
        lesson: Lesson | None = None,
    ) -> Losses:
        """Losses of all members together, as `Member.losses` gives each."""
        of_members = [
            member.losses(batch, objective, word_drop_rates, own, word_ids, lesson)
            for member, own in zip(self.members, self._keys(keys), strict=True)
        ]
        return jax.tree.map(lambda *own: reduce(add, own), *of_members)

    def outputs(self, batch: Batch) -> Outputs:
        """The best tagging and the labels of each sentence, with their probabilities."""
        return self.read(self.hidden(batch), batch.sentence_ids, batch.labelled.shape[1])

    def lesson(self, batch: Batch, weight: float) -> Lesson:
        """What the network, as a teacher, says of a batch; a student learns it at `weight` of its loss."""
        hidden = self.hidden(batch)
        tags = Scores(self.potentials(), self.score(hidden)) if hasattr(self.members[0], "head") else None
        labels = self._labels(hidden, batch.sentence_ids, batch.labelled.shape[1])[0]
        return Lesson(tags, None if labels is None else jnp.exp(labels), weight)

    def read(
        self, hidden: Float[Array, "batch time hidden"], sentence_ids: Int[Array, "batch time"], sentences: int
    ) -> Outputs:
        """What the heads make of the hidden states of rows with up to so many sentences."""
        tagged = None
        if hasattr(self.members[0], "head"):
            tagged = self.tag(self.score(hidden), sentence_ids > 0, boundaries(sentence_ids).starts)
        return Outputs(tagged, *self._labels(hidden, sentence_ids, sentences))

    def read_scores(
        self, emissions: Float[Array, "batch time tags"], sentence_ids: Int[Array, "batch time"]
    ) -> Outputs:
        """What the head of tags makes of emissions."""
        return Outputs(self.tag(emissions, sentence_ids > 0, boundaries(sentence_ids).starts), None, None)

    def tag(
        self,
        emissions: Float[Array, "batch time tags"],
        mask: Bool[Array, "batch time"],
        starts: Bool[Array, "batch time"],
    ) -> Tagged:
        """The best well-formed tagging of emissions with its probabilities, [batch, time]."""
        return self.members[0].head.tag(self.potentials(), emissions, mask, starts)

    def n_best(self, batch: Batch, count: int) -> tuple[Tagged, Float[Array, "batch count"]]:
        """The `count` most probable taggings of rows of one sentence and their log probabilities, in nats."""
        return self.n_best_of(self.emissions(batch), batch.mask, count)

    def n_best_of(
        self, emissions: Float[Array, "batch time tags"], mask: Bool[Array, "batch time"], count: int
    ) -> tuple[Tagged, Float[Array, "batch count"]]:
        """The same of emissions."""
        return self.members[0].head.n_best(self.potentials(), emissions, mask, count)

    def _labels(
        self, hidden: Float[Array, "batch time hidden"], sentence_ids: Int[Array, "batch time"], sentences: int
    ) -> tuple[Float[Array, "batch sentences classes"] | None, Float[Array, "batch time"] | None]:
        """Log probability of each label, in nats, and the tokens' attention; None of what there is none."""
        if not hasattr(self.members[0], "label_head"):
            return None, None
        parts = zip(self.members, self._parts(hidden), strict=True)
        scores, attention = zip(*(member.labels(part, sentence_ids, sentences) for member, part in parts), strict=True)
        together = jax.nn.logsumexp(jnp.stack(scores), axis=0, b=1 / len(scores))
        return together, None if attention[0] is None else _mean(attention)

    def _keys(self, keys: RowKeys) -> list[RowKeys]:
        """Those of each member; a single one has the network's own."""
        return [keys] if len(self.members) == 1 else split_keys(keys, len(self.members))

    def _parts(self, hidden: Float[Array, "batch time hidden"]) -> list[Float[Array, "batch time own"]]:
        return jnp.split(hidden, len(self.members), axis=-1)


def _mean(values: list[Array] | tuple[Array, ...]) -> Array:
    return reduce(add, values) / len(values)
