"""The encoder: a stack of recurrent layers over embedded tokens, parameters in Flax NNX."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from seqtag.nn.dropout import dropout
from seqtag.nn.recurrent import CELLS, recurrent_layer


class RecurrentLayer(nnx.Module):
    """One recurrent layer: kernels of its input and its recurrence, and a bias, for each direction."""

    def __init__(
        self, cell: str, in_features: int, hidden_size: int, bidirectional: bool, precision: str, rngs: nnx.Rngs
    ) -> None:
        self.cell = cell
        self.precision = precision
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

        count = 2 if bidirectional else 1
        shape = (in_features, gates * hidden_size)
        self.input_kernels = nnx.List(nnx.Param(glorot(rngs.params(), shape)) for _ in range(count))
        self.recurrent_kernels = nnx.List(nnx.Param(recurrent_kernel()) for _ in range(count))
        self.biases = nnx.List(nnx.Param(bias()) for _ in range(count))

    def __call__(
        self,
        values: Float[Array, "batch time features"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
    ) -> Float[Array, "batch time hidden"]:
        """Hidden states, both directions side by side."""
        precision = jnp.dtype(self.precision)
        over_time = values.swapaxes(0, 1).astype(precision)
        inputs = tuple(
            jnp.matmul(over_time, kernel[...].astype(precision), preferred_element_type=jnp.float32) + bias[...]
            for kernel, bias in zip(self.input_kernels, self.biases, strict=True)
        )
        kernels = tuple(kernel[...] for kernel in self.recurrent_kernels)
        hidden = recurrent_layer(CELLS[self.cell], inputs, kernels, starts, ends, precision)
        return jnp.concatenate(hidden, axis=-1).swapaxes(0, 1)


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
    ) -> None:
        self.layer_dropout = layer_dropout
        self.locked_dropout = locked_dropout
        self.layers = nnx.List()
        for _ in range(num_layers):
            layer = RecurrentLayer(cell, in_features, hidden_size, bidirectional, precision, rngs)
            self.layers.append(layer)
            in_features = layer.out_features
        self.out_features = in_features

    def __call__(
        self,
        values: Float[Array, "batch time features"],
        starts: Bool[Array, "batch time"],
        ends: Bool[Array, "batch time"],
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time hidden"]:
        """Hidden states of the last layer; `key` None means no dropout."""
        for index, layer in enumerate(self.layers):
            if index > 0:
                layer_key = None if key is None else jax.random.fold_in(key, index)
                values = dropout(values, self.layer_dropout, layer_key, self.locked_dropout)
            values = layer(values, starts, ends)
        return values
