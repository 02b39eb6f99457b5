"""The chain of `crf.py` in O(log time) steps: products of matrices may be taken in any order.

The matrix of a position holds, for each pair of tags, the score of going from one to the other and emitting it. Log
partition and best taggings are products of these matrices, in the semirings (logsumexp, +) and (max, +), and products
of neighbours are taken side by side (Särkkä and García-Fernández 2021, "Temporal parallelization of Bayesian
smoothers"; Rush 2020, "Torch-Struct", section 4.1). Where a sentence begins inside a row the matrix is
`end[i] + start[j]`, and at padding it is the identity.

Work is time * tags³ instead of time * tags², and memory time * tags²: worth it where a step costs more than its
arithmetic, on a GPU with few tags.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from seqtag.nn.crf import Potentials

LARGEST_TAGS = 32
LARGEST_BYTES = 256 * 2**20
"""Of all matrices together."""


def is_preferred(batch: int, time: int, tags: int) -> bool:
    """Whether these functions run in place of the sequential ones.

    Never on CPU, where arithmetic is what costs. On a GPU a step of a scan costs its launches, some microseconds, in
    which the device does millions of operations: up to 32 tags, tags³ = 32 Ki a position, and while the matrices take
    at most 256 MiB. The rule is reckoned, not measured.
    """
    return jax.default_backend() == "gpu" and tags <= LARGEST_TAGS and 4 * batch * time * tags**2 <= LARGEST_BYTES


def log_partition(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, " batch"]:
    """The same as `crf.log_partition`, in nats. Sums are taken of differences from their largest term: none is lost."""
    matrices = _matrices(potentials, emissions, mask, starts)
    while matrices.shape[1] > 1:
        pairs = matrices.shape[1] // 2
        products = _log_product(matrices[:, 0 : 2 * pairs : 2], matrices[:, 1 : 2 * pairs : 2])
        matrices = jnp.concatenate([products, matrices[:, 2 * pairs :]], axis=1)
    first = potentials.start + emissions[:, 0]
    last = _product_with_row(first, matrices[:, 0]) if matrices.shape[1] else first
    return jnp.where(mask[:, 0], _logsumexp(last + potentials.end, -1), 0.0)


def viterbi(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> tuple[Int[Array, "batch time"], Float[Array, " batch"]]:
    """The same as `crf.viterbi`. Where taggings tie to rounding, either may be the one that is found."""
    matrices = _matrices(potentials, emissions, mask, starts)
    first = potentials.start + emissions[:, 0]
    # As in `crf.viterbi`, scores are differences from the best of their position.
    prefixes, totals = lax.associative_scan(_max_product, (matrices, jnp.zeros(matrices.shape[:2])), axis=1)
    total = totals[:, -1] if totals.shape[1] else 0.0
    alphas = jnp.concatenate([first[:, None], (first[:, None, :, None] + prefixes).max(2)], axis=1)
    final = alphas[:, -1] + potentials.end
    last = final.argmax(1).astype(jnp.int32)
    # The best tag before each tag at each position; composed from the end, before the last tag.
    pointers = (alphas[:, :-1, :, None] + matrices).argmax(2).astype(jnp.int32)
    origins = lax.associative_scan(_after, pointers, axis=1, reverse=True)
    earlier = jnp.take_along_axis(origins, last[:, None, None], axis=2)[:, :, 0]
    path = jnp.concatenate([earlier, last[:, None]], axis=1)
    return jnp.where(mask, path, 0), jnp.where(mask[:, 0], final.max(1) + total, 0.0)


def _matrices(
    potentials: Potentials,
    emissions: Float[Array, "batch time tags"],
    mask: Bool[Array, "batch time"],
    starts: Bool[Array, "batch time"],
) -> Float[Array, "batch steps from_tag to_tag"]:
    """One for each position but the first."""
    tags = emissions.shape[2]
    identity = jnp.where(jnp.eye(tags, dtype=bool), 0.0, -jnp.inf)
    across = potentials.end[:, None] + potentials.start
    between = jnp.where(starts[:, 1:, None, None], across, potentials.transitions)
    return jnp.where(mask[:, 1:, None, None], between + emissions[:, 1:, None, :], identity)


@jax.checkpoint
def _log_product(
    left: Float[Array, "batch steps tags tags"], right: Float[Array, "batch steps tags tags"]
) -> Float[Array, "batch steps tags tags"]:
    """Of matrices in log space. The tags³ terms are made anew on the way back, rather than kept."""
    return _logsumexp(left[..., :, :, None] + right[..., None, :, :], -2)


def _max_product(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
    """Of matrices, each up to a number that is added to all of it."""
    product = (left[0][..., :, :, None] + right[0][..., None, :, :]).max(-2)
    top = product.max((-2, -1))
    return product - top[..., None, None], left[1] + right[1] + top


def _product_with_row(row: Float[Array, "batch tags"], matrix: Float[Array, "batch tags tags"]) -> Array:
    return _logsumexp(row[:, :, None] + matrix, 1)


def _after(later: Int[Array, "batch steps tags"], earlier: Int[Array, "batch steps tags"]) -> Array:
    """Going back by the later pointers, then by the earlier."""
    return jnp.take_along_axis(earlier, later, axis=-1)


def _logsumexp(values: Array, axis: int) -> Array:
    """-inf, with a gradient of 0, where all values are: what is forbidden must not turn gradients into NaN."""
    top = lax.stop_gradient(values.max(axis, keepdims=True))
    top = jnp.where(top == -jnp.inf, 0.0, top)
    total = jnp.exp(values - top).sum(axis)
    reachable = total > 0
    return jnp.where(reachable, jnp.log(jnp.where(reachable, total, 1.0)), -jnp.inf) + top.squeeze(axis)
