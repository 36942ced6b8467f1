"""The API as the unmodified client library sees it."""

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.simulator.conftest import (
    ANNEX,
    BEN,
    FRONT,
    HARBOR,
    MARIA,
    TOKEN,
    VETS,
    WILLOW,
    SimulatedCarrierClient,
    World,
)


@contextmanager
def refused(code: int, status: int = 400) -> Iterator[None]:
    with pytest.raises(TwilioRestException) as refusal:
        yield
    assert (refusal.value.code, refusal.value.status) == (code, status)


def test_a_created_message_has_every_field_of_the_real_one(world: World) -> None:
    message = world.send("Hello Maria")

    assert message.sid.startswith("SM") and len(message.sid) == 34
    assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "1")
    assert (message.from_, message.to, message.body) == (FRONT, MARIA, "Hello Maria")
    assert (message.num_media, message.error_code, message.date_sent, message.price) == (
        "0",
        None,
        None,
        None,
    )
    assert message.account_sid == HARBOR and message.api_version == "2010-04-01"
    assert abs((message.date_created - datetime.now(UTC)).total_seconds()) < 10
    assert message.uri == f"/2010-04-01/Accounts/{HARBOR}/Messages/{message.sid}.json"
    assert message.subresource_uris == {"media": message.uri.replace(".json", "/Media.json")}


def test_a_message_is_fetched_with_what_became_of_it(world: World) -> None:
    sid = world.send().sid
    world.settle()

    message = world.client.messages(sid).fetch()

    assert message.status == "delivered"
    assert message.date_sent is not None


def test_dates_are_written_as_the_carrier_writes_them(world: World) -> None:
    sid = world.send().sid

    raw = world.client.http_client
    raw.request(
        "GET",
        f"https://api.twilio.com/2010-04-01/Accounts/{HARBOR}/Messages/{sid}.json",
        auth=(HARBOR, TOKEN),
    )

    assert '+0000"' in raw._test_only_last_response.text


def test_the_list_holds_both_directions_newest_first(world: World) -> None:
    first = world.text("from the phone")
    world.settle()
    second = world.send("from the practice").sid
    world.settle()

    listed = world.client.messages.list()

    assert [message.sid for message in listed] == [second, first]
    assert [message.direction for message in listed] == ["outbound-api", "inbound"]
    assert listed[1].status == "received"


def test_the_list_filters_by_both_numbers(world: World) -> None:
    to_front = world.text("a", to=FRONT)
    to_annex = world.text("b", to=ANNEX, sender=BEN)

    assert [message.sid for message in world.client.messages.list(to=ANNEX)] == [to_annex]
    assert [message.sid for message in world.client.messages.list(from_=MARIA)] == [to_front]
    assert world.client.messages.list(to=ANNEX, from_=MARIA) == []


def test_the_list_filters_by_day_and_by_moment(world: World) -> None:
    sid = world.text("now")
    sent = world.client.messages(sid).fetch().date_sent
    assert sent is not None
    messages = world.client.messages
    day = timedelta(days=1)

    assert [m.sid for m in messages.list(date_sent=sent.date())] == [sid]
    assert messages.list(date_sent=sent.date() - day) == []
    assert [m.sid for m in messages.list(date_sent_after=sent)] == [sid]
    assert [m.sid for m in messages.list(date_sent_before=sent)] == [sid]
    assert messages.list(date_sent_after=sent + timedelta(seconds=1)) == []
    assert messages.list(date_sent_before=sent - timedelta(seconds=1)) == []
    assert [
        m.sid for m in messages.list(date_sent_after=date(2020, 1, 1), date_sent_before=sent.date() + day)
    ] == [sid]


def test_a_long_list_comes_in_pages_that_new_texts_do_not_disturb(world: World) -> None:
    sids = [world.text(f"text {number}") for number in range(7)]
    page = world.client.messages.page(page_size=3)
    seen = [message.sid for message in page]
    world.text("a newer one")

    while (page := page.next_page()) is not None:
        seen += [message.sid for message in page]

    assert seen == sids[::-1]
    assert len(world.client.messages.list(page_size=2)) == 8
    assert len(world.client.messages.list(limit=5, page_size=2)) == 5


def test_pages_refuse_what_the_carrier_refuses(world: World) -> None:
    address = f"https://api.twilio.com/2010-04-01/Accounts/{HARBOR}/Messages.json"
    request = world.client.http_client.request

    too_large = request("GET", address, params={"PageSize": "1001"}, auth=(HARBOR, TOKEN))
    bad_token = request("GET", address, params={"PageToken": "PAnothing"}, auth=(HARBOR, TOKEN))
    bad_date = request("GET", address, params={"DateSent": "yesterday"}, auth=(HARBOR, TOKEN))

    assert [answer.status_code for answer in (too_large, bad_token, bad_date)] == [400, 400, 400]
    assert '"code": 20007' in too_large.text and '"code": 21481' in bad_token.text


