"""Fires prepared requests over kept connections, in one thread without waiting: the load must cost little itself.

`flood` keeps every connection busy. `steady` sends at a rate whatever the answers do, and counts the time from
when a request was due, so that a server that stalls is charged for everybody who had to wait.
"""

import contextlib
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.calls import Call

SILENT_FOR = 30.0


class Answer(NamedTuple):
    """`due_at` is a clock time in seconds, `seconds` from then until the whole answer was here."""

    sid: str
    status: int
    due_at: float
    seconds: float


class _Line:
    """One connection, and the call that is out on it."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.call: Call | None = None
        self.due_at = 0.0
        self._heard = b""

    def send(self, call: Call, due_at: float) -> None:
        self.call, self.due_at, self._heard = call, due_at, b""
        self.socket.sendall(call.wire)

    def hear(self) -> int | None:
        """The status once the answer is whole. Raises `ConnectionError` where the server hung up."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self._heard += piece
        head, found, body = self._heard.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        return int(head[9:12])


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0


def flood(
    web_url: str, calls: Sequence[Call], *, lines: int = 16, seconds: float | None = None
) -> list[Answer]:
    """As fast as `lines` connections allow, until all are answered or the time is over."""
    return _Load(web_url, calls, lines).run(None, seconds)


def steady(web_url: str, calls: Sequence[Call], *, rate: float, lines: int = 48) -> list[Answer]:
    """`rate` a second, open loop."""
    return _Load(web_url, calls, lines).run(rate, None)


class _Load:
    def __init__(self, web_url: str, calls: Sequence[Call], lines: int) -> None:
        parts = urlsplit(web_url)
        self._place = (parts.hostname or "localhost", parts.port or 80)
        self._calls = calls
        self._count = lines
        self._answers: list[Answer] = []

    def run(self, rate: float | None, seconds: float | None) -> list[Answer]:
        with contextlib.ExitStack() as closing, selectors.DefaultSelector() as selector:
            self._drive(closing, selector, rate, seconds)
        return self._answers

    def _drive(
        self,
        closing: contextlib.ExitStack,
        selector: selectors.BaseSelector,
        rate: float | None,
        seconds: float | None,
    ) -> None:
        idle: deque[_Line] = deque()
        opened = 0
        began = time.time()
        heard_at = began
        out = place = 0
        while out or place < len(self._calls):
            now = time.time()
            if seconds is not None and now - began > seconds:
                place = len(self._calls)
            while (idle or opened < self._count) and place < len(self._calls):
                due_at = now if rate is None else began + place / rate
                if due_at > now:
                    break
                if not idle:
                    # One by one, while the others are busy: a server's processes then share them as they would
                    # share the connections of a carrier.
                    idle.append(self._open(closing, selector))
                    opened += 1
                idle.popleft().send(self._calls[place], due_at)
                place, out = place + 1, out + 1
            pause = 1.0
            if (idle or opened < self._count) and rate is not None and place < len(self._calls):
                pause = max(0.0, began + place / rate - time.time())
            for key, _ in selector.select(pause):
                line = key.data
                status = line.hear()
                if status is not None:
                    heard_at = time.time()
                    self._answers.append(Answer(line.call.sid, status, line.due_at, heard_at - line.due_at))
                    idle.append(line)
                    out -= 1
            if time.time() - max(heard_at, began) > SILENT_FOR:
                raise TimeoutError(f"{out} calls were never answered")

    def _open(self, closing: contextlib.ExitStack, selector: selectors.BaseSelector) -> _Line:
        line = _Line(self._place)
        closing.callback(line.socket.close)
        selector.register(line.socket, selectors.EVENT_READ, line)
        return line
