"""One process that we start, in a process group of its own, and never leave behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypedDict

from triage.demo import guardian

LARGEST_LOG = 5_000_000


class CannotStart(Exception):
    """Something a person has to put right; the text is one sentence that says what and how."""


class Account(NamedTuple):
    """A user id and a group id of this machine."""

    user: int
    group: int


class _AsUser(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class Child:
    """A running process; `user` is the account it runs as, None for our own.

    The process leads its own group, so a Ctrl-C typed at the launcher reaches the launcher alone, which then
    stops its children in order, and stopping one child also stops what that child started.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        user: Account | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> None:
        self._stop_signal = stop_signal
        with open_log(log) as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if env is None else dict(env),
                process_group=0,
                **run_as(user),
            )
        guardian.guard(self.pid, stop_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self.exit_code() is None

    def exit_code(self) -> int | None:
        """None while it runs; below zero, the signal that ended it."""
        code = self._process.poll()
        if code is not None:
            guardian.release(self.pid)
        return code

    def signal(self, number: int) -> None:
        """To the whole group; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def stop(self, patience: float = 30.0) -> None:
        """Ask it to end, wait, and end it for good when it has not. Safe to repeat."""
        if not self.is_running():
            return
        self.signal(self._stop_signal)
        self.signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """End the process and its group at once, as a crash would."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        guardian.release(self.pid)


def run_as(user: Account | None) -> _AsUser:
    """Arguments that make `subprocess` drop to this user, with no other groups."""
    if user is None:
        return {}
    return {"user": user.user, "group": user.group, "extra_groups": []}


def open_log(path: Path) -> IO[bytes]:
    """Ready to be written at its end; a log that has grown large is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last thing a log says, for a sentence that explains a failure."""
    if not path.exists():
        return "it said nothing"
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def wait_until(happened: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Whether it happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
