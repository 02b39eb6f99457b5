"""From integers to a vector per token: word, pretrained vector, shape, affixes and characters, side by side."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from seqtag.batch import PADDING, UNKNOWN, Batch
from seqtag.config import ModelConfig
from seqtag.nn.encoder import RecurrentLayer
from seqtag.vocabulary import Vocabulary


class Constant(nnx.Variable):
    """Weights that are not trained: pretrained vectors held as they are."""


class Embedding(nnx.Module):
    """A table of vectors, initialized as in Ma and Hovy (2016, section 3.1): uniform, of variance 1 / features."""

    def __init__(self, num_embeddings: int, features: int, rngs: nnx.Rngs) -> None:
        bound = np.sqrt(3.0 / features)
        self.table = nnx.Param(
            jax.random.uniform(rngs.params(), (num_embeddings, features), minval=-bound, maxval=bound)
        )

    def __call__(self, ids: Int[Array, "*shape"]) -> Float[Array, "*shape features"]:
        """Rows of the table."""
        return self.table[...][ids]


class PretrainedEmbedding(nnx.Module):
    """Vectors from a file. Padding and unknown words have the zero vector to begin with."""

    def __init__(self, vectors: Float[Array | np.ndarray, "words features"], tune: bool) -> None:
        table = jnp.concatenate([jnp.zeros((2, vectors.shape[1]), jnp.float32), jnp.asarray(vectors, jnp.float32)])
        self.table = nnx.Param(table) if tune else Constant(table)

    def __call__(self, ids: Int[Array, "*shape"]) -> Float[Array, "*shape features"]:
        """Rows of the table."""
        return self.table[...][ids]


class CharacterCNN(nnx.Module):
    """Convolution over a word's characters and the maximum over positions (Ma and Hovy 2016, section 2.1)."""

    def __init__(self, num_chars: int, char_dim: int, features: int, kernel_size: int, rngs: nnx.Rngs) -> None:
        self.kernel_size = kernel_size
        self.embedding = Embedding(num_chars, char_dim, rngs)
        self.filters = nnx.Linear(kernel_size * char_dim, features, rngs=rngs)

    def __call__(self, char_ids: Int[Array, "words chars"]) -> Float[Array, "words features"]:
        """Features of each word; positions of padding alone do not take part in the maximum."""
        width = self.kernel_size
        before = (width - 1) // 2
        ids = jnp.pad(char_ids, ((0, 0), (before, width - 1 - before)), constant_values=PADDING)
        embedded = jnp.where((ids > PADDING)[..., None], self.embedding(ids), 0.0)
        length = char_ids.shape[1]
        # A convolution as one matrix product: its gradient is then one too.
        windows = jnp.concatenate([embedded[:, offset : offset + length] for offset in range(width)], axis=-1)
        activations = self.filters(windows)
        return jnp.where((char_ids > PADDING)[..., None], activations, -jnp.inf).max(1, initial=-1e4)


class CharacterLSTM(nnx.Module):
    """The last states of a BiLSTM over a word's characters (Lample et al. 2016, section 4.1)."""

    def __init__(self, num_chars: int, char_dim: int, features: int, precision: str, rngs: nnx.Rngs) -> None:
        self.embedding = Embedding(num_chars, char_dim, rngs)
        self.layer = RecurrentLayer("lstm", char_dim, features // 2, True, precision, rngs)

    def __call__(self, char_ids: Int[Array, "words chars"]) -> Float[Array, "words features"]:
        """Features of each word."""
        positions = jnp.arange(char_ids.shape[1])
        last = jnp.maximum((char_ids > PADDING).sum(1) - 1, 0)
        starts = jnp.broadcast_to(positions == 0, char_ids.shape)
        states = self.layer(self.embedding(char_ids), starts, positions == last[:, None])
        forward, backward = jnp.split(states, 2, axis=-1)
        return jnp.concatenate([forward[jnp.arange(last.shape[0]), last], backward[:, 0]], axis=-1)


class TokenEmbeddings(nnx.Module):
    """Everything known of a token, as one vector."""

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        vectors: Float[Array | np.ndarray, "words features"] | None,
        precision: str,
        rngs: nnx.Rngs,
    ) -> None:
        sizes = vocabulary.sizes
        self.words = Embedding(sizes.words, config.word_dim, rngs)
        self.out_features = config.word_dim
        if vectors is not None:
            self.vectors = PretrainedEmbedding(vectors, config.tune_word_vectors)
            self.out_features += vectors.shape[1]
        if config.shape_dim:
            self.shapes = Embedding(sizes.shapes, config.shape_dim, rngs)
            self.out_features += config.shape_dim
        if config.affix_dim:
            self.affixes = nnx.List(Embedding(size, config.affix_dim, rngs) for size in sizes.affixes)
            self.out_features += config.affix_dim * len(sizes.affixes)
        if config.char_encoder == "cnn":
            self.chars = CharacterCNN(sizes.chars, config.char_dim, config.char_features, config.char_kernel_size, rngs)
        elif config.char_encoder == "lstm":
            self.chars = CharacterLSTM(sizes.chars, config.char_dim, config.char_features, precision, rngs)
        if config.char_encoder != "none":
            self.out_features += config.char_features

    def __call__(
        self,
        batch: Batch,
        word_drop_rates: Float[Array, " words"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time features"]:
        """One vector per token.

        Args:
            batch: the tokens.
            word_drop_rates: by word id, the probability that the word is taken for an unknown one; with `key` only.
            key: None means no dropout.
        """
        word_ids = batch.word_ids
        if key is not None and word_drop_rates is not None:
            unknown = jax.random.uniform(key, word_ids.shape) < word_drop_rates[word_ids]
            word_ids = jnp.where(unknown, UNKNOWN, word_ids)
        parts = [self.words(word_ids)]
        if hasattr(self, "vectors"):
            parts.append(self.vectors(batch.vector_ids))
        if hasattr(self, "shapes"):
            parts.append(self.shapes(batch.shape_ids))
        if hasattr(self, "affixes"):
            parts.extend(affix(batch.affix_ids[..., index]) for index, affix in enumerate(self.affixes))
        if hasattr(self, "chars"):
            rows, time, length = batch.char_ids.shape
            features = self.chars(batch.char_ids.reshape(rows * time, length))
            parts.append(jnp.where(batch.mask[..., None], features.reshape(rows, time, -1), 0.0))
        return jnp.concatenate(parts, axis=-1)
