"""Running the pretend carrier as a process, or as a thread of a test."""

import ctypes
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from werkzeug.serving import WSGIRequestHandler, make_server

from triage.simulator.app import close, create_app
from triage.simulator.carrier import Carrier
from triage.simulator.directory import CarrierFile, read_file, write_starter_file

ADDRESS_FILE = "simulator.json"

_PATIENCE = 1.5
_PR_SET_PDEATHSIG = 1


def serve(
    *,
    host: str,
    port: int,
    data: Path,
    config: Path | None = None,
    product_url: str,
    url: str = "",
    memory: bool = False,
    threads: int = 128,
    mail_port: int = 0,
) -> None:
    """Runs until it is told to stop; `data` then says where it is reached, for as long as it is.

    Without a `config` file the one of the data folder is taken, and made if need be. With `memory` nothing is
    kept, for measurements. `mail_port` is where letters are caught. `url` is where the product reaches it, when that is not this host and port. Raises
    ValueError with one sentence when the file is wrong or the port is taken.
    """
    data.mkdir(parents=True, exist_ok=True)
    config = config or data / "carrier.json"
    if not config.exists():
        write_starter_file(config, product_url)
    content = read_file(config)
    _check_free(host, port)
    here = f"http://{'localhost' if host in {'127.0.0.1', '::1', '0.0.0.0'} else host}:{port}"
    _Process(
        _Plan(host, port, data, content, url or here, here, product_url, memory, threads, mail_port)
    ).run()


def _check_free(host: str, port: int) -> None:
    """Waits a little: off Linux a killed carrier's second process holds the port for a moment longer."""
    deadline = time.monotonic() + _PATIENCE
    while (problem := _why_not_free(host, port)) is not None:
        if time.monotonic() > deadline:
            raise ValueError(f"Cannot listen on {host}:{port}: {problem}.")
        time.sleep(0.1)


def _why_not_free(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.strerror
    return None


@dataclass(frozen=True)
class _Plan:
    host: str
    port: int
    data: Path
    content: CarrierFile
    url: str
    here: str
    product_url: str
    memory: bool
    threads: int
    mail_port: int


class _Process(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One worker with many threads: the carrier's time-table lives in it."""

    def __init__(self, plan: _Plan) -> None:
        self.plan = plan
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"{self.plan.host}:{self.plan.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self.plan.threads,
            "keepalive": 75,
            "graceful_timeout": 2,
            "timeout": 60,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_fork": _die_with_parent,
            "when_ready": self._ready,
            "on_exit": self._exit,
            "worker_exit": self._worker_exit,
            "limit_request_line": 0,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # Work goes from thread to thread in tiny pieces here; the usual 5 ms would be most of a text's time.
        sys.setswitchinterval(0.001)
        plan = self.plan
        self.app = create_app(
            data=None if plan.memory else plan.data,
            content=plan.content,
            url=plan.url,
            product_url=plan.product_url,
            mail_port=plan.mail_port,
        )
        return self.app

    def _ready(self, _arbiter: Any) -> None:
        address = {"url": self.plan.here}
        (self.plan.data / ADDRESS_FILE).write_text(json.dumps(address) + "\n", encoding="utf-8")

    def _exit(self, _arbiter: Any) -> None:
        (self.plan.data / ADDRESS_FILE).unlink(missing_ok=True)

    def _worker_exit(self, _arbiter: Any, _worker: Any) -> None:
        if hasattr(self, "app"):
            self.app.extensions["mailbox"].close()
            close(self.app.extensions["carrier"])


def _die_with_parent(_arbiter: Any, _worker: Any) -> None:
    """A worker that outlives its killed parent would go on answering beside the next carrier."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True)
class Running:
    """A carrier in a thread of this process."""

    url: str
    carrier: Carrier


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: a request line may carry what a patient wrote."""


@contextmanager
def running(
    content: CarrierFile,
    *,
    data: Path | None = None,
    product_url: str = "http://localhost:8080",
    port: int = 0,
) -> Iterator[Running]:
    """A carrier on a free port for as long as the block lasts, in memory unless `data` is given."""
    app: Flask | None = None

    def application(environ: Any, start_response: Any) -> Any:
        assert app is not None
        return app(environ, start_response)

    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Quiet)
    url = f"http://localhost:{server.server_port}"
    app = create_app(data=data, content=content, url=url, product_url=product_url, threads=8)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield Running(url, app.extensions["carrier"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close(app.extensions["carrier"])
