"""What becomes of the practice's texts, and how it is reported."""

from collections.abc import Callable

import pytest

from tests.simulator.conftest import MARIA, TOKEN, World
from tests.simulator.receivers import Reply

STATUS = "/webhooks/twilio/status"


def reported(world: World, count: int) -> list[str]:
    return [call.params["MessageStatus"] for call in world.receiver.wait_for(count, STATUS)]


def test_a_delivered_text_is_reported_step_by_step_to_the_address_it_named(world: World) -> None:
    message = world.send(callback=STATUS + "?ref=4f1c&x=%C3%A9")

    calls = world.receiver.wait_for(3, STATUS)

    assert [call.params["MessageStatus"] for call in calls] == ["sending", "sent", "delivered"]
    for call in calls:
        assert call.method == "POST" and call.is_signed_with(TOKEN)
        assert call.url == world.receiver.url + STATUS + "?ref=4f1c&x=%C3%A9"
        assert call.params["MessageSid"] == call.params["SmsSid"] == message.sid
        assert call.params["SmsStatus"] == call.params["MessageStatus"]
        assert call.params["To"] == MARIA and "ErrorCode" not in call.params
    assert len(calls[-1].params["RawDlrDoneDate"]) == 10


def test_without_an_address_nothing_is_reported(world: World) -> None:
    sid = world.send().sid
    world.settle()

    assert world.client.messages(sid).fetch().status == "delivered"
    assert world.receiver.calls == []


@pytest.mark.parametrize(
    ("behaviour", "statuses", "error"),
    [
        ("blocked", ["sending", "sent", "undelivered"], 30007),
        ("unreachable", ["sending", "sent", "undelivered"], 30003),
        ("landline", ["sending", "failed"], 30006),
    ],
)
def test_a_phone_that_cannot_be_reached_is_reported_with_its_number(
    world: World, behave: Callable[[str], None], behaviour: str, statuses: list[str], error: int
) -> None:
    behave(behaviour)

    sid = world.send(callback=STATUS).sid
    world.settle()

    assert reported(world, len(statuses)) == statuses
    assert [call.params.get("ErrorCode") for call in world.receiver.calls] == [None] * (len(statuses) - 1) + [
        str(error)
    ]
    fetched = world.client.messages(sid).fetch()
    assert (fetched.status, fetched.error_code) == (statuses[-1], error) and fetched.error_message


def test_callbacks_can_come_in_the_wrong_order(world: World, behave: Callable[[str], None]) -> None:
    behave("out-of-order")

    sid = world.send(callback=STATUS).sid

    assert reported(world, 3) == ["delivered", "sent", "sending"]
    assert world.client.messages(sid).fetch().status == "delivered"


def test_callbacks_can_come_twice(world: World, behave: Callable[[str], None]) -> None:
    behave("twice")

    world.send(callback=STATUS)

    assert reported(world, 6) == ["sending", "sending", "sent", "sent", "delivered", "delivered"]


def test_a_slow_phone_is_slower_than_others(world: World, behave: Callable[[str], None]) -> None:
    world.control("PATCH", "/faults", {"pace": 0.1})
    behave("delays")
    slow = world.send("slow").sid
    behave("delivers")
    quick = world.send("quick").sid

    world.settle_of(quick)

    assert world.client.messages(slow).fetch().status in {"queued", "sending", "sent"}
    world.settle()
    assert world.client.messages(slow).fetch().status == "delivered"


def test_a_receiver_that_fails_does_not_hold_the_text_up(world: World) -> None:
    world.receiver.answer = lambda _call: Reply(500)

    sid = world.send(callback=STATUS).sid
    world.settle()

    assert world.client.messages(sid).fetch().status == "delivered"


def test_dropped_callbacks_leave_the_truth_to_be_fetched(world: World) -> None:
    world.control("PATCH", "/faults", {"drop_callbacks": 1})

    sid = world.send(callback=STATUS).sid
    world.settle()

    assert world.receiver.calls == []
    assert world.client.messages(sid).fetch().status == "delivered"


def test_a_photo_of_the_practice_is_fetched_and_kept(world: World) -> None:
    world.receiver.answer = lambda _call: Reply(200, b"GIF89a", "image/gif")

    sid = world.send("look", media_url=[world.receiver.url + "/files/a.gif"]).sid
    world.settle()

    message = world.client.messages(sid).fetch()
    assert sid.startswith("MM") and message.status == "delivered" and message.num_media == "1"
    assert message.media.list()[0].content_type == "image/gif"


def test_a_photo_that_cannot_be_fetched_spoils_the_text(world: World) -> None:
    world.receiver.answer = lambda call: Reply(404) if call.path == "/files/a.gif" else Reply()

    sid = world.send("look", media_url=[world.receiver.url + "/files/a.gif"], callback=STATUS).sid
    world.settle()

    assert world.client.messages(sid).fetch().status == "failed"
    assert reported(world, 1) == ["failed"]
