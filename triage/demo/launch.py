"""The demo from the first check to the last process: servers, tables, history, the product, the phones."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console

from triage.demo.carrier import find_secret_key, write_carrier_file, write_secret
from triage.demo.child import CannotStart, Child, last_line, open_log
from triage.demo.folder import ENVIRONMENT_FILE, DataFolder
from triage.demo.greeting import Addresses, ready_block
from triage.demo.ports import find_port
from triage.demo.processes import Supervisor
from triage.demo.services import Database, Doorbell, start_database, start_doorbell

WEB_PORT, SIMULATOR_PORT = 8080, 8081
READY_WITHIN = 180.0
TRIES_BEFORE_READY = 3


class Stopped(Exception):
    """Somebody asked us to stop (Ctrl-C, SIGTERM, a closed terminal)."""


@dataclass(frozen=True)
class Options:
    """`port` None means the default one or the next that is free."""

    data: Path
    port: int | None = None
    reset: bool = False
    open_browser: bool = False
    phones: bool = True
    verbose: bool = False


@dataclass(frozen=True)
class Product:
    """The commands to run, each an argument list; `triage` itself unless a test brings its own."""

    triage: list[str] = field(default_factory=lambda: [sys.executable, "-m", "triage"])
    seed: list[str] = field(default_factory=lambda: [sys.executable, "-m", "triage.demo.seed"])


def launch(options: Options, product: Product, console: Console) -> None:
    """Return when somebody asked to stop and everything has stopped; raises CannotStart.

    To be called in the main thread, because it listens for signals.
    """
    with ExitStack() as closing:
        demo = _Demo(options, product, console, closing)
        try:
            demo.run()
        except Stopped:
            console.print("Stopping ...", highlight=False)
    console.print("Stopped; run it again to continue.", highlight=False)


class _Demo:
    def __init__(self, options: Options, product: Product, console: Console, closing: ExitStack) -> None:
        self._options = options
        self._product = product
        self._console = console
        self._closing = closing
        self._stopping = Event()
        self._hurried = Event()
        self._folder = DataFolder(options.data)
        self._log = self._folder.path / "demo.log"

    def run(self) -> None:
        began = time.monotonic()
        self._listen_for_signals()
        self._prepare_folder()
        addresses = self._find_addresses()
        database = self._database()
        doorbell = self._doorbell()
        environment = self._environment(addresses, database, doorbell)
        self._prepare_database(environment, database, addresses)
        supervisor = self._start_processes(environment, addresses)
        self._wait_until_ready(supervisor, addresses)
        servers = f"PostgreSQL {database.version} · Redis {doorbell.version}"
        self._greet(addresses, servers, time.monotonic() - began)
        while True:
            supervisor.tend()
            self._pause()

    def _listen_for_signals(self) -> None:
        def stop(_number: int, _frame: FrameType | None) -> None:
            if self._stopping.is_set():
                self._hurried.set()
            self._stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._closing.callback(signal.signal, number, signal.signal(number, stop))

    def _pause(self, seconds: float = 0.1) -> None:
        """The points at which we notice that we should stop; between them nothing is left half done."""
        if self._stopping.wait(seconds):
            raise Stopped

    def _prepare_folder(self) -> None:
        self._folder.hold()
        if self._options.reset:
            if os.environ.get("DATABASE_URL"):
                raise CannotStart(
                    "--reset does not empty a database of yours: "
                    "give DATABASE_URL a new one, or unset it to use the demo's own."
                )
            with self._step("Starting over"):
                self._folder.empty()

    def _find_addresses(self) -> Addresses:
        wanted = self._options.port
        web = find_port(wanted or WEB_PORT, explicit=wanted is not None)
        if wanted is None and web != WEB_PORT:
            self._console.print(f"Port {WEB_PORT} is taken: using {web}.", highlight=False)
        beside = SIMULATOR_PORT if wanted is None else web + 1
        phones = find_port(beside, explicit=False, taken=frozenset({web}))
        mail = find_port(phones + 1, explicit=False, taken=frozenset({web, phones}))
        addresses = Addresses(web, phones, mail)
        self._folder.note(f"process {os.getpid()}, {addresses.web}")
        return addresses

    def _database(self) -> Database:
        with self._step("PostgreSQL") as done:
            database = start_database(self._folder.path, os.environ, self._closing)
            done(f"PostgreSQL {database.version}{'' if database.server else ' (DATABASE_URL)'}")
        return database

    def _doorbell(self) -> Doorbell:
        with self._step("Redis") as done:
            doorbell = start_doorbell(self._folder.path, os.environ, self._closing)
            done(f"Redis {doorbell.version}{'' if doorbell.server else ' (REDIS_URL)'}")
        return doorbell

    def _environment(self, addresses: Addresses, database: Database, doorbell: Doorbell) -> dict[str, str]:
        """What the product's processes are told; what we do not decide stays as the caller set it."""
        key = os.environ.get("TRIAGE_SECRET_KEY") or find_secret_key(self._folder.path / "secret-key")
        decided = {
            "DATABASE_URL": database.url,
            "REDIS_URL": doorbell.url,
            "TRIAGE_ENVIRONMENT": "demo",
            "TRIAGE_HOST": "127.0.0.1",
            "TRIAGE_PORT": str(addresses.web_port),
            "TRIAGE_PUBLIC_URL": addresses.web,
            "TRIAGE_SECRET_KEY": key,
            # Also without phones: texts then wait for a carrier, and none reaches a real one.
            "TRIAGE_TWILIO_API_URL": addresses.phones,
            "TRIAGE_SIMULATOR_URL": addresses.phones if self._options.phones else "",
            "TRIAGE_SMTP_URL": f"smtp://localhost:{addresses.mail_port}" if self._options.phones else "",
            "TRIAGE_MAIL_FROM": "Triage demo <no-reply@localhost>",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "localhost,127.0.0.1"])),
            "PYTHONUNBUFFERED": "1",
        }
        # For `triage verify --data` and its like, which look at this demo from another shell.
        write_secret(self._folder.path / ENVIRONMENT_FILE, json.dumps(decided))
        defaults = {"TRIAGE_METRICS_PORT": "0", "TRIAGE_LOG_FORMAT": "console"}
        environment = {**defaults, **os.environ, **decided}
        # Only migrations get the owner's address.
        environment.pop("TRIAGE_MIGRATION_DATABASE_URL", None)
        return environment

    def _prepare_database(
        self, environment: Mapping[str, str], database: Database, addresses: Addresses
    ) -> None:
        carrier_file = self._folder.path / "carrier.json"
        write_carrier_file(carrier_file, product_url=addresses.web)
        with self._step("Tables"):
            owner = {**environment, "TRIAGE_MIGRATION_DATABASE_URL": database.migration_url}
            self._run_once("migrate", [*self._product.triage, "migrate"], owner)
        with self._step("Practices, patients, ten days of history"):
            self._run_once("seed", [*self._product.seed, str(carrier_file)], environment)

    def _run_once(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        log = self._folder.path / f"{name}.log"
        with open_log(log) as output:
            child = Child(command, output=output, cwd=Path.cwd(), env=environment)
        try:
            while child.is_running():
                self._pause(0.05)
        finally:
            child.stop()
        if child.exit_code() != 0:
            raise CannotStart(f"triage {name} failed: {last_line(log)} (the rest is in {log}).")

    def _start_processes(self, environment: Mapping[str, str], addresses: Addresses) -> Supervisor:
        echo = self._show_line if self._options.verbose else None
        supervisor = Supervisor(self._log, cwd=Path.cwd(), say=self._warn, echo=echo)
        self._closing.callback(supervisor.stop, impatient=self._hurried.is_set)
        for name, arguments in self._parts(addresses).items():
            supervisor.start(name, [*self._product.triage, *arguments], environment)
        return supervisor

    def _parts(self, addresses: Addresses) -> dict[str, list[str]]:
        parts = {
            "web": ["web"],
            "worker": ["worker", "--processes", "2", "--threads", "4"],
            "scheduler": ["scheduler"],
        }
        if self._options.phones:
            parts["simulator"] = [
                "simulator",
                "--port",
                str(addresses.phones_port),
                "--data",
                str(self._folder.path),
                "--product-url",
                addresses.web,
                "--mail-port",
                str(addresses.mail_port),
            ]
        return parts

    def _wait_until_ready(self, supervisor: Supervisor, addresses: Addresses) -> None:
        deadline = time.monotonic() + READY_WITHIN
        with self._step("Web, workers, scheduler" + (", phones" if self._options.phones else "")):
            while not self._is_ready(addresses):
                supervisor.tend()
                for name in self._parts(addresses):
                    if supervisor.crashes(name) >= TRIES_BEFORE_READY:
                        words = supervisor.last_words(name)
                        raise CannotStart(
                            f"triage {name} does not start: {words} (the rest is in {self._log})."
                        )
                if time.monotonic() > deadline:
                    raise CannotStart(
                        f"The product was not ready within {READY_WITHIN:.0f} s: {addresses.web}/readyz and "
                        f"{self._log} say why."
                    )
                self._pause()

    def _is_ready(self, addresses: Addresses) -> bool:
        return _answers(f"{addresses.web}/readyz") and (
            not self._options.phones or _answers(addresses.phones + "/")
        )

    def _greet(self, addresses: Addresses, servers: str, seconds: float) -> None:
        block = ready_block(
            addresses,
            phones=self._options.phones,
            data=self._folder.path,
            servers=servers,
            seconds=seconds,
        )
        self._console.print(block, highlight=False, soft_wrap=True)
        if self._options.open_browser:
            webbrowser.open(addresses.both if self._options.phones else addresses.web)

    @contextmanager
    def _step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Show what is under way and, once it is done, how long it took; the body may say it better."""
        said = name
        began = time.monotonic()

        def done(text: str) -> None:
            nonlocal said
            said = text

        with self._console.status(f"{name} ..."):
            yield done
        self._console.print(f"  [green]✓[/] {said} ({time.monotonic() - began:.1f} s)", highlight=False)

    def _show_line(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _warn(self, sentence: str) -> None:
        self._console.print(f"  [yellow]![/] {sentence} See {self._log}.", highlight=False, soft_wrap=True)


def _answers(url: str) -> bool:
    # Not through a proxy: the address is this machine's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
