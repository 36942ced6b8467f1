"""`triage demo` as a person sees it: with real servers, and a stand-in for the product's own processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo.process_table import descendants, running
from triage.demo.child import wait_until
from triage.demo.folder import DataFolder

PROGRAM = Path(__file__).with_name("run_stand_in.py")
READY = "Ctrl-C stops everything"


class Demo:
    """One run of the command in a process of its own."""

    def __init__(self, data: Path, *arguments: str, settings: dict[str, str]) -> None:
        self.said_in = data.parent / "said"
        self.said_in.unlink(missing_ok=True)
        with self.said_in.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), "--data", str(data), *arguments],
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2]), **settings},
                start_new_session=True,
            )

    def said(self) -> str:
        return self.said_in.read_text()

    def wait_until_ready(self) -> "Demo":
        assert wait_until(lambda: READY in self.said() or self.process.poll() is not None, seconds=60)
        assert READY in self.said(), self.said()
        return self

    def everything_it_started(self) -> set[int]:
        return descendants(self.process.pid)

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        return self.said()

    def fails(self) -> str:
        assert self.process.wait(60) == 1, self.said()
        return self.said()


class Stage:
    """A data folder, a free port and notes of the stand-in's processes."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "demo"
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.port = a_free_port()
        self.runs: list[Demo] = []

    def demo(self, *arguments: str, **settings: str) -> Demo:
        demo = Demo(
            self.data,
            "--port",
            str(self.port),
            *arguments,
            settings={"STAND_IN_NOTES": str(self.notes), **settings},
        )
        self.runs.append(demo)
        return demo

    def pids(self, name: str) -> list[int]:
        note = self.notes / name
        return [int(line) for line in note.read_text().split()] if note.exists() else []

    def settings(self, name: str) -> list[str]:
        return (self.notes / f"{name}.settings").read_text().split("\n")

    def clean(self) -> None:
        for demo in self.runs:
            if demo.process.poll() is None:
                demo.process.terminate()
                demo.process.wait(60)
        folder = DataFolder(self.data)
        folder.hold()
        folder.empty()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.clean()


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Run:
    """A whole run, from start to SIGTERM: what it said, what it started and what of that was left over."""

    stage: Stage
    said: str
    started: set[int]
    left: set[int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    stage = Stage(tmp_path_factory.mktemp("run"))
    demo = stage.demo("--verbose").wait_until_ready()
    assert wait_until(lambda: "worker was given" in demo.said(), seconds=30)
    started = demo.everything_it_started()
    said = demo.stop()
    yield Run(stage, said, started, running(started))
    stage.clean()


def test_it_prints_where_everything_is(run: Run) -> None:
    assert f"http://localhost:{run.stage.port}/demo" in run.said and "triage-demo" in run.said
    assert "PostgreSQL" in run.said and "Redis" in run.said and "127.0.0.1" not in run.said


def test_sigterm_leaves_no_process_behind(run: Run) -> None:
    assert len(run.started) > 10 and not run.left


def test_with_verbose_everybody_is_heard(run: Run) -> None:
    assert "worker    | worker was given --processes 2 --threads 4" in run.said


def test_only_migrations_get_the_owner_of_the_database(run: Run) -> None:
    application, owner, key = run.stage.settings("migrate")

    assert "triage_app@" in application and "triage_owner@" in owner and len(key) >= 32
    assert run.stage.settings("seed") == [application, "", key]


def test_the_carrier_file_names_accounts_numbers_and_where_to_call(run: Run) -> None:
    carrier = json.loads((run.stage.data / "carrier.json").read_text())

    assert [account["name"] for account in carrier["accounts"]] == ["Harbor Clinic", "Willow Veterinary"]
    assert carrier["accounts"][0]["numbers"] == ["+12025550100", "+12025550110"]
    assert {account["sms_url"] for account in carrier["accounts"]} == {
        f"http://localhost:{run.stage.port}/webhooks/twilio/messages"
    }
    assert len({account["token"] for account in carrier["accounts"]}) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_everything(stage: Stage, number: signal.Signals) -> None:
    demo = stage.demo().wait_until_ready()
    started = demo.everything_it_started()

    demo.process.send_signal(number)

    assert demo.process.wait(60) == 0
    assert not running(started)


def test_a_launcher_that_is_killed_leaves_no_process_behind(stage: Stage) -> None:
    demo = stage.demo().wait_until_ready()
    started = demo.everything_it_started()

    os.killpg(demo.process.pid, signal.SIGKILL)
    demo.process.wait()

    assert wait_until(lambda: not running(started), seconds=40)


def test_after_a_launcher_was_killed_the_next_one_continues(stage: Stage) -> None:
    first = stage.demo().wait_until_ready()
    started = first.everything_it_started()
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()

    second = stage.demo().wait_until_ready()

    assert wait_until(lambda: not running(started), seconds=40)
    assert running(second.everything_it_started())
    second.stop()


def test_ctrl_c_in_the_middle_of_the_set_up_leaves_nothing_half_done(stage: Stage) -> None:
    first = stage.demo()
    assert wait_until((stage.data / "postgres").exists, seconds=30)

    # As a terminal does it: to everything in the foreground.
    os.killpg(first.process.pid, signal.SIGINT)

    assert first.process.wait(60) == 0, first.said()
    assert "Error" not in first.said() and READY not in first.said()
    stage.demo().wait_until_ready().stop()


def test_a_killed_worker_comes_back(stage: Stage) -> None:
    demo = stage.demo().wait_until_ready()
    assert wait_until(lambda: bool(stage.pids("worker")), seconds=30)
    os.kill(stage.pids("worker")[0], signal.SIGKILL)

    assert wait_until(lambda: len(stage.pids("worker")) == 2, seconds=30)
    assert "worker was ended by signal 9" in demo.stop()


def test_a_second_run_keeps_secrets_and_a_reset_makes_new_ones(stage: Stage) -> None:
    stage.demo().wait_until_ready().stop()
    first = secrets_of(stage.data)

    stage.demo().wait_until_ready().stop()
    assert secrets_of(stage.data) == first

    stage.demo("--reset").wait_until_ready().stop()
    assert secrets_of(stage.data) != first


def secrets_of(data: Path) -> list[str]:
    names = ("secret-key", "carrier.json")
    assert all((data / name).stat().st_mode & 0o077 == 0 for name in names)
    return [(data / name).read_text() for name in names]


def test_a_second_demo_on_the_same_folder_is_refused(stage: Stage) -> None:
    stage.demo().wait_until_ready()

    again = subprocess.run(
        [sys.executable, str(PROGRAM), "--data", str(stage.data)],
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 1
    assert "A demo already runs on" in again.stderr and f"http://localhost:{stage.port}" in again.stderr


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", stage.port)):
        assert f"Error: Port {stage.port} is taken" in stage.demo().fails()


def test_without_phones_no_pretend_carrier_runs(stage: Stage) -> None:
    said = stage.demo("--no-sim").wait_until_ready().stop()

    assert stage.pids("simulator") == [] and "Phones" not in said


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"DATABASE_URL": "postgresql://somebody:hush@localhost:1/triage"},
            "The database that DATABASE_URL names does not answer",
        ),
        ({"DATABASE_URL": "mysql://localhost/triage"}, "DATABASE_URL names no PostgreSQL"),
        ({"REDIS_URL": "redis://:hush@localhost:1/0"}, "The Redis that REDIS_URL names does not answer"),
        ({"REDIS_URL": "carrier pigeon"}, "REDIS_URL cannot be read"),
        ({"STAND_IN_FAILS": "migrate"}, "triage migrate failed: migrate cannot find its hat"),
        ({"STAND_IN_FAILS": "seed"}, "triage seed failed: seed cannot find its hat"),
        ({"STAND_IN_FAILS": "web"}, "triage web does not start: web cannot find its hat"),
    ],
)
def test_a_problem_is_one_clear_sentence(stage: Stage, settings: dict[str, str], sentence: str) -> None:
    demo = stage.demo(**settings)

    said = demo.fails()

    assert f"Error: {sentence}" in said
    assert "Traceback" not in said and "hush" not in said


def test_a_folder_with_other_things_in_it_is_not_emptied(stage: Stage) -> None:
    stage.data.mkdir()
    (stage.data / "thesis.txt").write_text("ten years of work")

    assert "does not look like a data folder of the demo" in stage.demo("--reset").fails()
    assert (stage.data / "thesis.txt").read_text() == "ten years of work"
    (stage.data / "thesis.txt").unlink()


def test_a_reset_does_not_touch_a_database_of_somebody_else(stage: Stage) -> None:
    said = stage.demo("--reset", DATABASE_URL="postgresql://localhost/theirs").fails()

    assert "--reset does not empty a database of yours" in said
