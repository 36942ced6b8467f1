"""A mail server that delivers nothing: it keeps the newest letters, for a page that shows them."""

import socketserver
import threading
import time
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from itertools import count
from typing import cast

from flask import Blueprint, Response, abort, current_app, render_template, request

KEPT = 200
LONGEST = 256 * 1024

post = Blueprint("post", __name__)


@dataclass(frozen=True)
class Letter:
    """One letter as it was handed in."""

    id: int
    at: float
    sender: str
    recipient: str
    subject: str
    body: str


class Mailbox:
    """The newest letters, and the server that takes them; port 0 takes none."""

    def __init__(self, port: int) -> None:
        self.letters: deque[Letter] = deque(maxlen=KEPT)
        self._ids = count(1)
        self._server: _Server | None = None
        if port:
            self._server = _Server(("127.0.0.1", port), _Talk)
            self._server.mailbox = self
            threading.Thread(target=self._server.serve_forever, name="post", daemon=True).start()

    def take(self, sender: str, recipients: list[str], content: bytes) -> None:
        message = message_from_bytes(content, policy=policy.default)
        body = message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
        for recipient in recipients:
            self.letters.appendleft(
                Letter(next(self._ids), time.time(), sender, recipient, str(message["Subject"]), text)
            )

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mailbox: Mailbox


class _Talk(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs to hand in a letter."""

    timeout = 30

    def handle(self) -> None:
        self.sender, self.recipients = "", list[str]()
        self._say("220 here is the pretend post office")
        while line := self.rfile.readline(2048):
            word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match word.upper():
                case "EHLO" | "HELO":
                    self._say("250 at your service")
                case "MAIL":
                    self.sender, self.recipients = _address(rest), []
                    self._say("250 go on")
                case "RCPT":
                    self.recipients.append(_address(rest))
                    self._say("250 go on")
                case "DATA":
                    self._take()
                case "RSET" | "NOOP":
                    self._say("250 as you wish")
                case "QUIT":
                    self._say("221 goodbye")
                    return
                case _:
                    self._say("502 not here")

    def _take(self) -> None:
        self._say("354 end with a dot")
        lines: list[bytes] = []
        while (line := self.rfile.readline(LONGEST)) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            if sum(map(len, lines)) > LONGEST:
                self._say("552 too long")
                return
        cast(_Server, self.server).mailbox.take(self.sender, self.recipients, b"".join(lines))
        self._say("250 kept")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


def _address(rest: str) -> str:
    """`FROM:<somebody@somewhere> SIZE=…` without what stands around it."""
    return rest.partition(":")[2].partition("<")[2].partition(">")[0]


@post.get("/mail")
def letters() -> str:
    """Everything that was handed in, the newest first."""
    return render_template("mail.html", letters=list(_mailbox().letters))


@post.get("/_control/letters")
def control_letters() -> dict[str, object]:
    if request.remote_addr not in ("127.0.0.1", "::1"):
        abort(403)
    return {"letters": [vars(letter) for letter in _mailbox().letters]}


@post.after_request
def _fence(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _mailbox() -> Mailbox:
    mailbox: Mailbox = current_app.extensions["mailbox"]
    return mailbox


@post.app_template_filter("in_pieces")
def in_pieces(text: str) -> list[tuple[str, bool]]:
    """The words of a letter in pieces, and which of them are addresses."""
    pieces: list[tuple[str, bool]] = []
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        is_address = stripped.startswith(("http://localhost:", "http://127.0.0.1:")) and " " not in stripped
        pieces.append((stripped if is_address else line, is_address))
    return pieces
