"""Recurrent layers: LSTM, GRU and plain RNN, one or two directions, as pure functions of arrays.

The equations are those of Flax's cells (`nnx.LSTMCell`, `nnx.GRUCell`, `nnx.SimpleCell`), which the tests compare with.
What differs is how they are run. The input projection is one matrix product outside the loop; a single loop serves
both directions; and the backward pass is written out, so that the gradient of the recurrent kernel is one product
after the loop instead of a sum inside it.

Sentence boundaries are data: the state is reset before a sentence's first token, and before its last one when reading
backwards. Padding therefore never reaches a real token, and a row may hold several sentences.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

Carry = tuple[Array, ...]  # hidden state first, each [batch, hidden]


class Cell(NamedTuple):
    """One time step without its matrix products.

    `step(carry, inputs, recurrent)` takes the projected input and the projected hidden state, each
    `[batch, gates * hidden]`, and gives the next carry, whose first element is the output.
    """

    gates: int
    states: int
    step: Callable[[Carry, Array, Array], Carry]


def _lstm_step(carry: Carry, inputs: Array, recurrent: Array) -> Carry:
    """Hochreiter and Schmidhuber (1997) with forget gates (Gers et al. 2000); gates in the order i, f, g, o."""
    _, cell = carry
    # One tanh serves all gates: sigmoid(x) = (tanh(x / 2) + 1) / 2. Transcendentals are what the loop spends on here.
    hidden_size = cell.shape[-1]
    gates = inputs + recurrent
    is_candidate = jnp.arange(4).repeat(hidden_size) == 2
    squashed = jnp.tanh(jnp.where(is_candidate, gates, gates * 0.5))
    squashed = jnp.where(is_candidate, squashed, squashed * 0.5 + 0.5)
    i, f, g, o = jnp.split(squashed, 4, axis=-1)
    cell = f * cell + i * g
    return o * jnp.tanh(cell), cell


def _gru_step(carry: Carry, inputs: Array, recurrent: Array) -> Carry:
    """Cho et al. (2014), reset gate after the product; gates in the order r, z, n."""
    (hidden,) = carry
    ir, iz, candidate = jnp.split(inputs, 3, axis=-1)
    hr, hz, hn = jnp.split(recurrent, 3, axis=-1)
    reset = jax.nn.sigmoid(ir + hr)
    update = jax.nn.sigmoid(iz + hz)
    candidate = jnp.tanh(candidate + reset * hn)
    return ((1 - update) * candidate + update * hidden,)


def _rnn_step(carry: Carry, inputs: Array, recurrent: Array) -> Carry:
    """Elman (1990)."""
    return (jnp.tanh(inputs + recurrent),)


CELLS = {"lstm": Cell(4, 2, _lstm_step), "gru": Cell(3, 1, _gru_step), "rnn": Cell(1, 1, _rnn_step)}


class Direction(NamedTuple):
    """The arrays of one reading direction, time first. `keep` is 0 before a sentence's first token as read, else 1."""

    inputs: Float[Array, "time batch gates"]
    keep: Float[Array, "time batch 1"]
    kernel: Float[Array, "hidden gates"]


def recurrent_layer(
    cell: Cell,
    inputs: tuple[Float[Array, "time batch gates"], ...],
    kernels: tuple[Float[Array, "hidden gates"], ...],
    starts: Bool[Array, "batch time"],
    ends: Bool[Array, "batch time"],
    precision: Any = jnp.float32,
) -> tuple[Float[Array, "time batch hidden"], ...]:
    """The hidden states of one direction (first element) or two (the second reads backwards).

    Args:
        inputs: projected inputs, bias included, one array per direction, time first.
        kernels: recurrent kernels.
        starts: True at the first token of a sentence.
        ends: True at the last token of a sentence.
        precision: type of the operands of the recurrent product; sums stay float32.
    """
    directions = tuple(
        Direction(projected, 1.0 - boundary.T[:, :, None].astype(projected.dtype), kernel)
        for projected, kernel, boundary in zip(inputs, kernels, (starts, ends), strict=False)
    )
    return _layer(cell, precision, directions)


def continue_direction(
    cell: Cell,
    inputs: Float[Array, "time batch gates"],
    kernel: Float[Array, "hidden gates"],
    carry: Carry,
    mask: Bool[Array, "batch time"],
    reverse: bool,
    precision: Any = jnp.float32,
) -> tuple[Float[Array, "time batch hidden"], Carry]:
    """One direction over a piece of a long sentence: its hidden states, and the state that the next piece begins with.

    For tagging only; `recurrent_layer` is what training differentiates. Padding, at the end of the sentence, leaves the
    state at zero, so that reading backwards may begin with it.
    """

    def step(carry: Carry, at: tuple[Array, Array]) -> tuple[Carry, Array]:
        projected, is_real = at
        carry = cell.step(carry, projected, _product(carry[0], kernel, precision))
        carry = tuple(jnp.where(is_real[:, None], state, 0.0) for state in carry)
        return carry, carry[0]

    carry, hidden = lax.scan(step, carry, (inputs, mask.T), reverse=reverse)
    return hidden, carry


