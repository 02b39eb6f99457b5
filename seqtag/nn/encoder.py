"""The encoder: a stack of recurrent layers over embedded tokens, parameters in Flax NNX."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from seqtag.nn.backends import Backend, layer_of
from seqtag.nn.dropout import RowKeys, dropout, split_keys
from seqtag.nn.recurrent import (
    CELLS,
    Carry,
    continue_direction,
    in_reading_order,
    project,
    recurrent_layer_of_tokens,
    rows_of,
    side_by_side,
)


class RecurrentLayer(nnx.Module):
    """One recurrent layer: kernels of its input and its recurrence, and a bias, for each direction."""

    def __init__(
        self,
        cell: str,
        in_features: int,
        hidden_size: int,
        bidirectional: bool,
        precision: str,
        rngs: nnx.Rngs,
        backend: Backend = "scan",
    ) -> None:
        self.cell = cell
        self.precision = precision
        self.backend: Backend = backend
        self.out_features = hidden_size * (2 if bidirectional else 1)
        gates = CELLS[cell].gates
        glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()

        def recurrent_kernel() -> Array:
            blocks = [orthogonal(rngs.params(), (hidden_size, hidden_size)) for _ in range(gates)]
            return jnp.concatenate(blocks, axis=1)

        def bias() -> Array:
            zeros = jnp.zeros(gates * hidden_size)
            # The forget gate starts open (Jozefowicz et al. 2015).
            return zeros.at[hidden_size : 2 * hidden_size].set(1.0) if cell == "lstm" else zeros

        self.directions = 2 if bidirectional else 1
        shape = (in_features, gates * hidden_size)

        def of_each(make: Callable[[], Array]) -> nnx.Param:
            return nnx.Param(jnp.stack([make() for _ in range(self.directions)]))

        self.input_kernels = of_each(lambda: glorot(rngs.params(), shape))
        self.recurrent_kernels = of_each(recurrent_kernel)
        self.biases = of_each(bias)

    def __call__(
        self,
        values: Float[Array, "batch time features"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
    ) -> Float[Array, "batch time hidden"]:
        """Hidden states, both directions side by side."""
        over_time = in_reading_order(values.swapaxes(0, 1), self.directions)
        precision = jnp.dtype(self.precision)
        inputs = self._projected(over_time)
        run = layer_of(self.backend)
        return side_by_side(run(CELLS[self.cell], inputs, self.recurrent_kernels[...], starts, ends, precision))

    def of_tokens(
        self,
        tokens: Float[Array, "distinct features"],
        token_ids: Int[Array, "batch time"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
    ) -> Float[Array, "batch time hidden"]:
        """The same for tagging, from each distinct token's values and which token stands where."""
        precision = jnp.dtype(self.precision)
        # One product for all directions, so that the tokens need not be there for each.
        joined = jnp.concatenate(list(self._kernels()), axis=1)
        products: Array = project(precision, _with_ones(tokens[None]), joined[None])
        projected = products.reshape(len(tokens), self.directions, -1)
        cell, kernels = CELLS[self.cell], self.recurrent_kernels[...]
        if self.backend == "scan":
            return side_by_side(recurrent_layer_of_tokens(cell, projected, token_ids, kernels, starts, ends, precision))
        ids = in_reading_order(token_ids.T, self.directions)
        inputs = jax.vmap(lambda table, ids: table[ids], in_axes=(1, 0))(projected, ids)
        return side_by_side(layer_of(self.backend)(cell, inputs, kernels, starts, ends, precision))

    def _kernels(self, own: slice = slice(None)) -> Float[Array, "directions features gates"]:
        """The input kernels of all directions or of those in `own`, with their biases as a last row.

        Added after the product, the biases would take another pass over all that is projected, and another place.
        """
        return jnp.concatenate([self.input_kernels[...][own], self.biases[...][own, None]], axis=1)

    def _projected(
        self, values: Float[Array, "directions time batch features"], own: slice = slice(None)
    ) -> Float[Array, "directions time batch gates"]:
        """Inputs times input kernels, of all directions or of those in `own`."""
        products: Array = project(jnp.dtype(self.precision), _with_ones(rows_of(values)), self._kernels(own))
        return products.reshape(*values.shape[:3], -1)

    def initial_carry(self, batch: int) -> Carry:
        """The state before a sentence."""
        hidden_size = self.recurrent_kernels.shape[1]
        return (jnp.zeros((batch, hidden_size)),) * CELLS[self.cell].states

    def continued(
        self, values: Float[Array, "batch time features"], carry: Carry, mask: Bool[Array, "batch time"], direction: int
    ) -> tuple[Float[Array, "batch time hidden"], Carry]:
        """Hidden states of one direction (0 forwards, 1 backwards) over a piece of a sentence, and the next state."""
        over_time = values.swapaxes(0, 1)[None]
        hidden, carry = continue_direction(
            CELLS[self.cell],
            self._projected(over_time, slice(direction, direction + 1))[0],
            self.recurrent_kernels[...][direction],
            carry,
            mask,
            reverse=direction == 1,
            precision=jnp.dtype(self.precision),
        )
        return hidden.swapaxes(0, 1), carry


class Encoder(nnx.Module):
    """Recurrent layers one on another, with dropout between them."""

    def __init__(
        self,
        cell: str,
        in_features: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        layer_dropout: float,
        locked_dropout: bool,
        precision: str,
        rngs: nnx.Rngs,
        backend: Backend = "scan",
    ) -> None:
        self.layer_dropout = layer_dropout
        self.locked_dropout = locked_dropout
        self.layers = nnx.List()
        for _ in range(num_layers):
            layer = RecurrentLayer(cell, in_features, hidden_size, bidirectional, precision, rngs, backend)
            self.layers.append(layer)
            in_features = layer.out_features
        self.out_features = in_features

    def lowest(
        self,
        values: Float[Array, "batch time features"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
    ) -> Float[Array, "batch time hidden"]:
        """Hidden states of the first layer: the only ones of which each direction has read its own side alone."""
        return self.layers[0](values, starts, ends)

    def of_tokens(
        self,
        tokens: Float[Array, "distinct features"],
        token_ids: Int[Array, "batch time"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
    ) -> Float[Array, "batch time hidden"]:
        """Those of the last layer, for tagging: from each distinct token's values and which token stands where."""
        return self.upper(self.layers[0].of_tokens(tokens, token_ids, starts, ends), starts, ends, None)

    def upper(
        self,
        values: Float[Array, "batch time hidden"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
        keys: RowKeys,
    ) -> Float[Array, "batch time hidden"]:
        """Hidden states of the last layer from those of the first; `keys` None means no dropout."""
        upper = self.layers[1:]
        for layer, layer_keys in zip(upper, split_keys(keys, len(upper)), strict=True):
            values = dropout(values, self.layer_dropout, layer_keys, self.locked_dropout)
            values = layer(values, starts, ends)
        return values


def _with_ones(rows: Float[Array, "directions rows features"]) -> Float[Array, "directions rows inputs"]:
    """One feature more, by which biases are multiplied."""
    return jnp.concatenate([rows, jnp.ones((*rows.shape[:2], 1), rows.dtype)], axis=2)
