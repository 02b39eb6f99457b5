"""The Pallas kernel equals the scan, in values and gradients, and lowers to Triton."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqtag.nn import recurrent_pallas
from seqtag.nn.recurrent import CELLS, recurrent_layer
from seqtag.nn.recurrent_pallas import recurrent_layer_pallas

TIME, BATCH = 5, 3
# Rows of several sentences, of one, and with padding at the end.
LENGTHS = [[2, 3], [5], [1, 2]]
CELL_NAMES = sorted(CELLS)


def boundaries() -> tuple[jax.Array, jax.Array]:
    starts, ends = np.zeros((BATCH, TIME), bool), np.zeros((BATCH, TIME), bool)
    for row, lengths in enumerate(LENGTHS):
        after = np.cumsum(lengths)
        starts[row, after - lengths] = True
        ends[row, after - 1] = True
    return jnp.asarray(starts), jnp.asarray(ends)


STARTS, ENDS = boundaries()


def make_inputs(cell: str, hidden: int, directions: int) -> tuple[jax.Array, jax.Array]:
    gates = CELLS[cell].gates * hidden
    keys = jax.random.split(jax.random.key(hidden), 2)
    inputs = jax.random.normal(keys[0], (directions, TIME, BATCH, gates))
    return inputs, jax.random.normal(keys[1], (directions, hidden, gates)) / hidden**0.5


def of(layer, cell: str, inputs: jax.Array, kernels: jax.Array, precision) -> tuple:
    """Hidden states, and the gradients of a weighted sum of them."""
    weights = jax.random.normal(jax.random.key(2), (*inputs.shape[:3], kernels.shape[1]))

    def loss(inputs: jax.Array, kernels: jax.Array) -> tuple[jax.Array, jax.Array]:
        hidden = layer(CELLS[cell], inputs, kernels, STARTS, ENDS, precision)
        return (hidden * weights).sum(), hidden

    gradients, hidden = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(inputs, kernels)
    return hidden, *gradients


def assert_equal_to_the_scan(cell: str, hidden: int, directions: int, precision, tolerance: float) -> None:
    inputs, kernels = make_inputs(cell, hidden, directions)
    ours = of(recurrent_layer_pallas, cell, inputs, kernels, precision)
    theirs = of(recurrent_layer, cell, inputs, kernels, precision)
    for own, other in zip(ours, theirs, strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance)
    alone = recurrent_layer_pallas(CELLS[cell], inputs, kernels, STARTS, ENDS, precision)
    np.testing.assert_allclose(alone, ours[0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_values_and_gradients_equal_those_of_the_scan(cell: str, directions: int) -> None:
    assert_equal_to_the_scan(cell, 5, directions, jnp.float32, 1e-5)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_layer_of_several_tiles_equals_the_scan(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent_pallas, "LARGEST_TILE", 16)
    assert_equal_to_the_scan(cell, 35, 2, jnp.float32, 1e-5)


def test_a_kernel_with_no_room_on_the_chip_equals_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent_pallas, "_room", lambda: 0)
    assert_equal_to_the_scan("lstm", 5, 2, jnp.float32, 1e-5)


def test_more_rows_than_a_program_takes_equal_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent_pallas, "ROWS", 2)
    assert_equal_to_the_scan("gru", 5, 2, jnp.float32, 1e-5)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_bfloat16_products_equal_those_of_the_scan(cell: str) -> None:
    """Operands are rounded alike, sums are float32 in both; a value near a rounding's edge may fall on either side."""
    assert_equal_to_the_scan(cell, 5, 2, jnp.bfloat16, 1e-2)


@pytest.mark.skipif(jax.__version_info__ > (0, 10, 2), reason="a later JAX compiles when it lowers, which takes CUDA")
@pytest.mark.parametrize("precision", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("hidden", [24, 200])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_kernels_lower_to_triton(cell: str, hidden: int, precision, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Triton cannot express is an error here, not on the first GPU."""
    monkeypatch.setattr(recurrent_pallas, "_interpreted", lambda: False)
    inputs, kernels = make_inputs(cell, hidden, 2)

    def loss(inputs: jax.Array, kernels: jax.Array) -> jax.Array:
        return recurrent_layer_pallas(CELLS[cell], inputs, kernels, STARTS, ENDS, precision).sum()

    for function, kernels_run in ((loss, 1), (jax.grad(loss, argnums=(0, 1)), 2)):
        lowered = jax.jit(function).trace(inputs, kernels).lower(lowering_platforms=("cuda",))
        assert lowered.as_text().count("xla.gpu.triton") == kernels_run
