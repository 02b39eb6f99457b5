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
from jaxtyping import Array, Bool, Float, Int, Shaped

Carry = tuple[Array, ...]  # hidden state first, each [..., batch, hidden]
Gates = Any
"""Gates side by side on the last axis of one array, as the scan holds them; or apart, in a tuple of arrays, as a kernel
does that cannot cut arrays up."""


class Cell(NamedTuple):
    """One time step without its matrix products, and the way back through it.

    Arrays are `[..., hidden]`. What holds gates is `[..., gates * hidden]`, or a tuple of as many `[..., hidden]`; what
    is made of gates comes in the same form.
    """

    gates: int
    states: int
    kept: int
    """How many times `hidden` features `step` keeps for `pull`."""
    pulled: int
    """How many arrays of gates `pull` gives."""
    step: Callable[[Carry, Gates, Gates], tuple[Carry, Gates]]
    """`(before, inputs, recurrent) -> (after, kept)`: from the state, the projected input and the projected hidden
    state to the next state, whose first element is the output, and what `pull` needs."""
    pull: Callable[[Carry, Carry, Gates, Carry], tuple[Carry, tuple[Gates, ...]]]
    """`(before, after, kept, d_after) -> (d_before, (d_inputs, d_recurrent))`: the gradient of `step`; one array for
    both where they are the same."""


def _apart(gates: Gates, count: int) -> tuple[Array, ...]:
    return gates if isinstance(gates, tuple) else tuple(jnp.split(gates, count, axis=-1))


def _as_held(parts: tuple[Array, ...], gates: Gates) -> Gates:
    """Parts side by side, or apart, as `gates` are."""
    return parts if isinstance(gates, tuple) else jnp.concatenate(parts, axis=-1)


def _lstm_step(before: Carry, inputs: Gates, recurrent: Gates) -> tuple[Carry, Gates]:
    """Hochreiter and Schmidhuber (1997) with forget gates (Gers et al. 2000); gates in the order i, f, g, o."""
    _, cell = before
    squashed = _lstm_squashed(inputs, recurrent)
    i, f, g, o = _apart(squashed, 4)
    cell = f * cell + i * g
    return (o * jnp.tanh(cell), cell), squashed


