"""Work that is due at a moment: a timer hands it to a few threads."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)

Errand = tuple[Callable[..., None], tuple[Any, ...]]


class Errands:
    """Runs each errand once, at or after its moment; what must survive a kill is in the store."""

    def __init__(self, threads: int) -> None:
        self._ready: SimpleQueue[Errand | None] = SimpleQueue()
        self._later: list[tuple[float, int, Errand]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._open = True
        self._timer = threading.Thread(target=self._keep_time, name="errand timer", daemon=True)
        self._threads = [
            threading.Thread(target=self._run, name="errand", daemon=True) for _ in range(threads)
        ]

    def start(self) -> None:
        for thread in [self._timer, *self._threads]:
            thread.start()

    def stop(self) -> None:
        """Nothing new begins; what is running is given a moment."""
        with self._wake:
            self._open = False
            self._wake.notify()
        for _ in self._threads:
            self._ready.put(None)
        deadline = time.monotonic() + 2
        for thread in [self._timer, *self._threads]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def put(self, when: float, do: Callable[..., None], *args: Any) -> None:
        """`when` is a clock time in seconds; the past and the present mean at once."""
        if when <= time.time():
            self._ready.put((do, args))
            return
        with self._wake:
            heapq.heappush(self._later, (when, next(self._order), (do, args)))
            if self._later[0][0] == when:
                self._wake.notify()

    def _keep_time(self) -> None:
        with self._wake:
            while self._open:
                wait = self._later[0][0] - time.time() if self._later else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                else:
                    self._ready.put(heapq.heappop(self._later)[2])

    def _run(self) -> None:
        while (errand := self._ready.get()) is not None and self._open:
            do, args = errand
            try:
                do(*args)
            except Exception:
                if self._open:
                    log.exception("errand %s failed", do.__name__)