def test_nobody_gets_in_with_a_wrong_token_or_into_another_account(world: World) -> None:
    stranger = Client(HARBOR, "wrong", http_client=SimulatedCarrierClient(world.url))
    neighbour = Client(WILLOW, "willow-token", HARBOR, http_client=SimulatedCarrierClient(world.url))

    for client in (stranger, neighbour):
        with refused(20003, 401):
            client.messages.create(to=MARIA, from_=FRONT, body="x")
    answer = stranger.http_client.request("GET", f"https://api.twilio.com/2010-04-01/Accounts/{HARBOR}.json")
    assert answer.status_code == 401 and "Basic" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "+1202555"}, 21211),
        ({"to": "not a number"}, 21211),
        ({"to": "+10005550100"}, 21211),
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"from_": "+12025550199"}, 21606),
        ({"from_": VETS}, 21606),
        ({"from_": "clinic!"}, 21212),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": FRONT}, 21266),
        ({"media_url": ["ftp://host/file.png"]}, 21620),
        ({"media_url": [f"https://host/{n}.png" for n in range(11)]}, 21623),
        ({"status_callback": "https://my_host/status"}, 21609),
        ({"messaging_service_sid": "MG" + "0" * 32}, 21701),
        ({"send_at": datetime.now(UTC), "schedule_type": "fixed"}, 35118),
    ],
)
def test_a_wrong_message_is_refused_with_the_carriers_number(
    lasting_world: World, fields: dict[str, object], code: int
) -> None:
    with refused(code):
        lasting_world.client.messages.create(**{"to": MARIA, "from_": FRONT, "body": "Hello", **fields})

    assert lasting_world.client.messages.list() == []


def test_an_error_body_names_number_words_page_and_status(world: World) -> None:
    address = f"https://api.twilio.com/2010-04-01/Accounts/{HARBOR}/Messages.json"

    answer = world.client.http_client.request(
        "POST", address, data={"To": MARIA, "From": FRONT}, auth=(HARBOR, TOKEN)
    )

    assert answer.status_code == 400
    assert answer.text == (
        '{"code": 21602, "message": "Message body is required.",'
        ' "more_info": "https://www.twilio.com/docs/errors/21602", "status": 400}'
    )


def test_what_does_not_exist_is_20404(world: World) -> None:
    with refused(20404, 404):
        world.client.messages("SM" + "0" * 32).fetch()
    with refused(20404, 404):
        world.client.queues("QU" + "0" * 32).fetch()


def test_numbers_are_understood_as_people_write_them(world: World) -> None:
    assert world.send(to="(202) 555-0123").to == MARIA
    assert world.send(to="1 202 555 0123").to == MARIA


def test_segments_are_counted_by_alphabet(world: World) -> None:
    bodies = ["x" * 160, "x" * 161, "{" * 80, "{" * 81, "é" * 160, "ж" * 70, "ж" * 71, "🐾" * 35, "🐾" * 36]

    assert [world.send(body).num_segments for body in bodies] == ["1", "2", "1", "2", "1", "1", "2", "1", "2"]


def test_a_message_is_redacted_and_deleted_once_it_has_ended(world: World) -> None:
    world.control("PATCH", "/faults", {"pace": 1000})
    waiting = world.send("still waiting")
    with refused(20009, 409):
        waiting.delete()
    sid = world.text("my secret")
    world.settle_of(sid)

    redacted = world.client.messages(sid).update(body="")
    assert redacted.body == "" and world.client.messages(sid).fetch().body == ""

    assert world.client.messages(sid).delete() is True
    with refused(20404, 404):
        world.client.messages(sid).fetch()


def test_media_are_listed_fetched_behind_a_password_and_deleted(world: World) -> None:
    sid = world.text(
        "look", media=["sample", {"content_type": "text/plain", "content": base64.b64encode(b"hi").decode()}]
    )
    message = world.client.messages(sid).fetch()
    media = message.media.list()

    assert sid.startswith("MM") and message.num_media == "2"
    assert {item.content_type for item in media} == {"image/png", "text/plain"}
    picture = next(item for item in media if item.content_type == "image/png")
    assert picture.parent_sid == sid
    assert world.client.messages(sid).media(picture.sid).fetch().uri == picture.uri

    address = world.url + picture.uri.removesuffix(".json")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=5)
    login = base64.b64encode(f"{HARBOR}:{TOKEN}".encode()).decode()
    request = urllib.request.Request(address, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=5) as response:
        assert response.headers["Content-Type"] == "image/png"
        assert response.read().startswith(b"\x89PNG\r\n\x1a\n")
        assert response.url != address

    assert picture.delete() is True
    assert [item.content_type for item in message.media.list()] == ["text/plain"]
    assert world.client.messages(sid).fetch().num_media == "1"


