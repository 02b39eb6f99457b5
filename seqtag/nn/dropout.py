"""Dropout as the literature uses it; the caller gives the key, none means evaluation."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray


def dropout(
    values: Float[Array, "batch time features"], rate: float, key: PRNGKeyArray | None, locked: bool = False
) -> Float[Array, "batch time features"]:
    """Zero features with probability `rate` and scale the rest up (Srivastava et al. 2014).

    With `locked`, one mask serves all tokens of a row (Gal and Ghahramani 2016, section 4.1).
    """
    if key is None or rate == 0.0:
        return values
    batch, time, features = values.shape
    keep = _keep(key, rate, (batch, 1 if locked else time, features))
    return jnp.where(keep, values / (1.0 - rate), 0.0)


def token_dropout(
    values: Float[Array, "batch time features"], rate: float, key: PRNGKeyArray | None
) -> Float[Array, "batch time features"]:
    """Zero whole tokens with probability `rate` and scale the rest up (Gal and Ghahramani 2016, section 4.2)."""
    if key is None or rate == 0.0:
        return values
    keep = jax.random.bernoulli(key, 1.0 - rate, values.shape[:2])
    return jnp.where(keep[:, :, None], values / (1.0 - rate), 0.0)


def _keep(key: PRNGKeyArray, rate: float, shape: tuple[int, int, int]) -> Bool[Array, "batch time features"]:
    if rate != 0.5:
        return jax.random.bernoulli(key, 1.0 - rate, shape)
    # A coin needs one random bit, not the 32 of a uniform number.
    size = math.prod(shape)
    words = jax.random.bits(key, (-(-size // 32),), jnp.uint32)
    bits = (words[:, None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
    return bits.reshape(-1)[:size].reshape(shape) == 1
