"""A PostgreSQL server of our own, real and safe to crash, on a socket that only we can open."""

import locale
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from triage.demo.binaries import Program, find_postgres
from triage.demo.child import CannotStart, Child, last_line, open_log, run_as, wait_until
from triage.demo.place import Place, find_place, forget_place

OWNER = "triage_owner"
APPLICATION = "triage_app"
ADMINISTRATOR = "postgres"
DATABASE = "triage"

READY_WITHIN = 60.0
STOPPED_WITHIN = 30.0

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "max_connections": "200",
    "jit": "off",
    # What a statement or a refused row contains belongs to patients and stays out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


class PostgresServer:
    """One cluster, its two roles and its database `triage`.

    `triage_owner` owns the database and runs migrations; `triage_app` owns nothing and may read and write
    the rows of the owner's tables. `settings` are further server settings, for tests.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self._settings = {**SETTINGS, **(settings or {})}
        self._child: Child | None = None
        self._found: Program | None = None
        self._place: Place | None = None
        self._temporary = False

    @classmethod
    def temporary(cls, *, settings: Mapping[str, str] | None = None) -> "PostgresServer":
        """In a new folder, which `close` removes."""
        server = cls(Path(tempfile.mkdtemp(prefix="triage-")), settings=settings)
        server._temporary = True
        return server

    @property
    def version(self) -> str:
        return self._program().version

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return self._running().pid

    def url(self, role: str = APPLICATION, database: str = DATABASE) -> str:
        """For SQLAlchemy; the same before and after a restart."""
        return f"postgresql+psycopg://{role}@/{database}?host={quote(str(self._where().socket), safe='')}"

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def start(self) -> None:
        """Return when roles and database can be used; raises CannotStart. Safe after `kill`."""
        if self.is_running():
            return
        place = self._where()
        self._refuse_another_version(place)
        self._end_a_server_left_behind(place)
        if not place.cluster.exists():
            self._make_cluster(place)
        self._start_postmaster(place)
        self._make_roles()
        if not self._has_database(DATABASE):
            self.create_database(DATABASE)

    def stop(self) -> None:
        """Disconnect everybody and shut down in order. Safe to repeat."""
        if self._child is not None:
            self._child.stop(STOPPED_WITHIN)

    def kill(self) -> None:
        """End the postmaster at once, as a crash would; its own children notice and follow."""
        self._running().kill()

    def close(self) -> None:
        """Stop, and remove what a temporary server leaves on the disk."""
        self.stop()
        if self._temporary:
            forget_place(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Owned by triage_owner; a copy of `template` (to which nobody may be connected), else empty."""
        with self._connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template0")
                )
            )
        if template is None:
            self._grant_default_powers(name)

    def drop_database(self, name: str) -> None:
        """Also when somebody is connected, also when there is none."""
        with self._connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def remove(self) -> None:
        """Stop, and delete the cluster and everything else that this data folder caused anywhere."""
        self.stop()
        if self.folder.exists():
            self._end_a_server_left_behind(self._where())
        forget_place(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._place = None

    def _running(self) -> Child:
        if self._child is None:
            raise CannotStart("PostgreSQL has not been started.")
        return self._child

    def _program(self) -> Program:
        self._found = self._found or find_postgres()
        return self._found

    def _where(self) -> Place:
        self._place = self._place or find_place(self.folder, self._program(), temporary=self._temporary)
        return self._place

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    def _refuse_another_version(self, place: Place) -> None:
        marker = place.cluster / "PG_VERSION"
        if not marker.exists():
            return
        made_by, found = marker.read_text().strip(), str(self._program().numbers[0])
        if made_by != found:
            raise CannotStart(
                f"The database in {self.folder} was made by PostgreSQL {made_by}, and the one found here is "
                f"{self._program()}: start over with --reset, or set DATABASE_URL."
            )

    def _end_a_server_left_behind(self, place: Place) -> None:
        """One whose launcher and guardian were both killed would still hold the cluster."""
        if (place.cluster / "postmaster.pid").exists():
            self._run(
                place, "pg_ctl", "stop", "-D", place.cluster, "-m", "fast", "-s", "-t", "30", check=False
            )

    def _make_cluster(self, place: Place) -> None:
        """In one step: an initdb that was interrupted leaves nothing that looks like a cluster."""
        unfinished = place.cluster.with_name("unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            place,
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={ADMINISTRATOR}",
            "--auth=trust",
            "--encoding=UTF8",
            *self._locale_options(),
        )
        unfinished.rename(place.cluster)

    def _locale_options(self) -> list[str]:
        """The same order of text on every machine, by code point; names are sorted by a key of their own."""
        name = "C.UTF-8" if _has_locale("C.UTF-8") else "C"
        if self._program().numbers[0] >= 17:
            return [f"--locale={name}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [f"--locale={name}"]

    def _run(self, place: Place, tool: str, *arguments: str | Path, check: bool = True) -> None:
        # In a group of its own: a Ctrl-C is for us, and what is half set up is finished before we stop.
        done = subprocess.run(
            [place.programs / tool, *arguments],
            cwd=place.home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
            **run_as(place.account),
        )
        if check and done.returncode != 0:
            problem = _problem_in(done.stdout).removeprefix(f"{tool}: ").rstrip(".")
            raise CannotStart(f"PostgreSQL could not be set up in {place.home}: {problem}.")

    def _start_postmaster(self, place: Place) -> None:
        """Tries again while children of a killed postmaster still hold its shared memory."""
        problem = ""

        def started() -> bool:
            nonlocal problem
            child = self._child = self._spawn(place)
            wait_until(lambda: _is_ready(place, child.pid) or not child.is_running(), seconds=READY_WITHIN)
            problem = last_line(self._log)
            return child.is_running()

        if not wait_until(started, seconds=READY_WITHIN, every=0.2):
            raise CannotStart(f"PostgreSQL did not start: {problem}. Its log is {self._log}.")

    def _spawn(self, place: Place) -> Child:
        with open_log(self._log) as output:
            return Child(
                [place.programs / "postgres", "-D", place.cluster, *self._options(place)],
                output=output,
                cwd=place.home,
                env=_environment(),
                account=place.account,
                stop_signal=signal.SIGINT,
            )

    def _options(self, place: Place) -> list[str]:
        settings = {**self._settings, "unix_socket_directories": str(place.socket)}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._where().socket),
            user=ADMINISTRATOR,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def _make_roles(self) -> None:
        with self._connect() as connection:
            found = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (OWNER, APPLICATION):
                if role not in found:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))

    def _has_database(self, name: str) -> bool:
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return found is not None

    def _grant_default_powers(self, database: str) -> None:
        """What the owner will make there, the application may use: rows yes, tables no."""
        grants = (
            "SELECT, INSERT, UPDATE, DELETE ON TABLES",
            "USAGE, SELECT, UPDATE ON SEQUENCES",
            "EXECUTE ON FUNCTIONS",
        )
        with self._connect(database) as connection:
            for grant in grants:
                connection.execute(
                    sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} TO {}").format(
                        sql.Identifier(OWNER), sql.SQL(grant), sql.Identifier(APPLICATION)
                    )
                )


def _is_ready(place: Place, pid: int) -> bool:
    """The postmaster writes its process id into the first line of a file and its state into the last."""
    try:
        lines = (place.cluster / "postmaster.pid").read_text().split()
    except OSError:
        return False
    return lines[:1] == [str(pid)] and lines[-1] == "ready"


def _problem_in(output: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    problems = [line for line in lines if "error:" in line or "FATAL:" in line]
    return (problems or lines[-1:] or ["it said nothing"])[0]


def _environment() -> dict[str, str]:
    """Nothing of ours that PostgreSQL could take for a setting of its own."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return True
