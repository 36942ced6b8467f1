"""Work that one thread of a process does for all that ask for it at the same moment."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Whoever asks while the work is being done is served by another turn right after it, in that thread."""

    def __init__(self) -> None:
        self._working = threading.Lock()
        self._asked = threading.Event()

    def take(self, work: Callable[[], T]) -> list[T]:
        """The results of the turns that this thread took; none where another thread is at it."""
        results = []
        self._asked.set()
        # Asked first, then tried: whoever fails to get the lock has been noticed by the one who holds it.
        while self._asked.is_set() and self._working.acquire(blocking=False):
            try:
                self._asked.clear()
                results.append(work())
            finally:
                self._working.release()
        return results
