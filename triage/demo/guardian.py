"""A last pair of hands: ends our processes when the program that started them is gone, however it went.

A program that is killed outright (`kill -9`, out of memory) cannot clean up after itself. So a tiny process
of its own waits at the end of a pipe that only that program holds open: when the pipe closes, it ends every
process group it was told about. This works on every Unix, and unlike Linux' parent-death signal it does not
depend on which thread started the child.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time

# Workers finish what they are at within 25 seconds.
PATIENCE = 30.0


class _Guardian:
    """What this program has under guard, and the pipe to the process that guards it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._guarded: dict[int, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def guard(self, group: int, stop_signal: int) -> None:
        with self._lock:
            self._guarded[group] = stop_signal
            self._tell(f"guard {group} {stop_signal}")

    def release(self, group: int) -> None:
        with self._lock:
            self._guarded.pop(group, None)
            if self._process is not None:
                self._tell(f"release {group}")

    def close_pipe(self) -> None:
        """In a forked copy of this program: drop its hold on the pipe, and its hold on nothing else."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.returncode = 0
        self._guarded.clear()
        self._lock = threading.RLock()
        self._owner = os.getpid()

    def end(self) -> None:
        with self._lock:
            if self._process is None or self._owner != os.getpid():
                return
            process, self._process = self._process, None
            if process.stdin is not None:
                process.stdin.close()
            process.wait()

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = _start()
            for group, stop_signal in self._guarded.items():
                self._write(f"guard {group} {stop_signal}")
        self._write(line)

    def _write(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")


_guardian = _Guardian()
os.register_at_fork(after_in_child=_guardian.close_pipe)
atexit.register(_guardian.end)


def guard(group: int, stop_signal: int = signal.SIGTERM) -> None:
    """End this process group (politely, then for good) should this program vanish."""
    _guardian.guard(group, stop_signal)


def release(group: int) -> None:
    """This process group has ended; its number may come to mean somebody else."""
    _guardian.release(group)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
        cwd="/",
    )


def _watch() -> None:
    """The guardian's own life: listen until the pipe closes, then end what is still under guard."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guarded: dict[int, int] = {}
    for line in sys.stdin.buffer:
        match line.split():
            case [b"guard", group, stop_signal]:
                guarded[int(group)] = int(stop_signal)
            case [b"release", group]:
                guarded.pop(int(group), None)
    _end_groups(guarded)


def _end_groups(guarded: dict[int, int]) -> None:
    for leader, stop_signal in guarded.items():
        _ask_to_stop(leader, stop_signal)
        _send(leader, signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE
    while any(_send(group, 0) for group in guarded) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in guarded:
        _send(group, signal.SIGKILL)


def _ask_to_stop(leader: int, stop_signal: int) -> None:
    """The leader alone, which asks its own children: a Dramatiq worker asked twice drops what it is at."""
    try:
        os.kill(leader, stop_signal)
    except (ProcessLookupError, PermissionError):
        _send(leader, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    _watch()
