"""What the product is told of incoming texts, and how stubbornly."""

import threading

import pytest

from tests.simulator.conftest import ANNEX, FRONT, HARBOR, MARIA, TOKEN, World
from tests.simulator.receivers import Call, Reply

HOOK = "/webhooks/twilio/messages"


def hook(world: World, fragment: str = "") -> str:
    return world.receiver.url + HOOK + fragment


def test_a_text_is_told_with_the_carriers_parameters_and_signature(world: World) -> None:
    sid = world.text("Can I get a refill? 💊 ñ")

    call = world.receiver.wait_for(1)[0]

    assert (call.method, call.path) == ("POST", HOOK)
    assert call.is_signed_with(TOKEN) and not call.is_signed_with("another token")
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert call.headers["I-Twilio-Idempotency-Token"]
    told = call.params
    assert told["MessageSid"] == told["SmsSid"] == told["SmsMessageSid"] == sid
    assert (told["From"], told["To"], told["Body"]) == (MARIA, FRONT, "Can I get a refill? 💊 ñ")
    assert (told["AccountSid"], told["SmsStatus"], told["NumMedia"]) == (HARBOR, "received", "0")
    assert (told["ApiVersion"], told["NumSegments"]) == ("2010-04-01", "1")
    assert {
        "FromCity",
        "FromState",
        "FromZip",
        "FromCountry",
        "ToCity",
        "ToState",
        "ToZip",
        "ToCountry",
    } <= told.keys()
    assert "OptOutType" not in told and "MessagingServiceSid" not in told


@pytest.mark.parametrize(
    "body", ["", " spaced \n", "a\x00b", "(quotes) 'and' 100%!*~", "x" * 1600, "مرحبا 👩‍👩‍👧"]
)
def test_any_body_arrives_as_it_was_written(world: World, body: str) -> None:
    world.text(body)

    call = world.receiver.wait_for(1)[0]

    assert call.params["Body"] == body
    assert call.is_signed_with(TOKEN)


def test_half_an_emoji_arrives_as_unreadable(world: World) -> None:
    world.text("broken \ud83d emoji")

    assert world.receiver.wait_for(1)[0].params["Body"] == "broken \ufffd emoji"


@pytest.mark.parametrize("own_query", ["", "?clinic=caf%C3%A9"])
def test_a_number_set_to_get_is_told_in_the_address(world: World, own_query: str) -> None:
    world.set_number(sms_method="GET", sms_url=hook(world, own_query))

    world.text("It's (really) fine! é")

    call = world.receiver.wait_for(1)[0]
    assert call.method == "GET" and call.params["Body"] == "It's (really) fine! é"
    assert call.is_signed_with(TOKEN)
    assert not own_query or call.params["clinic"] == "café"


def test_a_password_in_the_address_is_sent_as_one(world: World) -> None:
    world.set_number(sms_url=hook(world).replace("http://", "http://ada:s%40fe@"))

    world.text("hello")

    assert world.receiver.wait_for(1)[0].headers["Authorization"] == "Basic YWRhOnNAZmU="


def test_a_photo_is_told_with_its_address_and_type(world: World) -> None:
    sid = world.text("", media=["sample"])

    told = world.receiver.wait_for(1)[0].params

    assert told["NumMedia"] == "1" and told["MediaContentType0"] == "image/png"
    assert told["MediaUrl0"].startswith(f"{world.url}/2010-04-01/Accounts/{HARBOR}/Messages/{sid}/Media/ME")


