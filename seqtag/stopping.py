"""SIGINT and SIGTERM asked to wait until what must not be cut short is done."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Stopped(BaseException):
    """The process was told to stop and is at a point where it may. Not an Exception: nothing should swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as a shell reports it."""
        return 128 + self.signal_number


class Handling:
    """Within this context the two signals are dealt with by `_act`; afterwards by whoever did before."""

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._act) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _act(self, number: int, frame: FrameType | None) -> None:
        raise NotImplementedError


class StopSignals(Handling):
    """Within this context the two signals are noted instead of acted on; a second one acts at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    def _act(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Stopped(number)
        self.received = number
