"""Texts from before the carrier was started, as its file tells them."""

from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from tests.simulator.conftest import FRONT, HARBOR, MARIA, TOKEN, SimulatedCarrierClient, carrier_file
from tests.simulator.receivers import Receiver
from triage.simulator import keywords
from triage.simulator.directory import CarrierFile
from triage.simulator.serve import Running, running
from triage.simulator.threads import thread

ASKED = "SM" + "1" * 32
ANSWERED = "SM" + "2" * 32
PICTURE = "MM" + "3" * 32
STOPPED = "SM" + "4" * 32


def past(sid: str, body: str, *, at: str, to: str | None = None, **more: Any) -> dict[str, Any]:
    """A text from Maria, or to her."""
    ends = {"from": FRONT, "to": to} if to else {"from": MARIA, "to": FRONT}
    kind = (
        {"direction": "outbound-api", "status": "delivered"}
        if to
        else {"direction": "inbound", "status": "received"}
    )
    return {"sid": sid, "body": body, "at": at, **ends, **kind, **more}


@pytest.fixture
def content(receiver: Receiver) -> CarrierFile:
    history = [
        past(ANSWERED, "Until six", at="2026-03-02T10:05:00+00:00", to=MARIA),
        past(ASKED, "Until when are you open?", at="2026-03-02T10:00:00+00:00"),
        past(
            PICTURE,
            "",
            at="2026-03-02T11:00:00+00:00",
            media=[{"sid": "ME" + "5" * 32, "content_type": "image/png"}],
        ),
        past(STOPPED, "STOP", at="2026-03-02T12:00:00+00:00"),
    ]
    known = carrier_file(receiver).model_dump(by_alias=True)
    return CarrierFile.model_validate(known | {"history": history})


def client_of(carrier: Running) -> Client:
    return Client(HARBOR, TOKEN, http_client=SimulatedCarrierClient(carrier.url))


def test_the_list_holds_them_at_their_time_and_nobody_is_told(
    content: CarrierFile, receiver: Receiver
) -> None:
    with running(content) as carrier:
        listed = {text.sid: text for text in client_of(carrier).messages.list()}

    assert set(listed) == {ASKED, ANSWERED, PICTURE, STOPPED}
    assert (listed[ASKED].direction, listed[ASKED].status) == ("inbound", "received")
    assert (listed[ANSWERED].direction, listed[ANSWERED].status) == ("outbound-api", "delivered")
    assert f"{listed[ANSWERED].date_created:%Y-%m-%d %H:%M}" == "2026-03-02 10:05"
    assert receiver.calls == []


def test_a_phone_shows_them_in_their_order(content: CarrierFile) -> None:
    with running(content) as carrier:
        shown = thread(carrier.carrier.store, MARIA)

    assert [entry.body for entry in shown] == [
        "Until when are you open?",
        "Until six",
        "",
        "STOP",
        keywords.STOPPED,
    ]
    assert len(shown[2].pictures) == 1


def test_a_stop_of_the_past_still_blocks(content: CarrierFile) -> None:
    with running(content) as carrier:
        blocks = carrier.carrier.store.rows("select scope, phone from block")

    assert [tuple(block) for block in blocks] == [(FRONT, MARIA)]


def test_they_are_taken_over_once(content: CarrierFile, tmp_path: Path) -> None:
    with running(content, data=tmp_path) as carrier:
        client_of(carrier).messages(ASKED).delete()

    with running(content, data=tmp_path) as carrier:
        assert ASKED not in {text.sid for text in client_of(carrier).messages.list()}
