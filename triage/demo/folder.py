"""The demo's data folder: one launcher at a time, and a way to start over."""

import fcntl
import os
import shutil
from pathlib import Path

from triage.demo.child import CannotStart
from triage.demo.postgres import PostgresServer
from triage.demo.redis import RedisServer

LOCK = "running"
ENVIRONMENT_FILE = "environment.json"

# Only a folder that holds one of these, or nothing, is ours to empty.
SIGNS = (LOCK, "postgres", "secret-key", "carrier.json")


class DataFolder:
    """Held by one launcher from `hold` until that process ends, in whatever way."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def hold(self) -> None:
        """Raises CannotStart when another launcher holds it, or when it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = open(self.path / LOCK, "a+", encoding="utf-8")  # noqa: SIM115 - held until we end
        except OSError as problem:
            raise CannotStart(f"The data folder {self.path} cannot be used: {problem.strerror}.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            who = self._lock.read().strip() or "another process"
            raise CannotStart(
                f"A demo already runs on {self.path} ({who}): "
                "stop it first, or choose another folder with --data."
            ) from None
        self.note(f"process {os.getpid()}")

    def note(self, who: str) -> None:
        """What a second launcher is told about us."""
        self._lock.truncate(0)
        self._lock.write(who)
        self._lock.flush()

    def empty(self) -> None:
        """Forget everything, also what lies elsewhere for this folder. It must be held."""
        found = {entry.name for entry in self.path.iterdir()} - {LOCK}
        if found and not found & set(SIGNS):
            raise CannotStart(
                f"{self.path} does not look like a data folder of the demo: nothing was deleted."
            )
        if "postgres" in found:
            PostgresServer(self.path / "postgres").remove()
        if "redis" in found:
            RedisServer(self.path / "redis").remove()
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
