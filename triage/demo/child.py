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
    """A running process; `account` is whom it runs as, None for ourselves.

    The process leads its own group, so a Ctrl-C typed at the launcher reaches the launcher alone, which then
    stops its children in order. When the leader ends, whatever it started and left in its group ends too.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        output: IO[bytes] | int,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> None:
        self._stop_signal = stop_signal
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else dict(env),
            process_group=0,
            **run_as(account),
        )
        guardian.guard(self.pid, stop_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it says, when it was started with a pipe."""
        assert self._process.stdout is not None
        return self._process.stdout

    def is_running(self) -> bool:
        return self.exit_code() is None

    def exit_code(self) -> int | None:
        """None while it runs; below zero, the signal that ended it."""
        if self._process.returncode is None and self._process.poll() is not None:
            self._bury()
        return self._process.returncode

    def signal(self, number: int) -> None:
        """To the whole group; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def ask_to_stop(self) -> None:
        """Only the leader, which asks its own children: a Dramatiq worker asked twice drops what it is at."""
        if self.is_running():
            os.kill(self.pid, self._stop_signal)
            # A process that was paused hears nothing before it goes on.
            self.signal(signal.SIGCONT)

    def stop(self, patience: float = 30.0) -> None:
        """Ask it to end, wait, and end it for good when it has not. Safe to repeat."""
        self.ask_to_stop()
        wait_until(lambda: not self.is_running(), seconds=patience)
        self.kill()

    def kill(self) -> None:
        """End the process and its group at once, as a crash would."""
        if self.is_running():
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._bury()

    def _bury(self) -> None:
        self.signal(signal.SIGKILL)
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
