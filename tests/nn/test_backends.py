"""The backend that is asked for, where the machine has no GPU for it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqtag.config import ModelConfig
from seqtag.errors import InputError
from seqtag.nn import backends
from seqtag.nn.encoder import Encoder

ASKED = ModelConfig(backend="pallas")


def test_training_says_that_there_is_no_gpu() -> None:
    with pytest.raises(InputError, match=r"model\.backend pallas needs an NVIDIA GPU"):
        backends.check_backend(ASKED)


def test_training_says_that_the_layer_is_too_large() -> None:
    with pytest.raises(InputError, match=r"model\.hidden_size of up to 256, not 300"):
        backends.check_backend(dataclasses.replace(ASKED, hidden_size=300))


def test_tagging_falls_back_to_the_scan() -> None:
    assert backends.usable_backend(ASKED) == "scan"


def test_what_runs_everywhere_is_never_refused() -> None:
    for backend in ("auto", "scan"):
        config = ModelConfig(backend=backend, hidden_size=1000)
        backends.check_backend(config)
        assert backends.usable_backend(config) == "scan"


def test_an_encoder_gives_the_same_with_every_backend() -> None:
    """Two layers, rows of several sentences, embedded values and distinct tokens."""
    encoders = [
        Encoder("gru", 4, 5, 2, True, 0.0, False, "float32", nnx.Rngs(1), backend) for backend in ("scan", "pallas")
    ]
    tokens = jax.random.normal(jax.random.key(0), (6, 4))
    token_ids = jax.random.randint(jax.random.key(1), (2, 5), 0, 6)
    starts = jnp.array([[1, 0, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
    ends = jnp.array([[0, 1, 0, 0, 1], [0, 0, 1, 0, 0]], bool)
    values = tokens[token_ids]
    expected, other = (own.upper(own.lowest(values, starts, ends), starts, ends, None) for own in encoders)
    for found in (other, encoders[1].of_tokens(tokens, token_ids, starts, ends)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
