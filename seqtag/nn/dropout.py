"""Dropout as the literature uses it; the caller gives the keys, none means evaluation.

Each row of a batch has a key of its own, so that what is dropped in it does not depend on the rows beside it: a batch
may be divided among programs and devices.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

RowKeys = Key[Array, " batch"] | None
"""A key for each row; None for no dropout."""


def keys_of_rows(key: Key[Array, ""], rows: Int[Array, " batch"]) -> Key[Array, " batch"]:
    """A key for each row, by its number."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, rows)


def split_keys(keys: RowKeys, count: int) -> list[RowKeys]:
    """As many keys in place of each row's one, or as many times none."""
    if keys is None:
        return [None] * count
    split = jax.vmap(lambda key: jax.random.split(key, count))(keys)
    return [split[:, number] for number in range(count)]


def uniform(keys: Key[Array, " batch"], shape: tuple[int, ...]) -> Float[Array, "batch *shape"]:
    """Random numbers from 0 to 1, of this shape for each row."""
    return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)


def dropout(
    values: Float[Array, "batch *axes features"],
    rate: float,
    keys: RowKeys,
    locked: bool = False,
) -> Float[Array, "batch *axes features"]:
    """Zero features with probability `rate` and scale the rest up (Srivastava et al. 2014).

    With `locked`, one mask serves all tokens of a row (Gal and Ghahramani 2016, section 4.1).
    """
    if keys is None or rate == 0.0:
        return values
    _, *axes, features = values.shape
    keep = _keep(keys, rate, (*([1] * len(axes) if locked else axes), features))
    return jnp.where(keep, values / (1.0 - rate), 0.0)


def token_dropout(
    values: Float[Array, "batch time features"], rate: float, keys: RowKeys
) -> Float[Array, "batch time features"]:
    """Zero whole tokens with probability `rate` and scale the rest up (Gal and Ghahramani 2016, section 4.2)."""
    if keys is None or rate == 0.0:
        return values
    keep = uniform(keys, values.shape[1:2]) >= rate
    return jnp.where(keep[:, :, None], values / (1.0 - rate), 0.0)


def _keep(keys: Key[Array, " batch"], rate: float, shape: tuple[int, ...]) -> Bool[Array, "batch *axes features"]:
    if rate != 0.5:
        return uniform(keys, shape) >= rate
    # A coin needs one random bit, not the 32 of a uniform number.
    size = math.prod(shape)
    words = jax.vmap(lambda key: jax.random.bits(key, (-(-size // 32),), jnp.uint32))(keys)
    bits = (words[:, :, None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
    return bits.reshape(len(keys), -1)[:, :size].reshape(-1, *shape) == 1
