"""The recurrent layer of `recurrent.py` as one Pallas kernel for NVIDIA GPUs, lowered through Triton.

A scan on a GPU launches several small kernels a step, and each reads the recurrent kernel anew. Here one program
walks all steps of one direction and one block of rows, its state in registers (persistent RNNs, Diamos et al. 2016;
FlashRNN, Pöppel et al. 2024). Directions and blocks of rows run side by side on different multiprocessors; steps, as
in any recurrence, follow one another.

Triton's arrays have power-of-two sizes and cannot be cut up. The hidden size is therefore padded to a multiple of a
tile, state and kernel are lists of tiles, and a step's matrix products are sums of products of tiles. Padded features
stay 0: their inputs and their rows and columns of the kernel are.

What fits on the chip: Triton keeps what is loaded before the loop in shared memory, of which a program may have 227 KiB
on compute capability 9.0 and 10.0, 163 KiB on 8.0, 99 KiB on most others. The recurrent kernel of one direction has
gates * hidden² numbers; for an LSTM of 64 that is 4 * 64² * 4 B = 64 KiB in float32; of 128, 256 KiB in float32 and
128 KiB in bfloat16; of 200, padded to 256, 512 KiB in bfloat16. What fits is loaded once, before the first step. A
larger one is read at every step, from the L2 cache as a rule, and still without a launch a step.

Values and gradients are tested against the scan by interpreting the kernel on CPU, and that it lowers to Triton is
tested too. It has not been run on a GPU yet: number of warps, rows and tiles are not tuned.
"""

from functools import partial, reduce
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array, Bool, Float, Shaped

from seqtag.nn.recurrent import Cell, gradient_of_kernels, keep_of

ROWS = 16
"""Of a program. Fewer make no matrix product on tensor cores; more would leave multiprocessors without work."""
LARGEST_TILE = 64


class _Plan(NamedTuple):
    """How a layer is divided."""

    tile: int
    """Hidden features of a tile."""
    tiles: int
    rows: int
    """Of the batch, padded to a multiple of `ROWS`."""
    is_resident: bool

    @property
    def hidden_size(self) -> int:
        """With padding."""
        return self.tile * self.tiles

    def features(self, index: int) -> slice:
        """Those of a tile."""
        return slice(index * self.tile, (index + 1) * self.tile)


def _plan(cell: Cell, hidden_size: int, batch: int, precision: Any) -> _Plan:
    tile = min(max(16, pl.next_power_of_2(hidden_size)), LARGEST_TILE)
    tiles = pl.cdiv(hidden_size, tile)
    size = cell.gates * (tile * tiles) ** 2 * jnp.dtype(precision).itemsize
    return _Plan(tile, tiles, pl.cdiv(batch, ROWS) * ROWS, size <= _room())


def recurrent_layer_pallas(
    cell: Cell,
    inputs: Float[Array, "directions time batch gates"],
    kernels: Float[Array, "directions hidden gates"],
    starts: Bool[Array, "batch time"],
    ends: Bool[Array, "batch time"],
    precision: Any = jnp.float32,
) -> Float[Array, "directions time batch hidden"]:
    """The same as `recurrent_layer`, to rounding. On CPU the kernel is interpreted, which is for tests: it is slow."""
    return _layer(cell, precision, inputs, kernels, keep_of(starts, ends, kernels.shape[0]))


def _room() -> int:
    """Bytes of shared memory for a recurrent kernel that is kept there; the rest is for what products are made of."""
    has_much = getattr(jax.devices()[0], "compute_capability", "9.0") in ("8.0", "8.7", "9.0", "10.0", "10.3")
    return (128 if has_much else 64) * 1024


def _interpreted() -> bool:
    return jax.default_backend() == "cpu"


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _layer(cell: Cell, precision: Any, inputs: Array, kernels: Array, keep: Array) -> Array:
    return _run_forward(cell, precision, inputs, kernels, keep, with_residuals=False)[0]


def _forward(cell: Cell, precision: Any, inputs: Array, kernels: Array, keep: Array) -> tuple[Array, Any]:
    *states, kept = _run_forward(cell, precision, inputs, kernels, keep, with_residuals=True)
    hidden = states[0][:, :, : keep.shape[2], : kernels.shape[1]]
    return hidden, (states, kept, kernels, keep)


def _run_forward(
    cell: Cell, precision: Any, inputs: Array, kernels: Array, keep: Array, with_residuals: bool
) -> tuple[Array, ...]:
    """Hidden states alone, or padded: the states after every step, hidden states first, and what `slopes` needs."""
    directions, time, batch, _ = keep.shape
    hidden_size = kernels.shape[1]
    plan = _plan(cell, hidden_size, batch, precision)
    one, several = (directions, time, plan.rows, plan.hidden_size), (directions, time, plan.rows, cell.kept)
    shapes = [one] * cell.states + [(*several, plan.hidden_size)] if with_residuals else [one]
    outputs = _call(
        partial(_forward_kernel, cell, plan, precision),
        plan,
        [
            _by_part(inputs, cell.gates, plan),
            _tiled_kernels(kernels, cell.gates, plan, precision),
            _padded_rows(keep[..., 0], plan),
        ],
        shapes,
    )
    return outputs if with_residuals else (outputs[0][:, :, :batch, :hidden_size],)


