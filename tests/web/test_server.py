"""The web server's own bounds, tried on its reader of requests."""

import pytest
from gunicorn.http.errors import LimitRequestLine
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from triage import server
from triage.config import Settings


def read(settings: Settings, line: bytes) -> Request:
    options = server.Server(settings).cfg
    pieces = [line[at : at + 8192] for at in range(0, len(line), 8192)]
    return Request(options, IterUnreader(iter([*pieces, b"Host: localhost\r\n\r\n"])), ("127.0.0.1", 0))


def test_a_whole_text_fits_into_the_address(settings: Settings) -> None:
    body = "%F0%9F%A9%BA" * 1600

    request = read(settings, f"GET /webhooks/twilio/messages?Body={body} HTTP/1.1\r\n".encode())

    assert request.query == f"Body={body}"


def test_a_line_without_an_end_is_not_read_for_ever(settings: Settings) -> None:
    with pytest.raises(LimitRequestLine):
        read(settings, b"GET /" + b"x" * 1_000_000)
