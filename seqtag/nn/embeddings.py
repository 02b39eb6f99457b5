"""From integers to a vector per token: word, pretrained vector, shape, affixes and characters, side by side."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from seqtag.batch import PADDING, UNKNOWN_TOKEN, Batch, Tokens
from seqtag.config import ModelConfig
from seqtag.nn.dropout import RowKeys, uniform
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
        # There are few characters and many words: each character is multiplied with the filters once, at each offset,
        # and a word adds up what its characters give.
        table = self.embedding.table[...].at[PADDING].set(0.0)
        # A product an offset: of all at once the tables come out on their sides, and looking up in them takes longer.
        projected = [table @ kernel for kernel in jnp.split(self.filters.kernel[...], width)]
        length = char_ids.shape[1]
        activations = sum(projected[offset][ids[:, offset : offset + length]] for offset in range(width))
        strongest = jnp.where((char_ids > PADDING)[..., None], activations, -jnp.inf).max(1, initial=-1e4)
        assert self.filters.bias is not None
        return strongest + self.filters.bias[...]


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
        if config.affix_dim and vocabulary.affixes:
            # One table for all lengths: fewer arrays to compile for, and one look-up.
            self.affixes = Embedding(sizes.affixes, config.affix_dim, rngs)
            self.out_features += config.affix_dim * len(vocabulary.affixes)
        if config.char_encoder == "cnn":
            self.chars = CharacterCNN(sizes.chars, config.char_dim, config.char_features, config.char_kernel_size, rngs)
        elif config.char_encoder == "lstm":
            self.chars = CharacterLSTM(sizes.chars, config.char_dim, config.char_features, precision, rngs)
        if config.char_encoder != "none":
            self.out_features += config.char_features

    def __call__(
        self,
        batch: Batch,
        word_drop_rates: Float[Array, " distinct"] | None = None,
        keys: RowKeys = None,
    ) -> Float[Array, "batch time features"]:
        """One vector per token; each distinct token's is made once.

        Args:
            batch: the tokens.
            word_drop_rates: the probability that each distinct token's word is taken for an unknown one; with `keys`
                only.
            keys: None means no dropout.
        """
        token_ids = batch.token_ids
        words, others = self._parts(batch.tokens)
        word_tokens = token_ids
        if keys is not None and word_drop_rates is not None:
            unknown = uniform(keys, token_ids.shape[1:]) < word_drop_rates[token_ids]
            word_tokens = jnp.where(unknown, UNKNOWN_TOKEN, token_ids)
        return jnp.concatenate([words[word_tokens], others[token_ids]], axis=-1)

    def of_tokens(self, tokens: Tokens) -> Float[Array, "distinct features"]:
        """One vector for each distinct token."""
        return jnp.concatenate(self._parts(tokens), axis=-1)

    def _parts(self, tokens: Tokens) -> tuple[Float[Array, "distinct words"], Float[Array, "distinct others"]]:
        """What is known of each distinct token by its word, and by all else."""
        parts = [jnp.zeros((len(tokens.word_ids), 0))]
        if hasattr(self, "vectors"):
            parts.append(self.vectors(tokens.vector_ids))
        if hasattr(self, "shapes"):
            parts.append(self.shapes(tokens.shape_ids))
        if hasattr(self, "affixes"):
            parts.append(self.affixes(tokens.affix_ids).reshape(len(tokens.affix_ids), -1))
        if hasattr(self, "chars"):
            # Neither padding and unknown ones nor an empty token have any.
            has_chars = (tokens.char_ids > PADDING).any(1)
            parts.append(jnp.where(has_chars[:, None], self.chars(tokens.char_ids), 0.0))
        return self.words(tokens.word_ids), jnp.concatenate(parts, axis=-1)
