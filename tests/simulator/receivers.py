"""A real web server in the product's place: it notes every call and answers as it is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import RequestValidator


@dataclass(frozen=True)
class Call:
    method: str
    url: str
    headers: dict[str, str]
    params: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def is_signed_with(self, token: str) -> bool:
        """As the carrier's own library checks it: of a GET, the whole address is signed."""
        signed = self.params if self.method == "POST" else {}
        return bool(RequestValidator(token).validate(self.url, signed, self.headers["X-Twilio-Signature"]))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"<Response/>"
    content_type: str = "text/xml"
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """`answer` decides what each call gets; it may block to let a call hang."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Call] = []
        self.answer: Callable[[Call], Reply] = lambda _call: Reply()
        self._news = threading.Condition()

    def note(self, call: Call) -> Reply:
        with self._news:
            self.calls.append(call)
            self._news.notify_all()
        return self.answer(call)

    def wait_for(self, count: int, path: str = "") -> list[Call]:
        """The calls (to that path) once there are as many."""
        with self._news:
            met = self._news.wait_for(lambda: len(self.of(path)) >= count, timeout=10)
        assert met, f"{len(self.of(path))} of {count} calls came"
        return self.of(path)

    def of(self, path: str) -> list[Call]:
        return [call for call in self.calls if not path or call.path == path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    server = _Server(("127.0.0.1", 0), _Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that has lost its patience is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer(dict(parse_qsl(body, keep_blank_values=True)))

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _answer(self, params: dict[str, str]) -> None:
        receiver = self.server.receiver
        reply = receiver.note(
            Call(self.command, receiver.url + self.path, dict(self.headers.items()), params)
        )
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