def _position(direction: int, step: Array, time: int) -> Array:
    return step if direction == 0 else time - 1 - step


def _product(left: Array, right: Array, precision: Any) -> Array:
    return lax.dot(left.astype(precision), right.astype(precision), preferred_element_type=jnp.float32)


def _set(stack: Array, index: Array, value: Array) -> Array:
    return lax.dynamic_update_index_in_dim(stack, value, index, 0)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _layer(cell: Cell, precision: Any, directions: tuple[Direction, ...]) -> tuple[Array, ...]:
    return _forward(cell, precision, directions)[0]


def _forward(cell: Cell, precision: Any, directions: tuple[Direction, ...]) -> tuple[tuple[Array, ...], Any]:
    time, batch, gates = directions[0].inputs.shape
    hidden_size = gates // cell.gates
    zeros = jnp.zeros((batch, hidden_size), jnp.float32)

    def step(t: Array, loop: list) -> list:
        after = []
        for d, ((carry, stacks, projections), this) in enumerate(zip(loop, directions, strict=True)):
            at = _position(d, t, time)
            carry = tuple(state * this.keep[at] for state in carry)
            recurrent = _product(carry[0], this.kernel, precision)
            carry = cell.step(carry, this.inputs[at], recurrent)
            stacks = tuple(_set(stack, at, state) for stack, state in zip(stacks, carry, strict=True))
            after.append((carry, stacks, _set(projections, at, recurrent)))
        return after

    start = [
        (
            (zeros,) * cell.states,
            (jnp.zeros((time, batch, hidden_size), jnp.float32),) * cell.states,
            jnp.zeros((time, batch, gates), jnp.float32),
        )
        for _ in directions
    ]
    end = lax.fori_loop(0, time, step, start)
    stacks = tuple(stacks for _, stacks, _ in end)
    projections = tuple(projections for _, _, projections in end)
    return tuple(states[0] for states in stacks), (directions, stacks, projections)


def _before(direction: int, states: Array) -> Array:
    """The states each step began with, by position: those of the neighbour read before."""
    edge = jnp.zeros_like(states[:1])
    return jnp.concatenate([edge, states[:-1]] if direction == 0 else [states[1:], edge])


def _backward(cell: Cell, precision: Any, residuals: Any, cotangents: tuple[Array, ...]) -> tuple[Any]:
    directions, stacks, projections = residuals
    time, batch, gates = directions[0].inputs.shape
    hidden_size = gates // cell.gates
    # What each step saw as its carry, resets applied.
    befores = [
        tuple(_before(d, states) * this.keep for states in stack)
        for d, (stack, this) in enumerate(zip(stacks, directions, strict=True))
    ]
    transposed = [this.kernel.T for this in directions]

    def step(t: Array, loop: list) -> list:
        after = []
        for d, ((d_carry, d_inputs, d_recurrents), this) in enumerate(zip(loop, directions, strict=True)):
            at = _position(d, time - 1 - t, time)
            carry = tuple(states[at] for states in befores[d])
            d_carry = (d_carry[0] + cotangents[d][at], *d_carry[1:])
            _, pull = jax.vjp(cell.step, carry, this.inputs[at], projections[d][at])
            d_carry, d_input, d_recurrent = pull(d_carry)
            d_hidden = d_carry[0] + _product(d_recurrent, transposed[d], precision)
            d_carry = tuple(d_state * this.keep[at] for d_state in (d_hidden, *d_carry[1:]))
            after.append((d_carry, _set(d_inputs, at, d_input), _set(d_recurrents, at, d_recurrent)))
        return after

    zeros = jnp.zeros((batch, hidden_size), jnp.float32)
    stack = jnp.zeros((time, batch, gates), jnp.float32)
    end = lax.fori_loop(0, time, step, [((zeros,) * cell.states, stack, stack) for _ in directions])

    gradients = []
    for d, (_, d_inputs, d_recurrents) in enumerate(end):
        rows = time * batch
        d_kernel = lax.dot_general(
            befores[d][0].reshape(rows, hidden_size).astype(precision),
            d_recurrents.reshape(rows, gates).astype(precision),
            (((0,), (0,)), ((), ())),
            preferred_element_type=jnp.float32,
        )
        keep = jnp.zeros_like(directions[d].keep)  # boundaries are not learned
        gradients.append(Direction(d_inputs, keep, d_kernel))
    return (tuple(gradients),)


_layer.defvjp(_forward, _backward)
