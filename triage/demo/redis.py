"""A Redis server of our own: the demo's and the tests' doorbell, on a socket that only we can open."""

import contextlib
import shutil
import signal
import tempfile
from pathlib import Path
from urllib.parse import quote

import redis

from triage.demo.binaries import Program, find_redis
from triage.demo.child import CannotStart, Child, last_line, open_log, wait_until
from triage.demo.sockets import short_folder

READY_WITHIN = 20.0


class RedisServer:
    """Keeps its data in `folder`; with `persistence=False` (chaos, quick tests) it forgets when it ends."""

    def __init__(self, folder: Path, *, persistence: bool = True) -> None:
        self.folder = folder.absolute()
        self.persistence = persistence
        self._child: Child | None = None
        self._program: Program | None = None
        self._temporary = False

    @classmethod
    def temporary(cls, *, persistence: bool = True) -> "RedisServer":
        """In a new folder, which `close` removes."""
        server = cls(Path(tempfile.mkdtemp(prefix="triage-")), persistence=persistence)
        server._temporary = True
        return server

    @property
    def version(self) -> str:
        return self._find_program().version

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def pid(self) -> int:
        return self._running().pid

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def start(self) -> None:
        """Return when it answers; raises CannotStart. After `kill` it finds what it had kept."""
        if self.is_running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._end_a_server_left_behind()
        child = self._child = self._spawn()
        wait_until(lambda: self._answers() or not child.is_running(), seconds=READY_WITHIN)
        if not self._answers():
            self.stop()
            raise CannotStart(f"Redis did not start: {last_line(self._log)}. Its log is {self._log}.")

    def _spawn(self) -> Child:
        with open_log(self._log) as output:
            return Child(self._command(), output=output, cwd=self.folder)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def close(self) -> None:
        """Stop, and remove what a temporary server leaves on the disk."""
        self.stop()
        shutil.rmtree(self._socket.parent, ignore_errors=True)
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def remove(self) -> None:
        """Stop, and forget everything it kept."""
        self.stop()
        if self.folder.exists():
            self._end_a_server_left_behind()
            shutil.rmtree(self._socket.parent, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._running().kill()

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().signal(signal.SIGCONT)

    @property
    def _socket(self) -> Path:
        return short_folder(self.folder) / "redis.sock"

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"

    def _running(self) -> Child:
        if self._child is None:
            raise CannotStart("Redis has not been started.")
        return self._child

    def _find_program(self) -> Program:
        self._program = self._program or find_redis()
        return self._program

    def _command(self) -> list[str | Path]:
        options: dict[str, str | Path] = {
            "port": "0",
            "unixsocket": self._socket,
            "unixsocketperm": "700",
            "dir": self.folder,
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.persistence else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        command: list[str | Path] = [self._find_program().path]
        for name, value in options.items():
            command += [f"--{name}", value]
        return command

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _end_a_server_left_behind(self) -> None:
        """One whose launcher and guardian were both killed would still hold our socket and our files."""
        client = redis.Redis.from_url(self.url, socket_timeout=1)
        with client, contextlib.suppress(redis.RedisError):
            client.shutdown(nosave=True)
