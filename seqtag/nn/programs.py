"""Compiled programs: one per shape, compiled when first needed, counted and timed."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import jax
from flax import nnx


class Programs:
    """A jitted function compiled ahead of time for each shape that it meets.

    Compiling by hand, rather than at the first call, keeps compilation out of the time spent training and makes a
    compilation that nobody meant impossible: another shape under the same key is an error.
    """

    def __init__(self, function: Callable[..., Any], **jit_options: Any) -> None:
        self._function = jax.jit(function, **jit_options)
        self._compiled: dict[Hashable, Callable[..., Any]] = {}
        self._lock = threading.Lock()
        self.seconds = 0.0
        """Spent compiling, tracing included."""

    def __len__(self) -> int:
        return len(self._compiled)

    def __call__(self, key: Hashable, *arguments: Any) -> Any:
        """Run the program of shape `key` on `arguments`."""
        compiled = self._compiled.get(key) or self._compile(key, arguments)
        return compiled(*arguments)

    def _compile(self, key: Hashable, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        with self._lock:  # of several threads that need a program, one compiles it
            if key not in self._compiled:
                start = time.perf_counter()
                self._compiled[key] = self._function.lower(*arguments).compile()
                self.seconds += time.perf_counter() - start
            return self._compiled[key]


def network_programs(graph: Any, run: Callable[..., Any], **jit_options: Any) -> Programs:
    """Programs of `run(network, *inputs)` that take `(params, constants, *inputs)`; `graph` is the network's."""
    return Programs(lambda params, constants, *inputs: run(nnx.merge(graph, params, constants), *inputs), **jit_options)
