"""A network with random weights, large enough ones that it finds many entities: no training needed."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from seqtag.config import ModelConfig
from seqtag.data.batching import Buckets
from seqtag.nn.model import Network
from seqtag.tagging.model_directory import TrainedModel
from seqtag.vocabulary import build_vocabulary

WORDS = "Ada met Bo in Rome on 3 May , and they did n't stay . The U.S. Inc. paid $ 1,000".split()
DATA = {"format": "conll", "path": None, "revision": None, "train": "train"}


def tiny_model(seed: int = 0, **settings: Any) -> TrainedModel:
    """A model of two labels, which tags each sentence by itself; `settings` are those of ModelConfig."""
    small = {"hidden_size": 6, "word_dim": 8, "affix_lengths": [2], "max_word_length": 8, "document_sharing": 0.0}
    config = ModelConfig(**small | settings)
    vocabulary = build_vocabulary(Counter(WORDS * 2), ["PER", "LOC"], config)
    graph, params, constants = nnx.split(Network(config, vocabulary, None, nnx.Rngs(seed)), nnx.Param, ...)
    keys = iter(jax.random.split(jax.random.key(seed), len(jax.tree.leaves(params))))
    params = jax.tree.map(lambda value: 2 * value + 0.3 * jax.random.normal(next(keys), jnp.shape(value)), params)
    kernel = params["members"][0]["head"]["linear"]["kernel"]
    kernel[...] = 4 * kernel[...]
    return TrainedModel(
        "ner", config, vocabulary, Buckets((32,), 64, True), graph, params, constants, DATA, 0, "a card"
    )
