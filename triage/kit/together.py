"""Requests of one moment share one piece of work, and each gets its own answer."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    results: Sequence[Result] = ()
    failure: Exception | None = None
    is_done: bool = False


class Together(Generic[Item, Result]):
    """While one thread is at work, others queue up, and the next takes them all along: nobody waits for company.

    `work` returns a result for each item, in their order. Where it fails with `fails_one` for several, each is tried
    alone, so that one bad item fails nobody else; with `fails_all`, as when the database is away, all share the
    failure at once, for to wait for it one after the other would take minutes.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        most: int,
        fails_one: type[Exception],
        fails_all: tuple[type[Exception], ...],
    ) -> None:
        self._work = work
        self._most = most
        self._fails_one = fails_one
        self._fails_all = fails_all
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._turn = threading.Lock()

    def do(self, item: Item) -> Result:
        """The result of this item. Raises what `work` raises for it."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        self._queue.append(mine)
        while not mine.is_done:
            with self._turn:
                if not mine.is_done:
                    self._lead(mine)
        if mine.failure is not None:
            raise mine.failure
        return mine.results[0]

    def _lead(self, mine: _Waiting[Item, Result]) -> None:
        is_through = False
        try:
            self._serve([self._queue.popleft() for _ in range(min(self._most, len(self._queue)))])
            is_through = True
        finally:
            # Whoever is gone leaves nothing behind, over which each later batch would fall again.
            if not is_through and mine in self._queue:
                self._queue.remove(mine)

    def _serve(self, served: list[_Waiting[Item, Result]]) -> None:
        try:
            self._try(served)
        finally:
            # Only where something unexpected flew out of here: the others try their own luck.
            self._queue.extendleft(one for one in reversed(served) if not one.is_done)

    def _try(self, served: list[_Waiting[Item, Result]]) -> None:
        try:
            results = self._work([one.item for one in served])
        except self._fails_all as failure:
            for one in served:
                one.failure, one.is_done = failure, True
            return
        except self._fails_one as failure:
            if len(served) == 1:
                served[0].failure, served[0].is_done = failure, True
                return
            for one in served:
                self._try([one])
            return
        for one, result in zip(served, results, strict=True):
            one.results, one.is_done = (result,), True