def test_an_empty_answer_or_an_empty_response_sends_nothing(world: World) -> None:
    answers = iter(
        [Reply(204, b""), Reply(200, b""), Reply(200, b"<?xml version='1.0'?><Response></Response>")]
    )
    world.receiver.answer = lambda _call: next(answers)

    for body in ("one", "two", "three"):
        world.text(body)
        world.settle()

    assert {message.direction for message in world.client.messages.list()} == {"inbound"}


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/xml", "<Response><Message>Thanks &amp; bye</Message></Response>"),
        ("application/xml", "<Response><Message><Body>Thanks &amp; bye</Body></Message></Response>"),
        ("text/plain; charset=utf-8", "Thanks & bye"),
    ],
)
def test_an_answer_with_a_message_is_a_reply(world: World, content_type: str, answer: str) -> None:
    world.receiver.answer = lambda _call: Reply(200, answer.encode(), content_type)

    world.text("hello")
    world.settle()
    world.settle()

    reply = world.client.messages.list(to=MARIA)[0]
    assert (reply.body, reply.direction, reply.from_, reply.status) == (
        "Thanks & bye",
        "outbound-reply",
        FRONT,
        "delivered",
    )


def test_a_reply_to_somebody_who_stopped_fails(world: World) -> None:
    world.receiver.answer = lambda _call: Reply(200, b"<Response><Message>Wait!</Message></Response>")

    world.text("STOP")
    world.settle()

    reply = world.client.messages.list(to=MARIA)[0]
    assert (reply.status, reply.error_code) == ("failed", 21610)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), "11217"),
        (Reply(404), "11217"),
        (Reply(200, b"<Response>"), "12100"),
        (Reply(200, b"<Other/>"), "12100"),
        (Reply(200, b"<!DOCTYPE a><Response/>"), "12100"),
        (Reply(200, b"{}", "application/json"), "12300"),
    ],
)
def test_an_answer_that_is_no_use_goes_to_the_fallback(world: World, reply: Reply, error: str) -> None:
    world.set_number(sms_fallback_url=world.receiver.url + "/fallback", sms_fallback_method="POST")
    world.receiver.answer = lambda call: reply if call.path == HOOK else Reply()

    sid = world.text("hello")

    told = world.receiver.wait_for(1, "/fallback")[0]
    assert told.params["ErrorCode"] == error and told.params["ErrorUrl"] == hook(world)
    assert told.params["MessageSid"] == sid and told.is_signed_with(TOKEN)
    assert len(world.receiver.of(HOOK)) == 1


def test_a_server_error_is_not_tried_again_unless_the_address_asks(world: World) -> None:
    world.receiver.answer = lambda _call: Reply(503)

    world.text("hello")
    world.settle()

    assert len(world.receiver.calls) == 1


@pytest.mark.parametrize(
    ("fragment", "status", "tries"),
    [
        ("#rc=3&rp=all", 503, 4),
        ("#rc=2&rp=5xx", 500, 3),
        ("#rc=2&rp=5xx", 404, 1),
        ("#rc=2&rp=4xx,5xx", 404, 3),
        ("#rc=9&rp=all", 500, 6),
        ("#rc=0&rp=all", 500, 1),
        ("#rc=nonsense&rp=5xx", 500, 2),
    ],
)
def test_the_address_says_how_often_to_try(world: World, fragment: str, status: int, tries: int) -> None:
    world.set_number(sms_url=hook(world, fragment))
    world.receiver.answer = lambda _call: Reply(status)

    world.text("hello")
    world.settle()

    calls = world.receiver.calls
    assert len(calls) == tries
    assert all(call.is_signed_with(TOKEN) for call in calls)
    assert len({call.headers["I-Twilio-Idempotency-Token"] for call in calls}) == 1


def test_tries_end_with_the_first_that_works(world: World) -> None:
    world.set_number(sms_url=hook(world, "#rc=5&rp=5xx"))
    answers = iter([Reply(500), Reply(500), Reply(200)])
    world.receiver.answer = lambda _call: next(answers)

    world.text("hello")
    world.settle()

    assert len(world.receiver.calls) == 3


def test_nobody_there_is_tried_once_more_and_then_the_fallback(world: World) -> None:
    world.set_number(sms_url="http://127.0.0.1:9/sms", sms_fallback_url=world.receiver.url + "/fallback")

    sid = world.text("hello")

    assert world.receiver.wait_for(1, "/fallback")[0].params["ErrorCode"] == "11205"
    world.settle()
    log = world.control("GET", f"/deliveries?sid={sid}")["deliveries"]
    assert [entry["answer"] for entry in log] == [None, None, 200]


