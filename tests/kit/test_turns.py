"""Work that one thread does for all that ask for it at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from triage.kit.turns import Turns


def test_who_asks_alone_takes_one_turn() -> None:
    assert Turns().take(lambda: "done") == ["done"]


def test_who_asks_meanwhile_is_served_by_another_turn_of_the_same_thread() -> None:
    turns = Turns()
    at_work, go_on = threading.Event(), threading.Event()
    taken: list[str] = []

    def work() -> str:
        taken.append(threading.current_thread().name)
        at_work.set()
        assert go_on.wait(10)
        return "done"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(turns.take, work)
        assert at_work.wait(10)
        assert turns.take(work) == []
        go_on.set()
        assert first.result(10) == ["done", "done"]
    assert len(set(taken)) == 1


def test_work_that_fails_lets_the_next_one_in() -> None:
    turns = Turns()

    with pytest.raises(ZeroDivisionError):
        turns.take(lambda: 1 // 0)
    assert turns.take(lambda: 1) == [1]
