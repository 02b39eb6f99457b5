"""The network: embeddings, encoder and head, joined."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from seqtag.batch import Batch, Tagged
from seqtag.config import ModelConfig
from seqtag.nn.dropout import dropout, token_dropout
from seqtag.nn.embeddings import TokenEmbeddings
from seqtag.nn.encoder import Encoder
from seqtag.nn.heads import TagHead
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


class TaggingModel(nnx.Module):
    """Embeddings, recurrent encoder, tag head."""

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        vectors: Float[Array | np.ndarray, "words features"] | None,
        rngs: nnx.Rngs,
        precision: str = "float32",
    ) -> None:
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
        )
        self.head = TagHead(config.head, self.encoder.out_features, vocabulary.tags, config.tag_scheme, rngs)

    def emissions(
        self,
        batch: Batch,
        word_drop_rates: Float[Array, " words"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time tags"]:
        """Scores of each tag at each token, in nats; `key` None means no dropout."""
        word_key, token_key, input_key, layer_key, output_key = (None,) * 5 if key is None else jax.random.split(key, 5)
        starts, ends = boundaries(batch.sentence_ids)
        embedded = self.embeddings(batch, word_drop_rates, word_key)
        embedded = token_dropout(embedded, self.embedding_dropout, token_key)
        embedded = dropout(embedded, self.dropout, input_key, self.locked_dropout)
        hidden = self.encoder(embedded, starts, ends, layer_key)
        return self.head.emissions(dropout(hidden, self.dropout, output_key, self.locked_dropout))

    def loss(
        self,
        batch: Batch,
        word_drop_rates: Float[Array, " words"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " batch"]:
        """Negative log likelihood of each row's gold tags, in nats."""
        emissions = self.emissions(batch, word_drop_rates, key)
        return self.head.loss(emissions, batch.tags, batch.mask, boundaries(batch.sentence_ids).starts)

    def decode(self, batch: Batch) -> Int[Array, "batch time"]:
        """The most probable well-formed tagging, as tag ids; 0 at padding."""
        return self.head.decode(self.emissions(batch), batch.mask, boundaries(batch.sentence_ids).starts)

    def tag(self, batch: Batch) -> Tagged:
        """The tagging of `decode` with its probabilities."""
        return self.head.tag(self.emissions(batch), batch.mask, boundaries(batch.sentence_ids).starts)

    def n_best(self, batch: Batch, count: int) -> tuple[Tagged, Float[Array, "batch count"]]:
        """The `count` most probable taggings of rows of one sentence and their log probabilities, in nats."""
        return self.head.n_best(self.emissions(batch), batch.mask, count)
