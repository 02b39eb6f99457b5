"""SIGINT and SIGTERM put off for moments too many and too short to set their handlers at each."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seqtag.stopping import Handling, Stopped


class Holding(Handling):
    """Within this context the two signals do what they did before, except while one of `undivided` runs."""

    def __init__(self) -> None:
        self._held = False
        self._received: int | None = None

    @contextmanager
    def undivided(self) -> Iterator[None]:
        """Put off a signal to the end of the block, where it is raised as Stopped; a second one acts at once."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._received is not None:
            raise Stopped(self._received)

    def _act(self, number: int, frame: FrameType | None) -> None:
        before = self._before[signal.Signals(number)]
        if before is signal.SIG_IGN:
            return
        if self._held and self._received is None:
            self._received = number
        elif self._held or not callable(before):
            raise Stopped(number)
        else:
            before(number, frame)
