"""Dropout as the literature uses it; the caller gives the key, none means evaluation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def dropout(
    values: Float[Array, "batch time features"], rate: float, key: PRNGKeyArray | None, locked: bool = False
) -> Float[Array, "batch time features"]:
    """Zero features with probability `rate` and scale the rest up (Srivastava et al. 2014).

    With `locked`, one mask serves all tokens of a row (Gal and Ghahramani 2016, section 4.1).
    """
    if key is None or rate == 0.0:
        return values
    batch, time, features = values.shape
    keep = jax.random.bernoulli(key, 1.0 - rate, (batch, 1 if locked else time, features))
    return jnp.where(keep, values / (1.0 - rate), 0.0)


def token_dropout(
    values: Float[Array, "batch time features"], rate: float, key: PRNGKeyArray | None
) -> Float[Array, "batch time features"]:
    """Zero whole tokens with probability `rate` and scale the rest up (Gal and Ghahramani 2016, section 4.2)."""
    if key is None or rate == 0.0:
        return values
    keep = jax.random.bernoulli(key, 1.0 - rate, values.shape[:2])
    return jnp.where(keep[:, :, None], values / (1.0 - rate), 0.0)
