"""One HTTP call to a receiver's address, over connections that are kept for the next one."""

import base64
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, unquote, urlsplit

from triage.simulator.overrides import Patience

_ENOUGH = 64 * 1024
_KEPT = 64


@dataclass(frozen=True)
class Answer:
    """What came of a call: a status with content, or `failure`: "ct" no connection, "rt" no answer."""

    status: int | None
    content_type: str = ""
    content: bytes = b""
    location: str = ""
    failure: str = ""
    detail: str = field(default="", compare=False)

    @property
    def kind_of_failure(self) -> str:
        """As the retry policy names it: ct, rt, 4xx, 5xx, or empty for success."""
        if self.status is None:
            return self.failure
        return "" if self.status < 400 else f"{self.status // 100}xx"


class Caller:
    """Safe for many threads; a connection belongs to one call at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Only when first needed: reading the system's certificates takes longer than all else at start.
        return ssl.create_default_context()

    def call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, patience: Patience
    ) -> Answer:
        """Exactly one request reaches the receiver, save when a kept connection turns out to be closed."""
        parts = urlsplit(url)
        place = parts.scheme, parts.netloc
        connection = self._take(place)
        if connection is not None:
            answer = self._exchange(connection, place, method, url, headers, body, patience)
            if answer.failure != "stale":
                return answer
        try:
            connection = self._connect(place, patience)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return Answer(None, failure="ct", detail=type(problem).__name__)
        answer = self._exchange(connection, place, method, url, headers, body, patience)
        return Answer(None, failure="rt", detail="closed") if answer.failure == "stale" else answer

    def close(self) -> None:
        with self._lock:
            kept = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in kept:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        place: tuple[str, str],
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        patience: Patience,
    ) -> Answer:
        try:
            assert connection.sock is not None
            connection.sock.settimeout(min(patience.read, patience.total))
            connection.request(method, _target(url), body=body, headers={**headers, **_credentials(url)})
            response = connection.getresponse()
            content = response.read(_ENOUGH)
            whole = response.isclosed() or not response.read(1)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            return Answer(None, failure="stale")
        except TimeoutError:
            connection.close()
            return Answer(None, failure="rt", detail="timeout")
        except (OSError, http.client.HTTPException, ValueError) as problem:
            connection.close()
            return Answer(None, failure="rt", detail=type(problem).__name__)
        self._keep(place, connection, reusable=whole and not response.will_close)
        kind, location = response.headers.get("Content-Type", ""), response.headers.get("Location", "")
        return Answer(response.status, kind, content, location)

    def _connect(self, place: tuple[str, str], patience: Patience) -> http.client.HTTPConnection:
        scheme, netloc = place
        host = netloc.rpartition("@")[2]
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, timeout=patience.connect, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, timeout=patience.connect)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _take(self, place: tuple[str, str]) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                idle = self._idle.get(place)
                if not idle:
                    return None
                connection = idle.pop()
            # A silent connection is open; a readable one has been closed by the other side.
            if connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()

    def _keep(
        self, place: tuple[str, str], connection: http.client.HTTPConnection, *, reusable: bool
    ) -> None:
        if reusable:
            with self._lock:
                idle = self._idle.setdefault(place, [])
                if len(idle) < _KEPT:
                    idle.append(connection)
                    return
        connection.close()


def remaining(patience: Patience, since: float) -> Patience:
    """The same patience with what is left of its total."""
    left = max(0.05, patience.total - (time.monotonic() - since))
    return Patience(
        min(patience.connect, left), min(patience.read, left), left, patience.retries, patience.policy
    )


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _target(url: str) -> str:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe="%/:?#[]@!$&'()*+,;=-._~")


def _credentials(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
