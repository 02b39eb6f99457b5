"""Programs side by side: two of a CPU's at a time, results in order."""

import threading

import jax
import pytest

from seqtag.nn.devices import Devices
from seqtag.nn.lanes import Lanes


def test_two_are_handed_over_side_by_side() -> None:
    both = threading.Barrier(2, timeout=20)

    def run(item: int) -> tuple[int, int]:
        both.wait()  # breaks where the other one does not come
        return item, threading.get_ident()

    found = Lanes(2).map(run, range(8))
    assert [item for item, _ in found] == list(range(8))
    threads = [thread for _, thread in found]
    assert len(set(threads)) == 2
    assert threads == threads[:2] * 4


@pytest.mark.parametrize(("count", "items"), [(1, 8), (2, 1), (2, 0)])
def test_where_there_is_nothing_to_gain_the_caller_hands_over(count: int, items: int) -> None:
    found = Lanes(count).map(lambda _: threading.get_ident(), range(items))
    assert found == [threading.get_ident()] * items


def test_errors_reach_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        Lanes(2).map(lambda item: 1 // item, [1, 0, 1])


def test_one_cpu_runs_two_programs_at_once() -> None:
    assert jax.devices()[0].platform == "cpu"
    assert Devices().programs_at_once == 2
