"""Requests of one moment share one piece of work; each gets its own answer, and one bad one harms no other."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from triage.kit.together import Together


class Bad(Exception):
    pass


class Away(Exception):
    pass


class Doubling:
    """Doubles numbers; refuses those below zero, and is away for zero. The first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_at_work = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.is_at_work.set()
        assert self.go_on.wait(10)
        if any(number < 0 for number in numbers):
            raise Bad
        if 0 in numbers:
            raise Away
        return [2 * number for number in numbers]


def together(work: Doubling, *, most: int = 50) -> Together[int, int]:
    return Together(work, most=most, fails_one=Bad, fails_all=(Away,))


def all_at_once(doing: Together[int, int], work: Doubling, numbers: list[int]) -> list[int | type]:
    """The first is at work while the others come."""

    def ask(number: int) -> int | type:
        try:
            return doing.do(number)
        except (Bad, Away) as failure:
            return type(failure)

    with ThreadPoolExecutor(len(numbers)) as pool:
        first = pool.submit(ask, numbers[0])
        assert work.is_at_work.wait(10)
        others = [pool.submit(ask, number) for number in numbers[1:]]
        while len(doing._queue) < len(others):
            assert not first.done()
        work.go_on.set()
        return [first.result(10), *(one.result(10) for one in others)]


def test_whoever_comes_alone_is_served_at_once() -> None:
    work = Doubling()
    work.go_on.set()

    assert together(work).do(4) == 8
    assert work.batches == [[4]]


def test_those_who_come_meanwhile_are_served_together() -> None:
    work = Doubling()

    assert all_at_once(together(work), work, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert [len(batch) for batch in work.batches] == [1, 3]


def test_a_batch_has_a_limit() -> None:
    work = Doubling()

    assert all_at_once(together(work, most=2), work, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert [len(batch) for batch in work.batches] == [1, 2, 1]


def test_one_bad_item_fails_nobody_else() -> None:
    work = Doubling()

    assert all_at_once(together(work), work, [1, 2, -3, 4]) == [2, 4, Bad, 8]


def test_all_learn_at_once_that_the_work_cannot_be_done() -> None:
    work = Doubling()

    assert all_at_once(together(work), work, [1, 2, 0, 4]) == [2, Away, Away, Away]
    assert len(work.batches) == 2


def test_what_nobody_expected_reaches_one_and_leaves_the_others_to_try_again() -> None:
    seen: list[int] = []

    def fall_over_once(numbers: Sequence[int]) -> list[int]:
        seen.append(len(numbers))
        if len(seen) == 1:
            raise ZeroDivisionError
        return list(numbers)

    doing: Together[int, int] = Together(fall_over_once, most=50, fails_one=Bad, fails_all=(Away,))

    with pytest.raises(ZeroDivisionError):
        doing.do(1)
    assert doing.do(2) == 2


def test_what_nobody_expected_goes_with_whoever_asked_for_it() -> None:
    def divide(numbers: Sequence[int]) -> list[int]:
        return [10 // number for number in numbers]

    doing: Together[int, int] = Together(divide, most=50, fails_one=Bad, fails_all=(Away,))

    with pytest.raises(ZeroDivisionError):
        doing.do(0)
    assert doing.do(2) == 5
