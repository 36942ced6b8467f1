"""Keeps the product's processes running side by side, and gathers what they say."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triage.demo.child import Child, open_log, wait_until

# gunicorn and Dramatiq finish what they are at within 25 seconds of being asked to stop.
STOPPED_WITHIN = 30.0

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_AFTER = 20.0


@dataclass
class _Part:
    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    child: Child | None = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    start_again_at: float | None = None
    crashes: int = 0
    last_words: list[str] = field(default_factory=list)


class Supervisor:
    """`say` hears one sentence for each crash, `echo` (if given) each line that a process writes.

    Call `tend` a few times a second: it starts crashed processes again, each time a little later.
    """

    def __init__(
        self, log: Path, *, cwd: Path, say: Callable[[str], None], echo: Callable[[str], None] | None = None
    ) -> None:
        self._log = open_log(log)
        self._cwd = cwd
        self._say = say
        self._echo = echo
        self._writing = threading.Lock()
        self._parts: dict[str, _Part] = {}

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        part = self._parts[name] = _Part(name, command, env)
        self._launch(part)

    def tend(self) -> None:
        now = time.monotonic()
        for part in self._parts.values():
            if part.start_again_at is not None:
                if now >= part.start_again_at:
                    self._launch(part)
            elif part.child is not None and not part.child.is_running():
                self._plan_another_start(part, now)

    def pid(self, name: str) -> int | None:
        child = self._parts[name].child
        return child.pid if child is not None and child.is_running() else None

    def crashes(self, name: str) -> int:
        """How often it ended by itself since it last ran steadily."""
        return self._parts[name].crashes

    def last_words(self, name: str) -> str:
        """The last line it wrote before it ended."""
        spoken = (line for line in reversed(self._parts[name].last_words) if line.strip())
        return next(spoken, "it said nothing")

    def stop(self, *, impatient: Callable[[], bool] = lambda: False) -> None:
        """Ask all at once, wait for all (until `impatient`), end the rest for good. Safe to repeat."""
        children = [part.child for part in self._parts.values() if part.child is not None]
        for child in children:
            child.ask_to_stop()
        wait_until(
            lambda: impatient() or not any(child.is_running() for child in children),
            seconds=STOPPED_WITHIN,
        )
        for child in children:
            child.kill()
        for part in self._parts.values():
            if part.reader is not None:
                part.reader.join(timeout=1)
        self._parts.clear()

    def _launch(self, part: _Part) -> None:
        part.child = Child(part.command, output=subprocess.PIPE, cwd=self._cwd, env=part.env)
        part.started_at = time.monotonic()
        part.start_again_at = None
        part.reader = threading.Thread(target=self._gather, args=(part, part.child), daemon=True)
        part.reader.start()

    def _plan_another_start(self, part: _Part, now: float) -> None:
        assert part.child is not None
        part.crashes = 1 if now - part.started_at > STEADY_AFTER else part.crashes + 1
        pause = min(FIRST_PAUSE * 2 ** (part.crashes - 1), LONGEST_PAUSE)
        part.start_again_at = now + pause
        ended = _how_it_ended(part.child.exit_code())
        self._say(f"{part.name} {ended}; starting it again in {pause:g} s.")

    def _gather(self, part: _Part, child: Child) -> None:
        with child.output as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip("\n")
                part.last_words = [*part.last_words[-19:], text]
                self._write(f"{part.name:<9} | {text}")

    def _write(self, line: str) -> None:
        with self._writing:
            self._log.write(line.encode() + b"\n")
            self._log.flush()
            if self._echo is not None:
                self._echo(line)


def _how_it_ended(code: int | None) -> str:
    return f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
