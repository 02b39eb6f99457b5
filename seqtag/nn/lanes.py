"""Programs side by side on one device."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lanes:
    """Threads that hand programs to the device; each one's run in order.

    A CPU runs what one thread hands over one after another, and parts of every program on a single core. A program that
    another thread hands over fills what is left.
    """

    def __init__(self, count: int) -> None:
        self._lanes = [ThreadPoolExecutor(1, "seqtag-lane") for _ in range(count)]

    def map(self, run: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """`run(item)` of each item; it hands a program over, and must not wait for it."""
        if len(self._lanes) < 2 or len(items) < 2:
            return list(map(run, items))
        waiting = [self._lanes[index % len(self._lanes)].submit(run, item) for index, item in enumerate(items)]
        return [result.result() for result in waiting]
