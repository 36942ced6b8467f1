"""The carrier's bad days, switched on and off."""

import threading
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from tests.simulator.conftest import FRONT, HARBOR, MARIA, TOKEN, World, ask


def switch(world: World, **faults: Any) -> None:
    world.control("PUT", "/faults", {"pace": 0, **faults})


def listed(world: World) -> int:
    return len(world.client.messages.list())


def test_too_many_requests_are_refused_and_told_when_to_return(world: World) -> None:
    switch(world, too_many_requests=1)

    with pytest.raises(TwilioRestException) as refusal:
        world.send()

    assert (refusal.value.status, refusal.value.code) == (429, 20429)
    assert world.client.http_client._test_only_last_response.headers["Retry-After"] == "1"
    assert listed(world) == 0


@pytest.mark.parametrize(("fault", "accepted"), [("unavailable_before", 0), ("unavailable_after", 1)])
def test_a_503_says_nothing_about_whether_the_text_was_taken(world: World, fault: str, accepted: int) -> None:
    switch(world, **{fault: 1})

    with pytest.raises(TwilioRestException) as refusal:
        world.send()

    assert (refusal.value.status, refusal.value.code) == (503, 20503)
    assert listed(world) == accepted


@pytest.mark.parametrize(("fault", "accepted"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_says_nothing_either(world: World, fault: str, accepted: int) -> None:
    switch(world, **{fault: 1})

    with pytest.raises(requests.ConnectionError):
        world.send()

    assert listed(world) == accepted


@pytest.mark.parametrize(("fault", "accepted"), [("hang_before", 0), ("hang_after", 1)])
def test_a_hanging_carrier_has_taken_the_text_or_not(world: World, fault: str, accepted: int) -> None:
    switch(world, **{fault: 1})
    world.client.http_client.timeout = 0.3

    with pytest.raises(requests.Timeout):
        world.send()

    assert listed(world) == accepted
    switch(world)


def test_whoever_hangs_goes_on_when_the_switch_is_turned_back(world: World) -> None:
    switch(world, hang_after=1, hang_seconds=60)
    sent: list[str] = []
    sender = threading.Thread(target=lambda: sent.append(world.send().sid))
    sender.start()
    world.until(lambda: world.running.carrier.store.count("select count(*) from text") == 1)

    switch(world)
    sender.join(5)

    assert len(sent) == 1


def test_latency_is_added_to_each_create(world: World) -> None:
    switch(world, latency_ms=300)
    world.client.http_client.timeout = 0.1

    with pytest.raises(requests.Timeout):
        world.send()


def test_reads_fail_only_when_they_are_meant_to(world: World) -> None:
    switch(world, unavailable_before=1)
    assert listed(world) == 0

    switch(world, unavailable_before=1, reads=True)
    with pytest.raises(TwilioRestException):
        world.client.messages("SM" + "0" * 32).fetch()


def test_the_same_seed_gives_the_same_bad_day(world: World) -> None:
    days = []
    for _ in range(2):
        switch(world, too_many_requests=0.3, unavailable_before=0.2, unavailable_after=0.2, seed=7)
        days.append([outcome(world) for _ in range(30)])

    assert days[0] == days[1]
    assert {201, 429, 503} == set(days[0])


def outcome(world: World) -> int:
    answer = world.client.http_client.request(
        "POST",
        f"https://api.twilio.com/2010-04-01/Accounts/{HARBOR}/Messages.json",
        data={"To": MARIA, "From": FRONT, "Body": "x"},
        auth=(HARBOR, TOKEN),
    )
    return int(answer.status_code)


def test_what_happened_is_counted(world: World) -> None:
    switch(world, too_many_requests=1)
    outcome(world)
    outcome(world)

    assert world.control("GET", "/faults")["counts"] == {"too_many_requests": 2}


@pytest.mark.parametrize(
    "nonsense",
    [{"rain": 1}, {"drop_after": 2}, {"drop_after": -1}, {"reads": 1}, {"latency_ms": "10"}, {"seed": True}],
)
def test_a_switch_that_makes_no_sense_is_refused(lasting_world: World, nonsense: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=f"400 .*{next(iter(nonsense))}"):
        lasting_world.control("PATCH", "/faults", nonsense)


def test_a_form_of_another_site_cannot_switch_anything(world: World) -> None:
    answer = requests.post(world.url + "/_control/texts", data={"from": MARIA, "body": "x"}, timeout=5)

    assert answer.status_code == 415


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"from": "nobody", "body": "x"},
        {"from": MARIA, "body": 3},
        {"from": MARIA, "to": "+12025550199"},
        {"from": MARIA, "body": "x", "media": [{"content_type": "image/png", "content": "not base64!"}]},
    ],
)
def test_a_text_that_makes_no_sense_is_refused_with_a_reason(
    lasting_world: World, content: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match=r'400 \{"error": ?"'):
        ask(lasting_world.url + "/_control/texts", "POST", content)


def test_many_texts_are_taken_at_once_and_all_told(world: World) -> None:
    texts = [{"from": MARIA, "body": f"text {number}"} for number in range(200)]

    sids = world.control("POST", "/texts", {"texts": texts})["sids"]

    told = world.receiver.wait_for(200)
    assert {call.params["MessageSid"] for call in told} == set(sids)
    world.settle()
    counts = world.control("GET", "/counts")
    assert counts["texts"] == {"inbound": 200} and counts["waiting"] == 0


def test_a_rush_comes_from_every_phone(world: World) -> None:
    world.control("POST", "/rushes", {"count": 20, "seconds": 0})

    told = world.receiver.wait_for(20)

    assert len({call.params["From"] for call in told}) == 2