def test_a_file_has_no_address_that_can_be_guessed(world: World) -> None:
    sid = world.text("look", media=["sample"])
    picture = world.client.messages(sid).media.list()[0]

    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{world.url}/_files/{picture.sid}/{'0' * 64}", timeout=5)


def test_numbers_are_listed_found_and_set(world: World) -> None:
    numbers = world.client.incoming_phone_numbers

    assert {number.phone_number for number in numbers.list()} == {FRONT, ANNEX}
    annex = numbers.list(phone_number=ANNEX)[0]
    assert annex.sid.startswith("PN") and annex.capabilities["sms"] is True
    assert annex.sms_url.endswith("/webhooks/twilio/messages")

    annex.update(
        sms_url="https://example.org/sms#rc=2", sms_method="GET", voice_url="https://example.org/voice"
    )
    again = numbers(annex.sid).fetch()
    assert (again.sms_url, again.sms_method) == ("https://example.org/sms#rc=2", "GET")
    assert again.voice_url == "https://example.org/voice"


def test_a_fallback_needs_a_first_address(world: World) -> None:
    number = world.client.incoming_phone_numbers.list(phone_number=ANNEX)[0]

    with refused(21406):
        number.update(sms_url="", sms_fallback_url="https://example.org/fallback")


def test_the_account_is_fetched(world: World) -> None:
    account = world.client.api.accounts(HARBOR).fetch()

    assert (account.sid, account.friendly_name, account.status) == (HARBOR, "Harbor Clinic", "active")


def test_a_messaging_service_picks_the_number_the_phone_knows(world: World) -> None:
    service = "MG" + "1" * 32
    world.control(
        "POST",
        "/accounts",
        {
            "accounts": [
                {
                    "sid": HARBOR,
                    "token": TOKEN,
                    "numbers": [FRONT, ANNEX],
                    "messaging_service_sid": service,
                    "sms_url": world.receiver.url + "/webhooks/twilio/messages",
                }
            ]
        },
    )
    world.text("hello annex", to=ANNEX)

    message = world.client.messages.create(to=MARIA, body="Hi", messaging_service_sid=service)
    world.settle()

    assert message.status == "accepted" and message.from_ is None and message.messaging_service_sid == service
    assert world.client.messages(message.sid).fetch().from_ == ANNEX
    assert world.receiver.wait_for(1)[0].params["MessagingServiceSid"] == service


def test_a_scheduled_message_waits_and_can_be_canceled(world: World) -> None:
    service = "MG" + "1" * 32
    world.control(
        "POST",
        "/accounts",
        {"accounts": [{"sid": HARBOR, "token": TOKEN, "numbers": [FRONT], "messaging_service_sid": service}]},
    )
    soon = datetime.now(UTC) + timedelta(seconds=299)
    with refused(35114):
        world.client.messages.create(to=MARIA, body="x", messaging_service_sid=service, send_at=soon)

    message = world.client.messages.create(
        to=MARIA,
        body="x",
        messaging_service_sid=service,
        schedule_type="fixed",
        send_at=soon + timedelta(hours=1),
    )
    assert message.status == "scheduled"
    assert message.update(status="canceled").status == "canceled"
    with refused(30409):
        world.client.messages(message.sid).update(status="canceled")


def test_a_call_rings_is_answered_speaks_and_ends(world: World) -> None:
    call = world.client.calls.create(
        to=MARIA,
        from_=FRONT,
        twiml="<Response><Say>Please check your messages.</Say></Response>",
        status_callback=world.receiver.url + "/voice-status",
        status_callback_event=["ringing", "answered", "completed"],
    )
    assert call.sid.startswith("CA") and call.status == "queued" and call.direction == "outbound-api"
    world.settle()

    ended = world.client.calls(call.sid).fetch()
    assert ended.status == "completed" and int(ended.duration) >= 1
    told = world.receiver.wait_for(3, "/voice-status")
    assert [one.params["CallStatus"] for one in told] == ["ringing", "in-progress", "completed"]
    assert all(one.is_signed_with(TOKEN) for one in told)
    assert [listed.sid for listed in world.client.calls.list()] == [call.sid]


def test_a_call_needs_an_own_number_and_something_to_say(world: World) -> None:
    with refused(21210):
        world.client.calls.create(to=MARIA, from_="+12025550199", twiml="<Response/>")
    with refused(21205):
        world.client.calls.create(to=MARIA, from_=FRONT)
