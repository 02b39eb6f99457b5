"""Work done ahead of need, in a thread, while the device is busy."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prepared_ahead(prepare: Callable[[Item], Result], items: Iterable[Item], depth: int = 2) -> Iterator[Result]:
    """`prepare(item)` of each item in order, `depth` of them made before they are asked for.

    One thread does all of it, so `prepare` may keep state. Errors, its own or those of `items`, are raised after the
    results of all items before.
    """
    failure: Exception | None = None

    def taken() -> Iterator[Item]:
        nonlocal failure
        try:
            yield from items
        except Exception as error:
            failure = error

    with ThreadPoolExecutor(max_workers=1) as executor:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in taken():
                waiting.append(executor.submit(prepare, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
            if failure is not None:
                raise failure
        finally:
            for future in waiting:
                future.cancel()
