"""The carrier as a process of its own: killed without warning, it forgets nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from twilio.rest import Client

from tests.simulator.conftest import (
    BEN,
    FRONT,
    HARBOR,
    MARIA,
    TOKEN,
    SimulatedCarrierClient,
    ask,
    carrier_file,
    free_port,
)
from tests.simulator.receivers import Call, Receiver, Reply

RUN = "from triage.simulator.command import simulator; simulator()"


class Process:
    """`triage simulator` on a port and a data folder."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.url = f"http://localhost:{port}"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        command = [sys.executable, "-c", RUN, "--port", str(self.port), "--data", str(self.data), *more]
        self.child = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
        pause = threading.Event()
        for _ in range(500):
            try:
                ask(self.url + "/_control/counts")
                return
            except (OSError, AssertionError):
                assert self.child.poll() is None, "it did not start"
                pause.wait(0.02)
        raise AssertionError("it does not answer")

    def kill(self, *, whole: bool = True) -> None:
        """With no chance to tidy up: the whole group at once, or only the process that was started."""
        assert self.child is not None
        (os.killpg if whole else os.kill)(self.child.pid, signal.SIGKILL)
        self._wait()

    def stop(self) -> int:
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self._wait()

    def _wait(self) -> int:
        assert self.child is not None and self.child.stderr is not None
        code = self.child.wait(10)
        self.child.stderr.close()
        return code


@pytest.fixture
def process(tmp_path: Path, receiver: Receiver) -> Iterator[Process]:
    (tmp_path / "carrier.json").write_text(carrier_file(receiver).model_dump_json(), encoding="utf-8")
    process = Process(tmp_path, free_port())
    yield process
    if process.child is not None and process.child.poll() is None:
        process.kill()


def text(process: Process, body: str, sender: str = MARIA) -> str:
    return str(
        ask(process.url + "/_control/texts", "POST", {"from": sender, "to": FRONT, "body": body})["sid"]
    )


def library(process: Process) -> Client:
    return Client(HARBOR, TOKEN, http_client=SimulatedCarrierClient(process.url))


@contextmanager
def held(receiver: Receiver) -> Iterator[None]:
    """The receiver answers nobody while the block lasts."""
    go_on = threading.Event()

    def hold(_call: Call) -> Reply:
        go_on.wait(10)
        return Reply()

    receiver.answer = hold
    yield
    receiver.answer = lambda _call: Reply()
    go_on.set()


def test_texts_blocks_faults_and_settings_outlive_a_kill(process: Process, receiver: Receiver) -> None:
    process.start()
    stopped = text(process, "STOP", sender=BEN)
    written = text(process, "Is the doctor in?")
    sent = library(process).messages.create(to=MARIA, from_=FRONT, body="Yes, until five").sid
    library(process).incoming_phone_numbers.list(phone_number=FRONT)[0].update(
        sms_url=receiver.url + "/elsewhere"
    )
    ask(process.url + "/_control/faults", "PATCH", {"latency_ms": 1, "seed": 42})

    process.kill(whole=False)
    process.start()

    listed = {message.sid: message.body for message in library(process).messages.list()}
    assert listed == {stopped: "STOP", written: "Is the doctor in?", sent: "Yes, until five"}
    assert ask(process.url + "/_control/blocks")["blocks"] == [{"scope": FRONT, "phone": BEN}]
    assert ask(process.url + "/_control/faults")["seed"] == 42
    assert (
        library(process).incoming_phone_numbers.list(phone_number=FRONT)[0].sms_url
        == receiver.url + "/elsewhere"
    )


def test_what_was_not_yet_told_is_told_after_a_kill(process: Process, receiver: Receiver) -> None:
    process.start()
    with held(receiver):
        sid = text(process, "hello")
        receiver.wait_for(1, "/webhooks/twilio/messages")
        process.kill()

    process.start()

    told = receiver.wait_for(2, "/webhooks/twilio/messages")
    assert [call.params["MessageSid"] for call in told] == [sid, sid]
    assert len({call.headers["I-Twilio-Idempotency-Token"] for call in told}) == 1


def test_a_text_on_its_way_goes_on_after_a_kill(process: Process, receiver: Receiver) -> None:
    process.start()
    sid = (
        library(process)
        .messages.create(to=MARIA, from_=FRONT, body="on its way", status_callback=receiver.url + "/status")
        .sid
    )
    receiver.wait_for(1, "/status")
    process.kill()

    process.start()

    calls = receiver.wait_for(3, "/status")
    while calls[-1].params["MessageStatus"] != "delivered":
        calls = receiver.wait_for(len(calls) + 1, "/status")
    assert library(process).messages(sid).fetch().status == "delivered"


def test_in_memory_it_says_where_it_is_for_as_long_as_it_runs_and_keeps_nothing(process: Process) -> None:
    process.start("--memory")
    text(process, "hello")
    note = process.data / "simulator.json"
    assert json.loads(note.read_text()) == {"url": process.url}

    assert process.stop() == 0

    assert not note.exists()
    assert not list(process.data.glob("*.db*"))


def test_dropping_and_hanging_work_on_the_real_server_too(process: Process) -> None:
    process.start()
    ask(process.url + "/_control/faults", "PATCH", {"drop_after": 1})

    with pytest.raises(OSError):
        library(process).messages.create(to=MARIA, from_=FRONT, body="taken")

    assert [message.body for message in library(process).messages.list()] == ["taken"]
