"""The web server: gunicorn with threads, set up from our settings."""

import os
import threading
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import message
from prometheus_client import CollectorRegistry, multiprocess, start_http_server

from triage import runtime
from triage.config import Settings, settings
from triage.kit import logs, memory
from triage.web import live

log = logs.logger(__name__)

# The carrier gives up after 15 seconds; a worker that hangs longer than this is replaced.
WORKER_TIMEOUT = 60
GRACE_SECONDS = 20
# A carrier that uses GET puts a whole text into the request line: 1600 signs, each up to twelve bytes.
LONGEST_REQUEST_LINE = 64 * 1024
# gunicorn takes any limit above its own for its own, and none at all for no bound: a line without an end would
# then be read, and copied, until the memory is used up.
message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines go the way of all others."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, without a configuration file."""

    def __init__(self, given: Settings) -> None:
        self._settings = given
        super().__init__()

    def load_config(self) -> None:
        for name, value in _options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Once, before the processes part, so that they share it."""
        from triage.app import create_app

        app = create_app()
        memory.share()
        return app


def _options(given: Settings) -> dict[str, Any]:
    return {
        "bind": f"{given.host}:{given.port}",
        "workers": given.web_workers,
        "preload_app": True,
        "worker_class": "gthread",
        "threads": given.web_threads,
        "timeout": WORKER_TIMEOUT,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": 30,
        "control_socket_disable": True,
        "limit_request_line": LONGEST_REQUEST_LINE,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "logger_class": Logger,
        "post_fork": _connect,
        "post_worker_init": _watch_ending,
        "child_exit": _forget_metrics,
        "forwarded_allow_ips": "127.0.0.1",
    }


def _connect(_server: Any, _worker: Any) -> None:
    runtime.connect(settings())


def _watch_ending(worker: Any) -> None:
    """Streams end as soon as the worker is told to stop; without this a deploy waits for every open page."""

    def watch() -> None:
        waiter = threading.Event()
        while worker.alive:
            waiter.wait(0.2)
        live.end_streams()

    threading.Thread(target=watch, name="ending", daemon=True).start()


def _forget_metrics(_server: Any, worker: Any) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)


def run() -> None:
    """Serve until SIGTERM. Starts the metrics' own port where one is set."""
    memory.give_back()
    given = settings()
    logs.configure(json=given.log_format == "json", level=given.log_level)
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if given.metrics_port and folder:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=folder)
        start_http_server(given.metrics_port, addr=given.metrics_host, registry=registry)
    log.info("web starts", port=given.port, host=given.host, environment=given.environment)
    Server(given).run()