def _forward_kernel(cell: Cell, plan: _Plan, precision: Any, *refs: Any) -> None:
    """One direction of one block of rows.

    Args:
        cell: the cell.
        plan: how the layer is divided.
        precision: type of the operands of products.
        refs: projected inputs `[time, rows, gates, hidden]`, recurrent kernel `[gates, hidden, hidden]` and keep
            `[time, rows]`; then what is written: the states, each `[time, rows, hidden]`, as many as there are places
            for, and what the way back needs, `[time, rows, kept, hidden]`, where there is a place for it.
    """
    inputs_ref, kernel_ref, keep_ref, *outputs = refs
    state_refs = outputs[: cell.states] if len(outputs) > cell.states else outputs[:1]
    kept_refs = outputs[cell.states :]
    kernel = _Kernel(kernel_ref, cell.gates, plan)

    def step(t: Array, carry: Any) -> Any:
        keep = keep_ref[t][:, None]
        before = [[part * keep for part in state] for state in carry]
        hidden = [part.astype(precision) for part in before[0]]
        after = []
        for to in range(plan.tiles):
            features = plan.features(to)
            recurrent = tuple(
                _sum_of_products(hidden, [kernel(gate, index, to) for index in range(plan.tiles)])
                for gate in range(cell.gates)
            )
            inputs = tuple(inputs_ref[t, :, gate, features] for gate in range(cell.gates))
            states, kept = cell.step(tuple(state[to] for state in before), inputs, recurrent)
            after.append(states)
            for ref, state in zip(state_refs, states, strict=False):
                ref[t, :, features] = state
            for ref in kept_refs:
                for index, part in enumerate(kept):
                    ref[t, :, index, features] = part
        return tuple(zip(*after, strict=True))

    zeros = ((jnp.zeros((ROWS, plan.tile), jnp.float32),) * plan.tiles,) * cell.states
    lax.fori_loop(0, keep_ref.shape[0], step, zeros)


def _backward(cell: Cell, precision: Any, residuals: Any, d_output: Array) -> tuple[Array, Array, Array]:
    states, kept, kernels, keep = residuals
    directions, time, batch, _ = keep.shape
    hidden_size = kernels.shape[1]
    plan = _plan(cell, hidden_size, batch, precision)
    shape = (directions, time, plan.rows, cell.gates, plan.hidden_size)
    d_gates = _call(
        partial(_backward_kernel, cell, plan, precision),
        plan,
        [
            _by_part(d_output, 1, plan)[:, :, :, 0],
            *states,
            kept,
            _tiled_kernels(kernels, cell.gates, plan, precision).swapaxes(2, 3),
            _padded_rows(keep[..., 0], plan),
        ],
        [shape] * cell.pulled,
    )
    d_gates = [part[:, :, :batch, :, :hidden_size].reshape(directions, time, batch, -1) for part in d_gates]
    hidden = states[0][:, :, :batch, :hidden_size]
    d_kernels = gradient_of_kernels(hidden, d_gates[-1], keep, precision)
    return d_gates[0], d_kernels, jnp.zeros_like(keep)  # boundaries are not learned


def _backward_kernel(cell: Cell, plan: _Plan, precision: Any, *refs: Any) -> None:
    """The way back over one direction of one block of rows.

    Args:
        cell: the cell.
        plan: how the layer is divided.
        precision: type of the operands of products.
        refs: gradient of the hidden states `[time, rows, hidden]`, the states, each of the same shape, what the way
            forward has kept `[time, rows, kept, hidden]`, the transposed kernel `[gates, hidden, hidden]` and keep
            `[time, rows]`; then what is written: gradients of gates `[time, rows, gates, hidden]`, those of the
            projected inputs first, those of the projected hidden state last.
    """
    d_output_ref, *state_refs = refs[: 1 + cell.states]
    kept_ref, kernel_ref, keep_ref, *d_gates_refs = refs[1 + cell.states :]
    kernel = _Kernel(kernel_ref, cell.gates, plan)
    time = keep_ref.shape[0]

    def step(count: Array, carry: Any) -> Any:
        t = time - 1 - count
        # At the first step there is no state before, whatever is read there.
        earlier = jnp.maximum(t - 1, 0)
        keep = jnp.where(t > 0, keep_ref[t][:, None], 0.0)
        d_before: list[Any] = []
        through_kernel = [jnp.zeros((ROWS, plan.tile), jnp.float32)] * plan.tiles
        for index in range(plan.tiles):
            features = plan.features(index)
            before = tuple(ref[earlier, :, features] * keep for ref in state_refs)
            after = tuple(ref[t, :, features] for ref in state_refs)
            kept = tuple(kept_ref[t, :, part, features] for part in range(cell.kept))
            d_hidden, *d_rest = (state[index] for state in carry)
            slopes = cell.slopes(before, after, kept)
            d_own, multipliers = cell.pull(slopes.states, (d_hidden + d_output_ref[t, :, features], *d_rest))
            d_gates = [[slope * by for slope, by in zip(gates, multipliers, strict=True)] for gates in slopes.gates]
            for ref, gates in zip(d_gates_refs, d_gates, strict=True):
                for gate, value in enumerate(gates):
                    ref[t, :, gate, features] = value
            d_before.append(d_own)
            # Multiplied at once: products kept for later would fill the shared memory.
            d_recurrent = [gate.astype(precision) for gate in d_gates[-1]]
            for to in range(plan.tiles):
                tiles = [kernel(gate, index, to) for gate in range(cell.gates)]
                through_kernel[to] += _sum_of_products(d_recurrent, tiles)
        d_hiddens, *d_rests = zip(*d_before, strict=True)
        d_states = [[own + other for own, other in zip(d_hiddens, through_kernel, strict=True)], *d_rests]
        return tuple(tuple(part * keep for part in state) for state in d_states)

    zeros = ((jnp.zeros((ROWS, plan.tile), jnp.float32),) * plan.tiles,) * cell.states
    lax.fori_loop(0, time, step, zeros)