def _lstm_squashed(inputs: Gates, recurrent: Gates) -> Gates:
    """sigmoid(x) = (tanh(x / 2) + 1) / 2. Transcendentals are what the scan spends on; there one tanh serves all."""
    if isinstance(inputs, tuple):
        i, f, g, o = (own + other for own, other in zip(inputs, recurrent, strict=True))
        i, f, o = (jnp.tanh(gate * 0.5) * 0.5 + 0.5 for gate in (i, f, o))
        return i, f, jnp.tanh(g), o
    gates = inputs + recurrent
    is_candidate = jnp.arange(4).repeat(gates.shape[-1] // 4) == 2
    squashed = jnp.tanh(jnp.where(is_candidate, gates, gates * 0.5))
    return jnp.where(is_candidate, squashed, squashed * 0.5 + 0.5)


def _lstm_pull(before: Carry, after: Carry, kept: Gates, d_after: Carry) -> tuple[Carry, tuple[Gates]]:
    i, f, g, o = _apart(kept, 4)
    d_hidden, d_cell = d_after
    squashed = jnp.tanh(after[1])
    d_cell = d_cell + d_hidden * o * (1 - squashed * squashed)
    d_gates = (
        d_cell * g * i * (1 - i),
        d_cell * before[1] * f * (1 - f),
        d_cell * i * (1 - g * g),
        d_hidden * squashed * o * (1 - o),
    )
    return (jnp.zeros_like(d_hidden), d_cell * f), (_as_held(d_gates, kept),)


def _gru_step(before: Carry, inputs: Gates, recurrent: Gates) -> tuple[Carry, Gates]:
    """Cho et al. (2014), reset gate after the product; gates in the order r, z, n."""
    (hidden,) = before
    ir, iz, candidate = _apart(inputs, 3)
    hr, hz, hn = _apart(recurrent, 3)
    reset = jax.nn.sigmoid(ir + hr)
    update = jax.nn.sigmoid(iz + hz)
    candidate = jnp.tanh(candidate + reset * hn)
    return ((1 - update) * candidate + update * hidden,), _as_held((reset, update, candidate, hn), inputs)


def _gru_pull(before: Carry, after: Carry, kept: Gates, d_after: Carry) -> tuple[Carry, tuple[Gates, Gates]]:
    reset, update, candidate, hn = _apart(kept, 4)
    (d_hidden,) = d_after
    d_candidate = d_hidden * (1 - update) * (1 - candidate * candidate)
    d_reset = d_candidate * hn * reset * (1 - reset)
    d_update = d_hidden * (before[0] - candidate) * update * (1 - update)
    d_inputs = _as_held((d_reset, d_update, d_candidate), kept)
    d_recurrent = _as_held((d_reset, d_update, d_candidate * reset), kept)
    return (d_hidden * update,), (d_inputs, d_recurrent)


def _rnn_step(before: Carry, inputs: Gates, recurrent: Gates) -> tuple[Carry, Gates]:
    """Elman (1990)."""
    (own,), (other,) = _apart(inputs, 1), _apart(recurrent, 1)
    hidden = jnp.tanh(own + other)
    return (hidden,), _as_held((hidden,), inputs)


def _rnn_pull(before: Carry, after: Carry, kept: Gates, d_after: Carry) -> tuple[Carry, tuple[Gates]]:
    (hidden,), (d_hidden,) = _apart(kept, 1), d_after
    return (jnp.zeros_like(d_hidden),), (_as_held((d_hidden * (1 - hidden * hidden),), kept),)


CELLS = {
    "lstm": Cell(4, 2, 4, 1, _lstm_step, _lstm_pull),
    "gru": Cell(3, 1, 4, 2, _gru_step, _gru_pull),
    "rnn": Cell(1, 1, 1, 1, _rnn_step, _rnn_pull),
}


def recurrent_layer(
    cell: Cell,
    inputs: Float[Array, "directions time batch gates"],
    kernels: Float[Array, "directions hidden gates"],
    starts: Bool[Array, "batch time"],
    ends: Bool[Array, "batch time"],
    precision: Any = jnp.float32,
) -> Float[Array, "directions time batch hidden"]:
    """The hidden states of one direction or two, each in its own reading order.

    Args:
        inputs: projected inputs, bias included, in the order in which each direction reads: the second backwards.
        kernels: recurrent kernels.
        starts: True at the first token of a sentence.
        ends: True at the last token of a sentence.
        precision: type of the operands of the recurrent product; sums stay float32.
    """
    return _layer(cell, precision, inputs, kernels, keep_of(starts, ends, kernels.shape[0]))


def recurrent_layer_of_tokens(
    cell: Cell,
    projected: Float[Array, "directions distinct gates"],
    token_ids: Int[Array, "batch time"],
    kernels: Float[Array, "directions hidden gates"],
    starts: Bool[Array, "batch time"],
    ends: Bool[Array, "batch time"],
    precision: Any = jnp.float32,
) -> Float[Array, "directions time batch hidden"]:
    """The same where tokens recur, for tagging: each distinct token is projected once, and looked up in the loop."""
    directions, distinct, gates = projected.shape
    # One table for all directions, so that a step looks up in one place.
    table = projected.reshape(directions * distinct, gates)
    ids = in_reading_order(token_ids.T, directions) + distinct * jnp.arange(directions)[:, None, None]
    keep = keep_of(starts, ends, directions)
    return _loop(cell, precision, lambda t: table[_at(ids, t)], kernels, keep)[0][0]


def keep_of(
    starts: Bool[Array, "batch time"], ends: Bool[Array, "batch time"], directions: int
) -> Float[Array, "directions time batch 1"]:
    """0 before a sentence's first token as each direction reads it, else 1."""
    first = jnp.stack([starts.T, ends.T[::-1]])[:directions]
    return 1.0 - first[..., None].astype(jnp.float32)


def in_reading_order(values: Shaped[Array, "time *rest"], directions: int) -> Shaped[Array, "directions time *rest"]:
    """The same values for each direction: as they are, and backwards."""
    return jnp.stack([values, values[::-1]]) if directions == 2 else values[None]


def side_by_side(hidden: Float[Array, "directions time batch hidden"]) -> Float[Array, "batch time features"]:
    """Hidden states of both directions beside one another, each at its own token."""
    parts = [hidden[0], hidden[1, ::-1]] if hidden.shape[0] == 2 else [hidden[0]]
    return jnp.concatenate(parts, axis=-1).swapaxes(0, 1)


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
        carry, _ = cell.step(carry, projected, _product(carry[0][None], kernel[None], precision)[0])
        carry = tuple(jnp.where(is_real[:, None], state, 0.0) for state in carry)
        return carry, carry[0]

    carry, hidden = lax.scan(step, carry, (inputs, mask.T), reverse=reverse)
    return hidden, carry


def _product(left: Array, right: Array, precision: Any) -> Array:
    """Matrix products of all directions at once, which keeps the cores busy where a batch has few rows."""
    return lax.dot_general(
        left.astype(precision),
        right.astype(precision),
        (((2,), (1,)), ((0,), (0,))),
        preferred_element_type=jnp.float32,
    )


def _at(stack: Array, index: Array) -> Array:
    return lax.dynamic_index_in_dim(stack, index, axis=1, keepdims=False)


def _set(stack: Array, value: Array, index: Array) -> Array:
    return lax.dynamic_update_index_in_dim(stack, value, index, axis=1)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _layer(cell: Cell, precision: Any, inputs: Array, kernels: Array, keep: Array) -> Array:
    return _loop(cell, precision, partial(_at, inputs), kernels, keep)[0][0]


def _forward(cell: Cell, precision: Any, inputs: Array, kernels: Array, keep: Array) -> tuple[Array, Any]:
    states, kept = _loop(cell, precision, partial(_at, inputs), kernels, keep)
    return states[0], (states, kept, kernels, keep)


def _loop(
    cell: Cell, precision: Any, inputs: Callable[[Array], Array], kernels: Array, keep: Array
) -> tuple[tuple[Array, ...], Array]:
    """The states after every step, hidden states first, and what `cell.pull` needs of every step.

    `inputs` gives the projected inputs of a step, `[directions, batch, gates]`.
    """
    directions, time, batch, _ = keep.shape
    hidden_size = kernels.shape[1]

    def step(t: Array, loop: tuple[Carry, tuple[Array, ...], Array]) -> tuple[Carry, tuple[Array, ...], Array]:
        before, states, kept = loop
        before = tuple(state * _at(keep, t) for state in before)
        after, own = cell.step(before, inputs(t), _product(before[0], kernels, precision))
        states = tuple(_set(stack, state, t) for stack, state in zip(states, after, strict=True))
        return after, states, _set(kept, own, t)

    carry = (jnp.zeros((directions, batch, hidden_size), jnp.float32),) * cell.states
    states = (jnp.zeros((directions, time, batch, hidden_size), jnp.float32),) * cell.states
    kept = jnp.zeros((directions, time, batch, cell.kept * hidden_size), jnp.float32)
    _, states, kept = lax.fori_loop(0, time, step, (carry, states, kept))
    return states, kept


def _backward(cell: Cell, precision: Any, residuals: Any, d_output: Array) -> tuple[Array, Array, Array]:
    states, kept, kernels, keep = residuals
    time = d_output.shape[1]
    transposed = kernels.swapaxes(1, 2)

    def step(count: Array, loop: tuple[Carry, tuple[Array, ...]]) -> tuple[Carry, tuple[Array, ...]]:
        t = time - 1 - count
        d_after, d_gates = loop
        # At the first step there is no state before; whatever is read there, `keep` is 0.
        before = tuple(_at(stack, jnp.maximum(t - 1, 0)) * _at(keep, t) for stack in states)
        after = tuple(_at(stack, t) for stack in states)
        d_after = (d_after[0] + _at(d_output, t), *d_after[1:])
        d_before, own = cell.pull(before, after, _at(kept, t), d_after)
        d_gates = tuple(_set(stack, value, t) for stack, value in zip(d_gates, own, strict=True))
        d_hidden = d_before[0] + _product(own[-1], transposed, precision)
        return tuple(state * _at(keep, t) for state in (d_hidden, *d_before[1:])), d_gates

    d_carry = (jnp.zeros(d_output[:, 0].shape, jnp.float32),) * cell.states
    stack = jnp.zeros((*d_output.shape[:3], kernels.shape[2]), jnp.float32)
    _, d_gates = lax.fori_loop(0, time, step, (d_carry, (stack,) * cell.pulled))
    d_inputs, d_recurrents = d_gates[0], d_gates[-1]
    d_kernels = gradient_of_kernels(states[0], d_recurrents, keep, precision)
    return d_inputs, d_kernels, jnp.zeros_like(keep)  # boundaries are not learned


def gradient_of_kernels(
    hidden: Float[Array, "directions time batch hidden"],
    d_recurrents: Float[Array, "directions time batch gates"],
    keep: Float[Array, "directions time batch 1"],
    precision: Any,
) -> Float[Array, "directions hidden gates"]:
    """The gradient of the recurrent kernels: one product over all steps, from hidden states and gates' gradients."""
    before = hidden[:, :-1] * keep[:, 1:]
    return _product(_rows(before).swapaxes(1, 2), _rows(d_recurrents[:, 1:]), precision)


def _rows(stack: Float[Array, "directions time batch features"]) -> Float[Array, "directions rows features"]:
    directions, _, _, features = stack.shape
    return stack.reshape(directions, -1, features)


_layer.defvjp(_forward, _backward)
