"""One member of a network: embeddings, encoder and heads, joined."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from seqtag.batch import FIRST, Batch
from seqtag.config import ModelConfig
from seqtag.nn.backends import usable_backend
from seqtag.nn.dropout import RowKeys, dropout, split_keys, token_dropout
from seqtag.nn.embeddings import TokenEmbeddings
from seqtag.nn.encoder import Encoder
from seqtag.nn.label_head import LabelHead, LabelObjective
from seqtag.nn.language_model import LanguageModelHead
from seqtag.nn.tag_head import Scores, TagHead
from seqtag.vocabulary import Vocabulary


class Boundaries(NamedTuple):
    """Where sentences begin and end in the rows of a batch: True at their first and last tokens."""

    starts: Bool[Array, "batch time"]
    ends: Bool[Array, "batch time"]


def boundaries(sentence_ids: Int[Array, "batch time"]) -> Boundaries:
    """The boundaries that sentence ids imply; none at padding."""
    changes = sentence_ids[:, 1:] != sentence_ids[:, :-1]
    edge = jnp.ones_like(changes[:, :1], shape=(sentence_ids.shape[0], 1))
    real = sentence_ids > 0
    return Boundaries(
        starts=jnp.concatenate([edge, changes], axis=1) & real, ends=jnp.concatenate([changes, edge], axis=1) & real
    )


class Lesson(NamedTuple):
    """What a teacher says of a batch, to be learned beside what is gold."""

    tags: Scores | None
    labels: Float[Array, "batch sentences classes"] | None
    """Probability of each label."""
    weight: float
    """Share of the loss; the rest is of what is gold."""


class Losses(NamedTuple):
    """Negative log likelihoods of each row, in nats."""

    tags: Float[Array, " batch"]
    labels: Float[Array, " batch"]
    words: Float[Array, " batch"]
    """Of the language model; 0 without one."""


class DropoutKeys(NamedTuple):
    """What each row's dropout is made of: unknown words, dropped tokens, the encoder's input, its layers, its output,
    and the vectors of texts."""

    words: RowKeys
    tokens: RowKeys
    inputs: RowKeys
    layers: RowKeys
    outputs: RowKeys
    texts: RowKeys

    @classmethod
    def of(cls, keys: RowKeys) -> "DropoutKeys":
        """Made of each row's one key, or of none."""
        return cls(*split_keys(keys, len(cls._fields)))


class Member(nnx.Module):
    """Embeddings, recurrent encoder, and a head for each thing that the vocabulary names: tags, labels of texts."""

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
        self.dropout = config.dropout
        self.embedding_dropout = config.embedding_dropout
        self.locked_dropout = config.locked_dropout
        self.embeddings = TokenEmbeddings(config, vocabulary, vectors, precision, rngs)
        self.encoder = Encoder(
            cell=config.encoder,
            in_features=self.embeddings.out_features,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            bidirectional=config.bidirectional,
            layer_dropout=config.layer_dropout,
            locked_dropout=config.locked_dropout,
            precision=precision,
            rngs=rngs,
            backend=usable_backend(config),
        )
        features = self.encoder.out_features
        if vocabulary.tags:
            self.head = TagHead(config.head, features, vocabulary.tags, config.tag_scheme, rngs)
        if vocabulary.classes:
            directions, classes = 1 + config.bidirectional, len(vocabulary.classes)
            self.label_head = LabelHead(config.pooling, features, directions, classes, vocabulary.multi_label, rngs)
        if language_model:  # last, so that all else is initialized as without it
            words = min(FIRST + language_model, vocabulary.sizes.words)
            self.language_model = LanguageModelHead(config.hidden_size, 1 + config.bidirectional, words, rngs)

    def hidden(self, batch: Batch) -> Float[Array, "batch time hidden"]:
        """The encoder's state at each token, for tagging: each distinct token is read once."""
        starts, ends = boundaries(batch.sentence_ids)
        return self.encoder.of_tokens(self.embeddings.of_tokens(batch.tokens), batch.token_ids, starts, ends)

    def hidden_in_training(
        self, batch: Batch, word_drop_rates: Float[Array, " distinct"] | None, keys: DropoutKeys
    ) -> tuple[Float[Array, "batch time hidden"], Float[Array, "batch time hidden"]]:
        """The same with dropout, token by token: of the encoder's first layer, and of its last."""
        starts, ends = boundaries(batch.sentence_ids)
        embedded = self.embeddings(batch, word_drop_rates, keys.words)
        embedded = token_dropout(embedded, self.embedding_dropout, keys.tokens)
        embedded = dropout(embedded, self.dropout, keys.inputs, self.locked_dropout)
        lowest = self.encoder.lowest(embedded, starts, ends)
        return lowest, self.encoder.upper(lowest, starts, ends, keys.layers)

    def losses(
        self,
        batch: Batch,
        objective: LabelObjective,
        word_drop_rates: Float[Array, " distinct"] | None = None,
        keys: RowKeys = None,
        word_ids: Int[Array, "batch time"] | None = None,
        lesson: Lesson | None = None,
    ) -> Losses:
        """Negative log likelihood of the gold tags and labels, and of the words beside each token, in nats.

        Args:
            batch: the tokens and what is gold of them.
            objective: how gold labels are learned.
            word_drop_rates: as the embeddings take them.
            keys: of each row; None means no dropout.
            word_ids: those of the vocabulary, for the language model alone.
            lesson: of a teacher; its cross entropy then is part of the losses of tags and labels.
        """
        of = DropoutKeys.of(keys)
        lowest, hidden = self.hidden_in_training(batch, word_drop_rates, of)
        of_tags = of_labels = of_words = jnp.zeros(hidden.shape[0])
        if hasattr(self, "head"):
            emissions = self.head.emissions(dropout(hidden, self.dropout, of.outputs, self.locked_dropout))
            starts = boundaries(batch.sentence_ids).starts
            of_tags = self.head.loss(emissions, batch.tags, batch.mask, starts)
            if lesson is not None and lesson.tags is not None:
                taught = self.head.loss_against(lesson.tags, emissions, batch.mask, starts)
                of_tags = (1 - lesson.weight) * of_tags + lesson.weight * taught
        if hasattr(self, "label_head"):
            pooled, _ = self.label_head.pool(hidden, batch.sentence_ids, batch.labelled.shape[1])
            pooled = dropout(pooled, self.dropout, of.texts)
            of_labels = self.label_head.loss(pooled, batch.targets, batch.labelled, objective).sum(1)
            if lesson is not None and lesson.labels is not None:
                plain = LabelObjective.plain(lesson.labels.shape[-1])
                taught = self.label_head.loss(pooled, lesson.labels, batch.labelled, plain).sum(1)
                of_labels = (1 - lesson.weight) * of_labels + lesson.weight * taught
        if hasattr(self, "language_model") and word_ids is not None:
            # Of the first layer: what is above it has read both sides, the words that are asked for among them.
            of_words = self.language_model.loss(lowest, word_ids, batch.sentence_ids)
        return Losses(of_tags, of_labels, of_words)

    def labels(
        self, hidden: Float[Array, "batch time hidden"], sentence_ids: Int[Array, "batch time"], sentences: int
    ) -> tuple[Float[Array, "batch sentences classes"], Float[Array, "batch time"] | None]:
        """Log probability of each label of rows with up to so many sentences, in nats, and the tokens' attention."""
        pooled, attention = self.label_head.pool(hidden, sentence_ids, sentences)
        return self.label_head.log_probabilities(pooled), attention
