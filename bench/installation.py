"""A whole installation on this machine, made of the real parts: servers, carrier, web, workers, scheduler.

Stories, measurements and the kill run use it. Everything listens on loopback or a socket, and ends with it.
"""

import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from triage.demo.child import wait_until
from triage.demo.ports import find_port
from triage.demo.postgres import APPLICATION, OWNER, PostgresServer
from triage.demo.processes import Supervisor
from triage.demo.redis import RedisServer
from triage.kit import schema

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 60.0
TEND_SECONDS = 0.05
CARRIER, WEB, SCHEDULER = "carrier", "web", "scheduler"
WORKERS = ("worker-1", "worker-2")

Populate = Callable[[Session], None]


class Installation(AbstractContextManager["Installation"]):
    """`carrier_accounts` is the content of the carrier file's `accounts`, without addresses.

    `database_url` is a database that is migrated and filled already; without it one is made on a server of
    its own, which can be killed, and filled by `populate`. `with_phones` shows the phones beside the inbox. There are
    always two worker processes: `workers_apart` under a parent each, so that one can be killed alone.
    """

    def __init__(
        self,
        *,
        secret_key: str,
        carrier_accounts: list[dict[str, Any]],
        populate: Populate | None = None,
        database_url: str | None = None,
        settings: Mapping[str, str] | None = None,
        redis_keeps: bool = False,
        worker_threads: int = 4,
        workers_apart: bool = True,
        web_workers: int = 2,
        carrier_in_memory: bool = False,
        webhook_overrides: str = "",
        without_ticks: tuple[str, ...] = (),
        with_scheduler: bool = True,
        with_phones: bool = False,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self._closing = ExitStack()
        self.folder = Path(self._closing.enter_context(TemporaryDirectory(prefix="triage-run-")))
        self._given_url = database_url
        self.postgres = PostgresServer.temporary(settings=postgres_settings)
        self.redis = RedisServer.temporary(persistence=redis_keeps)
        self._populate = populate
        self._accounts = carrier_accounts
        self._threads = worker_threads
        self._workers_apart = workers_apart
        self._in_memory = carrier_in_memory
        self._webhook_overrides = webhook_overrides
        self._without = without_ticks
        self._with_scheduler = with_scheduler
        # Somewhere: several installations may look for a port at the same moment.
        self.web_port = find_port(18080 + 2 * secrets.randbelow(5000), explicit=False)
        self.carrier_port = find_port(self.web_port + 1, explicit=False, taken=frozenset({self.web_port}))
        self.mail_port = find_port(
            self.carrier_port + 1, explicit=False, taken=frozenset({self.web_port, self.carrier_port})
        )
        self.web_url = f"http://localhost:{self.web_port}"
        self.carrier_url = f"http://localhost:{self.carrier_port}"
        self._secret_key = secret_key
        self._settings = {"TRIAGE_WEB_WORKERS": str(web_workers), **(settings or {})}
        if with_phones:
            self._settings["TRIAGE_SIMULATOR_URL"] = self.carrier_url
        self._stop_tending = threading.Event()
        self._lock = threading.Lock()
        self.supervisor: Supervisor | None = None

    def __enter__(self) -> "Installation":
        try:
            self._start_servers()
            self._start_processes()
            self.wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_tending.set()
        if self.supervisor is not None:
            with self._lock:
                self.supervisor.stop()
        self.redis.close()
        self.postgres.close()
        self._closing.close()

    @property
    def database_url(self) -> str:
        return self._given_url or self.postgres.url(APPLICATION)

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the product is told."""
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "TRIAGE_ENVIRONMENT": "test",
            "TRIAGE_PORT": str(self.web_port),
            "TRIAGE_PUBLIC_URL": self.web_url,
            "TRIAGE_SECRET_KEY": self._secret_key,
            "TRIAGE_TWILIO_API_URL": self.carrier_url,
            "TRIAGE_SMTP_URL": f"smtp://localhost:{self.mail_port}",
            "TRIAGE_RECONCILE_SETTLE_SECONDS": "2",
            "TRIAGE_RECONCILE_EVERY_SECONDS": "5",
            "TRIAGE_LOG_LEVEL": "warning",
            "NO_PROXY": "localhost,127.0.0.1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
            **self._settings,
        }

    @property
    def log(self) -> Path:
        return self.folder / "processes.log"

    def _start_servers(self) -> None:
        if self._given_url is None:
            self.postgres.start()
            schema.upgrade(self.postgres.url(OWNER))
            if self._populate is not None:
                with self.session() as session:
                    self._populate(session)
        self.redis.start()

    def _start_processes(self) -> None:
        self.supervisor = Supervisor(self.log, cwd=ROOT, say=lambda _sentence: None)
        self._write_carrier_file()
        for name, command in self._commands().items():
            self.supervisor.start(name, [sys.executable, "-m", "triage", *command], self.environment)
        threading.Thread(target=self._tend, name="tend", daemon=True).start()

    def _write_carrier_file(self) -> None:
        webhook = f"{self.web_url}/webhooks/twilio/messages{self._webhook_overrides}"
        accounts = [{"sms_url": webhook, "sms_method": "POST", **account} for account in self._accounts]
        content = {"accounts": accounts, "phones": []}
        (self.folder / "carrier.json").write_text(json.dumps(content))

    def _commands(self) -> dict[str, list[str]]:
        carrier = ["simulator", "--port", str(self.carrier_port), "--data", str(self.folder)]
        carrier += ["--product-url", self.web_url, "--mail-port", str(self.mail_port)]
        if self._in_memory:
            carrier.append("--memory")
        ticks = [part for tick in self._without for part in ("--without", tick)]
        names = WORKERS if self._workers_apart else WORKERS[:1]
        worker = ["worker", "--processes", str(3 - len(names)), "--threads", str(self._threads)]
        commands = {CARRIER: carrier, WEB: ["web"], **dict.fromkeys(names, worker)}
        if self._with_scheduler:
            commands[SCHEDULER] = ["scheduler", *ticks]
        return commands

    def _tend(self) -> None:
        while not self._stop_tending.wait(TEND_SECONDS):
            with self._lock:
                if not self._stop_tending.is_set() and self.supervisor is not None:
                    self.supervisor.tend()

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the processes that it runs, servers aside."""
        return tuple(self._commands())

    def pid(self, name: str) -> int | None:
        assert self.supervisor is not None
        return self.supervisor.pid(name)

    def kill(self, name: str) -> bool:
        """`kill -9` to one process and all it started; it is started again. False where it was not running."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.killpg(pid, 9)
        except ProcessLookupError:
            return False
        return True

    def kill_redis(self) -> None:
        """With everything it holds: nothing of it was on disk."""
        self.redis.kill()
        self.redis.start()

    def kill_postgres(self) -> None:
        self.postgres.kill()
        self.postgres.start()

    def wait_until_ready(self) -> None:
        """Raises `TimeoutError` with the last lines of the log."""
        checks: dict[str, bool] = {}

        def is_ready() -> bool:
            nonlocal checks
            try:
                checks = httpx.get(f"{self.web_url}/readyz", timeout=2).json()["checks"]
                carrier = httpx.get(f"{self.carrier_url}/_control/faults", timeout=2).status_code == 200
            except (httpx.HTTPError, ValueError, KeyError):
                return False
            return carrier and all(
                holds for name, holds in checks.items() if self._with_scheduler or name != "scheduler"
            )

        if not wait_until(is_ready, seconds=READY_WITHIN, every=0.1):
            tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            raise TimeoutError(f"not ready: {checks}\n{tail}")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction on the installation's database."""
        engine = create_engine(self.database_url, pool_pre_ping=True)
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session
        finally:
            engine.dispose()

    def text(self, body: str, *, from_number: str, to_number: str, **more: Any) -> str:
        """A patient sends a text; returns its SID."""
        answer = self.control("POST", "texts", {"from": from_number, "to": to_number, "body": body, **more})
        return str(answer["sid"])

    def control(self, method: str, path: str, content: Any = None) -> dict[str, Any]:
        """Ask the simulated carrier's own controls."""
        answer = httpx.request(method, f"{self.carrier_url}/_control/{path}", json=content, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def new_secret_key() -> str:
    return secrets.token_urlsafe(48)