class _Kernel:
    """The tiles of a recurrent kernel: loaded at once where all have room, else each when it is asked for."""

    def __init__(self, ref: Any, gates: int, plan: _Plan) -> None:
        self._ref = ref
        self._plan = plan
        self._loaded = {}
        if plan.is_resident:
            places = product(range(gates), range(plan.tiles), range(plan.tiles))
            self._loaded = {place: self._load(*place) for place in places}

    def __call__(self, gate: int, index: int, to: int) -> Array:
        """The tile of a gate that leads from one tile of features to another."""
        return self._loaded[gate, index, to] if self._loaded else self._load(gate, index, to)

    def _load(self, gate: int, index: int, to: int) -> Array:
        return self._ref[gate, self._plan.features(index), self._plan.features(to)]


def _sum_of_products(left: list[Array], right: list[Array]) -> Array:
    products = [jnp.dot(*pair, preferred_element_type=jnp.float32) for pair in zip(left, right, strict=True)]
    return reduce(jnp.add, products)


def _call(kernel: Any, plan: _Plan, inputs: list[Array], shapes: list[tuple[int, ...]]) -> tuple[Array, ...]:
    """Run a kernel for each direction and block of rows.

    Inputs and outputs are `[directions, time, rows, ...]`, of which a program sees one direction and its own rows;
    only the recurrent kernel, `[directions, gates, hidden, hidden]`, it sees whole.
    """

    def block(shape: tuple[int, ...], is_kernel: bool) -> pl.BlockSpec:
        if is_kernel:
            return pl.BlockSpec((None, *shape[1:]), lambda direction, block: (direction, 0, 0, 0))
        rest = (0,) * (len(shape) - 3)
        return pl.BlockSpec((None, shape[1], ROWS, *shape[3:]), lambda direction, block: (direction, 0, block, *rest))

    square = inputs[-2]  # the recurrent kernel stands before keep
    run = pl.pallas_call(
        kernel,
        grid=(square.shape[0], plan.rows // ROWS),
        in_specs=[block(value.shape, value is square) for value in inputs],
        out_specs=[block(shape, False) for shape in shapes],
        out_shape=[jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes],
        compiler_params=triton.CompilerParams(num_warps=4 if plan.tiles == 1 else 8, num_stages=1),
        interpret=_interpreted(),
    )
    return tuple(run(*inputs))


def _by_part(
    values: Float[Array, "directions time batch parts_times_hidden"], parts: int, plan: _Plan
) -> Float[Array, "directions time rows {parts} {plan.hidden_size}"]:
    """Parts on an axis of their own; rows and hidden features padded with zeros."""
    directions, time, batch, features = values.shape
    apart = values.reshape(directions, time, batch, parts, features // parts)
    more = plan.hidden_size - features // parts
    return jnp.pad(apart, ((0, 0), (0, 0), (0, plan.rows - batch), (0, 0), (0, more)))


def _padded_rows(keep: Float[Array, "directions time batch"], plan: _Plan) -> Float[Array, "directions time rows"]:
    return jnp.pad(keep, ((0, 0), (0, 0), (0, plan.rows - keep.shape[2])))


def _tiled_kernels(
    kernels: Float[Array, "directions hidden gates_times_hidden"], gates: int, plan: _Plan, precision: Any
) -> Shaped[Array, "directions {gates} {plan.hidden_size} {plan.hidden_size}"]:
    """Gates on an axis of their own, hidden features padded with zeros, in the type of products' operands."""
    directions, hidden_size, _ = kernels.shape
    apart = kernels.reshape(directions, hidden_size, gates, hidden_size).swapaxes(1, 2).astype(precision)
    more = plan.hidden_size - hidden_size
    return jnp.pad(apart, ((0, 0), (0, 0), (0, more), (0, more)))


_layer.defvjp(_forward, _backward)
