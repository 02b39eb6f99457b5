"""The recurrent layer equals Flax's cells, in values and gradients, and keeps sentences apart."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqtag.nn.encoder import RecurrentLayer
from seqtag.nn.recurrent import CELLS, project

BATCH, TIME, FEATURES, HIDDEN = 3, 7, 5, 4
LENGTHS = np.array([7, 3, 5])
POSITIONS = np.arange(TIME)[None]
MASK = LENGTHS[:, None] > POSITIONS
STARTS = jnp.asarray(np.broadcast_to(POSITIONS == 0, MASK.shape))
ENDS = jnp.asarray(LENGTHS[:, None] - 1 == POSITIONS)

CELL_NAMES = sorted(CELLS)
DIRECTIONS = [True, False]


def make_layer(cell: str, bidirectional: bool) -> RecurrentLayer:
    layer = RecurrentLayer(cell, FEATURES, HIDDEN, bidirectional, "float32", nnx.Rngs(1))
    # Zeros would hide a bias in the wrong place.
    layer.biases[...] = jax.random.normal(jax.random.key(0), layer.biases.shape)
    return layer


def flax_cell(cell: str, layer: RecurrentLayer, direction: int) -> nnx.Module:
    """Flax's own cell with the weights of one direction of ours."""
    inputs, recurrent = layer.input_kernels[...][direction], layer.recurrent_kernels[...][direction]
    bias = layer.biases[...][direction]
    rngs = nnx.Rngs(0)
    if cell == "lstm":
        theirs = nnx.LSTMCell(FEATURES, HIDDEN, rngs=rngs)
        for position, gate in enumerate("ifgo"):
            part = slice(position * HIDDEN, (position + 1) * HIDDEN)
            getattr(theirs, "if_" if gate == "f" else f"i{gate}").kernel[...] = inputs[:, part]
            getattr(theirs, f"h{gate}").kernel[...] = recurrent[:, part]
            getattr(theirs, f"h{gate}").bias[...] = bias[part]
        return theirs
    theirs = (nnx.GRUCell if cell == "gru" else nnx.SimpleCell)(FEATURES, HIDDEN, rngs=rngs)
    theirs.dense_i.kernel[...] = inputs
    theirs.dense_i.bias[...] = bias
    theirs.dense_h.kernel[...] = recurrent
    return theirs


def flax_outputs(cell: str, layer: RecurrentLayer, values: jax.Array) -> jax.Array:
    """Flax's cell run over each sentence by a plain Python loop, in both directions."""
    outputs = jnp.zeros((BATCH, TIME, layer.out_features))
    for direction in range(layer.directions):
        theirs = flax_cell(cell, layer, direction)
        columns = slice(direction * HIDDEN, (direction + 1) * HIDDEN)
        for row, length in enumerate(LENGTHS.tolist()):
            carry = theirs.initialize_carry((FEATURES,), rngs=nnx.Rngs(0))
            order = range(length) if direction == 0 else reversed(range(length))
            for position in order:
                carry, output = theirs(carry, values[row, position])
                outputs = outputs.at[row, position, columns].set(output)
    return outputs


@pytest.fixture
def values() -> jax.Array:
    return jax.random.normal(jax.random.key(7), (BATCH, TIME, FEATURES))


def real(outputs: jax.Array) -> jax.Array:
    return jnp.where(MASK[:, :, None], outputs, 0.0)


@pytest.mark.parametrize("bidirectional", DIRECTIONS)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_values_equal_those_of_flax(cell: str, bidirectional: bool, values: jax.Array) -> None:
    layer = make_layer(cell, bidirectional)
    np.testing.assert_allclose(
        real(layer(values, STARTS, ENDS)), flax_outputs(cell, layer, values), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("bidirectional", DIRECTIONS)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_gradients_equal_those_through_flax(cell: str, bidirectional: bool, values: jax.Array) -> None:
    layer = make_layer(cell, bidirectional)
    weights = jax.random.normal(jax.random.key(3), (BATCH, TIME, layer.out_features))
    graph, params = nnx.split(layer)

    def through(run: Callable[[RecurrentLayer, jax.Array], jax.Array]) -> tuple:
        def loss(params: nnx.State, values: jax.Array) -> jax.Array:
            return (real(run(nnx.merge(graph, params), values)) * weights).sum()

        return jax.grad(loss, argnums=(0, 1))(params, values)

    ours = through(lambda layer, values: layer(values, STARTS, ENDS))
    theirs = through(lambda layer, values: flax_outputs(cell, layer, values))
    for own, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_padding_changes_no_real_token(cell: str, values: jax.Array) -> None:
    layer = make_layer(cell, True)
    other = jnp.where(MASK[:, :, None], values, 1e3)
    np.testing.assert_array_equal(real(layer(values, STARTS, ENDS)), real(layer(other, STARTS, ENDS)))


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_sentences_of_one_row_do_not_meet(cell: str, values: jax.Array) -> None:
    """The first two sentences packed into one row come out as on rows of their own."""
    layer = make_layer(cell, True)
    first, second = values[1, :3], values[2, :4]
    packed = jnp.concatenate([first, second])[None]
    starts = jnp.zeros((1, TIME), bool).at[0, jnp.array([0, 3])].set(True)
    ends = jnp.zeros((1, TIME), bool).at[0, jnp.array([2, 6])].set(True)
    together = layer(packed, starts, ends)[0]
    for sentence, own in ((first, together[:3]), (second, together[3:])):
        length = len(sentence)
        alone = layer(sentence[None], jnp.arange(length)[None] == 0, jnp.arange(length)[None] == length - 1)[0]
        np.testing.assert_allclose(own, alone, rtol=1e-6, atol=1e-6)


def test_bfloat16_products_stay_close(values: jax.Array) -> None:
    layer = make_layer("lstm", True)
    exact = layer(values, STARTS, ENDS)
    layer.precision = "bfloat16"
    rough = layer(values, STARTS, ENDS)
    assert rough.dtype == jnp.float32
    assert 0 < float(jnp.abs(real(rough - exact)).max()) < 0.05


@pytest.mark.parametrize("directions", [1, 2])
def test_bfloat16_gradients_are_those_of_rounded_operands(directions: int) -> None:
    """Sums are float32: only the operands lose digits."""
    keys = jax.random.split(jax.random.key(4), 3)
    shapes = ((directions, 9, 5), (directions, 5, 12), (directions, 9, 12))
    values, kernels, d_products = (jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True))
    _, backward = jax.vjp(lambda *own: project(jnp.dtype("bfloat16"), *own), values, kernels)
    d_values, d_kernels = jax.jit(backward)(d_products)
    rounded = [np.asarray(own.astype(jnp.bfloat16).astype(jnp.float32)) for own in (values, kernels, d_products)]
    np.testing.assert_allclose(d_values, np.einsum("dnk,dfk->dnf", rounded[2], rounded[1]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(d_kernels, np.einsum("dnf,dnk->dfk", rounded[0], rounded[2]), rtol=1e-5, atol=1e-5)