def test_an_answer_that_takes_too_long_counts_as_none(world: World) -> None:
    world.set_number(sms_url=hook(world, "#rt=150&rc=1&rp=rt"))
    go_on = threading.Event()

    def dawdle(_call: Call) -> Reply:
        go_on.wait(5)
        return Reply()

    world.receiver.answer = dawdle

    sid = world.text("hello")
    world.settle()
    go_on.set()

    log = world.control("GET", f"/deliveries?sid={sid}")["deliveries"]
    assert [(entry["answer"], entry["error"]) for entry in log] == [(None, "timeout"), (None, "timeout")]


def test_a_redirect_is_followed_by_get_and_loses_the_text(world: World) -> None:
    elsewhere = Reply(302, b"", headers={"Location": "/elsewhere"})
    world.receiver.answer = lambda call: elsewhere if call.path == HOOK else Reply()

    world.text("hello")

    followed = world.receiver.wait_for(1, "/elsewhere")[0]
    assert followed.method == "GET" and "Body" not in followed.params
    assert followed.is_signed_with(TOKEN)


def test_a_text_that_could_not_be_told_is_still_in_the_list(world: World) -> None:
    world.receiver.answer = lambda _call: Reply(500)

    sid = world.text("do not lose me")
    world.settle()

    found = world.client.messages.list(to=FRONT)
    assert [(message.sid, message.body) for message in found] == [(sid, "do not lose me")]


def test_a_number_without_an_address_only_keeps_the_text(world: World) -> None:
    world.set_number(sms_url="")

    sid = world.text("hello", to=FRONT)
    world.settle()

    assert world.receiver.calls == []
    assert world.client.messages(sid).fetch().status == "received"


def test_a_phone_can_have_everything_told_twice(world: World) -> None:
    world.control("PUT", f"/phones/{MARIA}", {"label": "Maria Alvarez", "behaviour": "twice"})

    world.text("hello")

    first, second = world.receiver.wait_for(2)
    assert first.params == second.params
    assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]


def test_dropped_webhooks_never_arrive_but_the_list_knows(world: World) -> None:
    world.control("PATCH", "/faults", {"drop_webhooks": 1})

    sid = world.text("hello")
    world.settle()

    assert world.receiver.calls == []
    assert [message.sid for message in world.client.messages.list()] == [sid]
    assert world.control("GET", "/deliveries")["deliveries"][0]["error"] == "dropped by the carrier"


def test_a_wrong_signature_can_be_asked_for(world: World) -> None:
    world.control("PATCH", "/faults", {"wrong_signature": 1})

    world.text("hello")

    assert not world.receiver.wait_for(1)[0].is_signed_with(TOKEN)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_call_from_the_log_can_be_replayed(world: World, method: str) -> None:
    world.set_number(sms_method=method, sms_url=hook(world, "?a=1"))
    world.text("once & again")
    world.settle()
    entry = world.control("GET", "/deliveries")["deliveries"][0]

    answer = world.control("POST", f"/deliveries/{entry['id']}/replays", {})

    first, second = world.receiver.wait_for(2)
    assert answer == {"answer": 200}
    assert second.url == first.url and second.params == first.params and second.is_signed_with(TOKEN)


def test_a_text_goes_to_the_number_the_phone_last_had_to_do_with(world: World) -> None:
    world.send("from the annex", from_=ANNEX)

    sid = world.text("hello")

    assert world.client.messages(sid).fetch().to == ANNEX


def test_a_phone_call_to_the_practice_asks_what_to_say(world: World) -> None:
    world.set_number(voice_url=world.receiver.url + "/webhooks/twilio/voice")
    world.receiver.answer = lambda _call: Reply(200, b"<Response><Say>We are closed.</Say></Response>")

    sid = world.control("POST", "/calls", {"from": MARIA, "to": FRONT})["sid"]

    told = world.receiver.wait_for(1, "/webhooks/twilio/voice")[0]
    assert (told.params["CallSid"], told.params["Direction"], told.params["From"]) == (sid, "inbound", MARIA)
    assert told.is_signed_with(TOKEN)
