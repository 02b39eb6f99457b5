"""Signals wait for what must not be divided, and for nothing else."""

import signal
from collections.abc import Iterator

import pytest

from seqtag.stopping import Stopped
from seqtag.streams.holding import Holding


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """Python's own handler of SIGINT: a process started in the background is handed an ignored one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_a_block(number: signal.Signals) -> None:
    before, done = signal.getsignal(number), []

    def work() -> None:
        with Holding() as signals:
            with signals.undivided():
                done.append(1)
            with signals.undivided():
                signal.raise_signal(number)
                done.append(2)
            done.append(3)

    with pytest.raises(Stopped) as stopped:
        work()
    assert done == [1, 2]
    assert stopped.value.signal_number == number
    assert signal.getsignal(number) is before


def test_a_second_one_does_not_wait() -> None:
    done = []

    def work() -> None:
        with Holding() as signals, signals.undivided():
            signal.raise_signal(signal.SIGTERM)
            done.append(1)
            signal.raise_signal(signal.SIGTERM)
            done.append(2)

    with pytest.raises(Stopped):
        work()
    assert done == [1]


def test_between_blocks_it_does_what_it_did() -> None:
    with Holding() as signals:
        with signals.undivided():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Holding() as signals:
            signal.raise_signal(signal.SIGINT)
            with signals.undivided():
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
