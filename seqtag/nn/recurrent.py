"""Recurrent layers: LSTM, GRU and plain RNN, one or two directions, as pure functions of arrays.

The equations are those of Flax's cells (`nnx.LSTMCell`, `nnx.GRUCell`, `nnx.SimpleCell`), which the tests compare with.
What differs is how they are run. The input projection is one matrix product outside the loop; a single loop serves
both directions; and the backward pass is written out. What it can know of a gradient without those of later steps it
computes for all steps at once, before its loop; the gradient of the recurrent kernel is one product after it.

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
"""Gates side by side on the last axis of one array, as the loop here holds them; or apart, in a tuple of arrays, as a
kernel does that cannot cut arrays up."""


class Slopes(NamedTuple):
    """What the gradient of a step is multiplied by on its way back."""

    gates: tuple[Gates, ...]
    """Of the projected inputs first, of the projected hidden state last; one for both where they are the same."""
    states: tuple[Array, ...]
    """What `Cell.pull` needs beside them, each [..., hidden]."""


class Cell(NamedTuple):
    """One time step without its matrix products, and the way back through it.

    Arrays are `[..., hidden]`. What holds gates is `[..., gates * hidden]`, or a tuple of as many `[..., hidden]`; what
    is made of gates comes in the same form.
    """

    gates: int
    states: int
    kept: int
    """How many times `hidden` features `step` keeps for `slopes`."""
    pulled: int
    """How many arrays of gates `slopes` gives."""
    step: Callable[[Carry, Gates, Gates], tuple[Carry, Gates]]
    """`(before, inputs, recurrent) -> (after, kept)`: from the state, the projected input and the projected hidden
    state to the next state, whose first element is the output, and what `slopes` needs."""
    slopes: Callable[[Carry, Carry, Gates], Slopes]
    """`(before, after, kept) -> slopes`: what can be known of the gradient of `step` without that of later steps."""
    pull: Callable[[tuple[Array, ...], Carry], tuple[Carry, tuple[Array, ...]]]
    """`(slopes.states, d_after) -> (d_before, multipliers)`: the gradient of the state before, but for the way through
    the recurrent kernel, and for each gate what its slopes are to be multiplied by."""


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
    """sigmoid(x) = (tanh(x / 2) + 1) / 2. Transcendentals take time in the loop; there one tanh serves all."""
    if isinstance(inputs, tuple):
        i, f, g, o = (own + other for own, other in zip(inputs, recurrent, strict=True))
        i, f, o = (jnp.tanh(gate * 0.5) * 0.5 + 0.5 for gate in (i, f, o))
        return i, f, jnp.tanh(g), o
    gates = inputs + recurrent
    is_candidate = jnp.arange(4).repeat(gates.shape[-1] // 4) == 2
    squashed = jnp.tanh(jnp.where(is_candidate, gates, gates * 0.5))
    return jnp.where(is_candidate, squashed, squashed * 0.5 + 0.5)


def _lstm_slopes(before: Carry, after: Carry, kept: Gates) -> Slopes:
    i, f, g, o = _apart(kept, 4)
    squashed = jnp.tanh(after[1])
    gates = (g * i * (1 - i), before[1] * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o))
    return Slopes((_as_held(gates, kept),), (o * (1 - squashed * squashed), f))


def _lstm_pull(slopes: tuple[Array, ...], d_after: Carry) -> tuple[Carry, tuple[Array, ...]]:
    of_output, forget = slopes
    d_hidden, d_cell = d_after
    d_cell = d_cell + d_hidden * of_output
    return (jnp.zeros_like(d_hidden), d_cell * forget), (d_cell, d_cell, d_cell, d_hidden)


def _gru_step(before: Carry, inputs: Gates, recurrent: Gates) -> tuple[Carry, Gates]:
    """Cho et al. (2014), reset gate after the product; gates in the order r, z, n."""
    (hidden,) = before
    ir, iz, candidate = _apart(inputs, 3)
    hr, hz, hn = _apart(recurrent, 3)
    reset = jax.nn.sigmoid(ir + hr)
    update = jax.nn.sigmoid(iz + hz)
    candidate = jnp.tanh(candidate + reset * hn)
    return ((1 - update) * candidate + update * hidden,), _as_held((reset, update, candidate, hn), inputs)


def _gru_slopes(before: Carry, after: Carry, kept: Gates) -> Slopes:
    reset, update, candidate, hn = _apart(kept, 4)
    of_candidate = (1 - update) * (1 - candidate * candidate)
    of_reset = of_candidate * hn * reset * (1 - reset)
    of_update = (before[0] - candidate) * update * (1 - update)
    inputs = _as_held((of_reset, of_update, of_candidate), kept)
    recurrent = _as_held((of_reset, of_update, of_candidate * reset), kept)
    return Slopes((inputs, recurrent), (update,))


def _gru_pull(slopes: tuple[Array, ...], d_after: Carry) -> tuple[Carry, tuple[Array, ...]]:
    (update,), (d_hidden,) = slopes, d_after
    return (d_hidden * update,), (d_hidden,) * 3


def _rnn_step(before: Carry, inputs: Gates, recurrent: Gates) -> tuple[Carry, Gates]:
    """Elman (1990)."""
    (own,), (other,) = _apart(inputs, 1), _apart(recurrent, 1)
    hidden = jnp.tanh(own + other)
    return (hidden,), _as_held((hidden,), inputs)


def _rnn_slopes(before: Carry, after: Carry, kept: Gates) -> Slopes:
    (hidden,) = _apart(kept, 1)
    return Slopes((_as_held((1 - hidden * hidden,), kept),), ())


def _rnn_pull(slopes: tuple[Array, ...], d_after: Carry) -> tuple[Carry, tuple[Array, ...]]:
    return (jnp.zeros_like(d_after[0]),), d_after


CELLS = {
    "lstm": Cell(4, 2, 4, 1, _lstm_step, _lstm_slopes, _lstm_pull),
    "gru": Cell(3, 1, 4, 2, _gru_step, _gru_slopes, _gru_pull),
    "rnn": Cell(1, 1, 1, 1, _rnn_step, _rnn_slopes, _rnn_pull),
}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def project(
    precision: Any,
    values: Float[Array, "directions rows features"],
    kernels: Float[Array, "directions features gates"],
) -> Float[Array, "directions rows gates"]:
    """The matrix product of inputs and input kernels.

    Its gradient is written out: of the derived one that of the kernels comes out transposed, which takes longer.
    """
    return _product(values, kernels, precision)


def _project_forward(precision: Any, values: Array, kernels: Array) -> tuple[Array, tuple[Array, Array]]:
    return _product(values, kernels, precision), (values, kernels)


def _project_backward(precision: Any, residuals: tuple[Array, Array], d_products: Array) -> tuple[Array, Array]:
    values, kernels = residuals
    return _product_over_gates(d_products, kernels, precision), _product_over_rows(values, d_products, precision)


project.defvjp(_project_forward, _project_backward)


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
    projected: Float[Array, "distinct directions gates"],
    token_ids: Int[Array, "batch time"],
    kernels: Float[Array, "directions hidden gates"],
    starts: Bool[Array, "batch time"],
    ends: Bool[Array, "batch time"],
    precision: Any = jnp.float32,
) -> Float[Array, "directions time batch hidden"]:
    """The same where tokens recur, for tagging: each distinct token is projected once, and looked up in the loop."""
    distinct, directions, gates = projected.shape
    # One table for all directions, so that a step looks up in one place.
    table = projected.reshape(distinct * directions, gates)
    ids = in_reading_order(token_ids.T, directions) * directions + jnp.arange(directions)[:, None, None]
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


def _product_over_rows(
    values: Float[Array, "directions rows features"], d_products: Float[Array, "directions rows gates"], precision: Any
) -> Float[Array, "directions features gates"]:
    """The gradient of kernels."""

    def at_once(values: Array, d_products: Array) -> Array:
        return _product(values.swapaxes(1, 2), d_products, precision)

    def in_turn(values: Array, d_products: Array) -> Array:
        operands = values.swapaxes(1, 2).astype(precision), d_products.astype(precision)
        return lax.map(lambda own: jnp.matmul(*own, preferred_element_type=jnp.float32), operands)

    if precision == jnp.float32:
        return at_once(values, d_products)
    # A transposed operand of a product, which it is not in a loop, XLA's CPU compiler takes for float32.
    return lax.platform_dependent(values, d_products, cpu=in_turn, default=at_once)


def _product_over_gates(
    d_products: Float[Array, "directions rows gates"],
    kernels: Float[Array, "directions features gates"],
    precision: Any,
) -> Float[Array, "directions rows features"]:
    """The gradient of what kernels are multiplied with."""
    if precision == jnp.float32:
        return _product(d_products, kernels.swapaxes(1, 2), precision)
    # Of both directions at once, XLA's CPU compiler takes these operands for float32 too.
    pairs = zip(d_products.astype(precision), kernels.astype(precision), strict=True)
    return jnp.stack([jnp.matmul(own, kernel.T, preferred_element_type=jnp.float32) for own, kernel in pairs])


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
    """The states after every step, hidden states first, and what `cell.slopes` needs of every step.

    `inputs` gives the projected inputs of a step, `[directions, batch, gates]`.
    """
    directions, time, batch, _ = keep.shape
    hidden_size = kernels.shape[1]

    def step(t: Array, loop: tuple[Carry, tuple[Array, ...], Array]) -> tuple[Carry, tuple[Array, ...], Array]:
        before, states, kept = loop
        # `keep` is multiplied in after the product, so that the product need not wait for it.
        recurrent = _product(before[0], kernels, precision) * _at(keep, t)
        after, own = cell.step(tuple(state * _at(keep, t) for state in before), inputs(t), recurrent)
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
    # Before the first step there is no state.
    before = tuple(jnp.pad(stack[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0))) * keep for stack in states)
    slopes = cell.slopes(before, states, kept)

    def step(count: Array, loop: tuple[Carry, tuple[Array, ...]]) -> tuple[Carry, tuple[Array, ...]]:
        t = time - 1 - count
        d_after, d_gates = loop
        # Of the step after this one; at the last there is no gradient yet.
        d_after = tuple(state * _at(keep, jnp.minimum(t + 1, time - 1)) for state in d_after)
        d_after = (d_after[0] + _at(d_output, t), *d_after[1:])
        d_before, multipliers = cell.pull(tuple(_at(stack, t) for stack in slopes.states), d_after)
        multiplier = jnp.concatenate(multipliers, axis=-1)
        own = [_at(stack, t) * multiplier for stack in slopes.gates]
        # Not in the places of the slopes: where a batch has one row, XLA copies a stack that is both read and written.
        d_gates = tuple(_set(stack, value, t) for stack, value in zip(d_gates, own, strict=True))
        return (d_before[0] + _product(own[-1], transposed, precision), *d_before[1:]), d_gates

    d_carry = (jnp.zeros(d_output[:, 0].shape, jnp.float32),) * cell.states
    stacks = tuple(jnp.zeros_like(stack) for stack in slopes.gates)
    _, d_gates = lax.fori_loop(0, time, step, (d_carry, stacks))
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
    return _product_over_rows(rows_of(before), rows_of(d_recurrents[:, 1:]), precision)


def rows_of(stack: Float[Array, "directions time batch features"]) -> Float[Array, "directions rows features"]:
    """All steps' rows, one after another."""
    directions, _, _, features = stack.shape
    return stack.reshape(directions, -1, features)


_layer.defvjp(_forward, _backward)
