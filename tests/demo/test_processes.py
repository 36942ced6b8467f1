"""The supervisor: crashed processes come back, stopped ones are gone with all they started."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.process_table import running
from triage.demo.child import wait_until
from triage.demo.processes import Supervisor

RUNS = "import threading; threading.Event().wait()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {RUNS}"


class Stage:
    """A supervisor with everything it said, and short Python programs to supervise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(folder / "demo.log", cwd=folder, say=self.said.append)

    def start(self, name: str, program: str) -> int:
        self.supervisor.start(name, [sys.executable, "-c", program], dict(os.environ))
        return self.pid(name)

    def pid(self, name: str) -> int:
        pid = self.supervisor.pid(name)
        assert pid is not None
        return pid

    def log(self) -> str:
        return (self.folder / "demo.log").read_text()

    def tend_until(self, happened: Callable[[], bool]) -> bool:
        def tended() -> bool:
            self.supervisor.tend()
            return happened()

        return wait_until(tended, seconds=20)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.supervisor.stop(impatient=lambda: True)


def test_what_each_process_writes_is_in_one_log_with_its_name(stage: Stage) -> None:
    stage.start("web", f"print('hello', flush=True); {RUNS}")
    stage.start("worker", f"import sys; print('good day', file=sys.stderr, flush=True); {RUNS}")

    assert wait_until(lambda: len(stage.log().splitlines()) == 2, seconds=20)
    assert sorted(stage.log().splitlines()) == ["web       | hello", "worker    | good day"]


def test_a_killed_process_is_started_again_and_somebody_is_told(stage: Stage) -> None:
    first = stage.start("worker", RUNS)

    os.kill(first, signal.SIGKILL)

    assert stage.tend_until(lambda: stage.supervisor.pid("worker") not in (None, first))
    assert stage.said == ["worker was ended by signal 9; starting it again in 0.5 s."]
    assert running({stage.pid("worker")})


def test_a_process_that_keeps_ending_is_started_ever_more_slowly(stage: Stage) -> None:
    stage.start("web", "print('no hat'); raise SystemExit(3)")

    assert stage.tend_until(lambda: stage.supervisor.crashes("web") == 3)
    assert stage.said == [
        f"web ended with code 3; starting it again in {pause} s." for pause in ("0.5", "1", "2")
    ]
    assert stage.supervisor.last_words("web") == "no hat"


def test_one_crash_leaves_the_others_alone(stage: Stage) -> None:
    web, worker = stage.start("web", RUNS), stage.start("worker", RUNS)

    os.kill(worker, signal.SIGKILL)

    assert stage.tend_until(lambda: stage.supervisor.pid("worker") not in (None, worker))
    assert stage.pid("web") == web


def test_when_a_leader_is_killed_what_it_had_started_ends_as_well(stage: Stage) -> None:
    note = stage.folder / "grandchild"
    leader = stage.start("worker", with_a_child(STUBBORN, note))
    assert wait_until(lambda: note.exists() and bool(note.read_text()), seconds=20)
    grandchild = int(note.read_text())

    os.kill(leader, signal.SIGKILL)

    assert stage.tend_until(lambda: not running({grandchild}))


def test_stopping_ends_all_with_what_they_started(stage: Stage) -> None:
    note = stage.folder / "grandchild"
    pids = {stage.start("web", RUNS), stage.start("worker", with_a_child(RUNS, note))}
    assert wait_until(lambda: note.exists() and bool(note.read_text()), seconds=20)
    pids.add(int(note.read_text()))

    stage.supervisor.stop()

    assert wait_until(lambda: not running(pids), seconds=20)


def test_processes_of_a_process_are_asked_to_stop_once_by_their_own_leader(stage: Stage) -> None:
    """Asked twice, a Dramatiq worker drops what it is at; this one waits a second for the second time."""
    counts = (
        "import signal, threading; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); "
        "print('here', flush=True); signal.pause(); threading.Event().wait(1)"
    )
    forwards = "; ".join(
        [
            "import signal, subprocess, sys",
            f"child = subprocess.Popen([sys.executable, '-c', {counts!r}])",
            "signal.signal(signal.SIGTERM, lambda *_: child.terminate())",
            "child.wait()",
        ]
    )
    stage.start("worker", forwards)
    assert wait_until(lambda: "here" in stage.log(), seconds=20)

    stage.supervisor.stop()

    assert stage.log().count("asked") == 1


def test_whoever_hurries_ends_a_process_that_does_not_listen(stage: Stage) -> None:
    pid = stage.start("web", STUBBORN)
    assert wait_until(lambda: "deaf" in stage.log(), seconds=20)

    stage.supervisor.stop(impatient=lambda: True)

    assert not running({pid})


def with_a_child(program: str, note: Path) -> str:
    """A program that starts another one in its own group, notes its process id and waits."""
    return "; ".join(
        [
            "import subprocess, sys, pathlib",
            f"child = subprocess.Popen([sys.executable, '-c', {program!r}])",
            f"pathlib.Path({str(note)!r}).write_text(str(child.pid))",
            RUNS,
        ]
    )
