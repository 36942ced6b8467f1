"""STOP, START and HELP as the carrier handles them."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.simulator.conftest import ANNEX, BEN, FRONT, HARBOR, MARIA, TOKEN, World
from triage.simulator import keywords

TOLL_FREE = "+18335550100"


def is_blocked(world: World, **fields: str) -> bool:
    try:
        world.send(**fields)
    except TwilioRestException as refusal:
        assert (refusal.status, refusal.code) == (400, 21610)
        return True
    return False


def said(world: World) -> list[str]:
    """The carrier's own words on any phone."""
    texts = world.control("GET", "/texts?direction=notice")["texts"]
    return [text["body"] for text in texts]


@pytest.mark.parametrize(
    "word", ["STOP", "stopall", " Unsubscribe ", "CANCEL", "end", "quit", "revoke", "OptOut"]
)
def test_a_stop_word_blocks_and_is_confirmed_by_the_carrier(world: World, word: str) -> None:
    world.text(word)

    assert is_blocked(world)
    assert said(world) == [keywords.STOPPED]
    assert world.receiver.wait_for(1)[0].params["Body"] == word


@pytest.mark.parametrize("sentence", ["STOP PLEASE", "please stop", "stop.", "I want to cancel", "stopp"])
def test_a_sentence_does_not_block(world: World, sentence: str) -> None:
    world.text(sentence)

    assert not is_blocked(world)
    assert said(world) == []


def test_only_the_number_that_was_texted_is_blocked(world: World) -> None:
    world.text("STOP", to=FRONT)

    assert is_blocked(world)
    assert not is_blocked(world, from_=ANNEX)
    assert not is_blocked(world, to=BEN)


@pytest.mark.parametrize("word", ["START", "unstop", "Yes"])
def test_a_start_word_lifts_the_block(world: World, word: str) -> None:
    world.text("STOP")

    world.text(word)

    assert not is_blocked(world)
    assert said(world) == [keywords.STOPPED, keywords.STARTED]


def test_yes_to_an_appointment_gets_no_answer_of_the_carrier(world: World) -> None:
    world.text("YES")

    assert said(world) == []


def test_stop_is_confirmed_once(world: World) -> None:
    world.text("STOP")
    world.text("STOP")

    assert said(world) == [keywords.STOPPED]


def test_help_is_answered(world: World) -> None:
    world.text("help")

    assert said(world) == [keywords.HELPED]
    assert not is_blocked(world)


def test_the_carriers_own_words_are_in_no_list(world: World) -> None:
    world.text("STOP")

    assert [message.direction for message in world.client.messages.list()] == ["inbound"]


def test_the_kind_of_word_is_told_only_where_it_was_configured(world: World) -> None:
    world.text("STOP")
    assert "OptOutType" not in world.receiver.wait_for(1)[0].params

    world.control(
        "POST",
        "/accounts",
        {
            "accounts": [
                {
                    "sid": HARBOR,
                    "token": TOKEN,
                    "numbers": [FRONT],
                    "advanced_opt_out": True,
                    "sms_url": world.receiver.url + "/advanced",
                }
            ]
        },
    )
    for word in ("START", "STOP", "HELP", "hello"):
        world.text(word)
        world.settle()

    told = [call.params.get("OptOutType") for call in world.receiver.wait_for(4, "/advanced")]
    assert told == ["START", "STOP", "HELP", None]


def test_a_messaging_service_is_blocked_as_a_whole(world: World) -> None:
    world.control(
        "POST",
        "/accounts",
        {
            "accounts": [
                {
                    "sid": HARBOR,
                    "token": TOKEN,
                    "numbers": [FRONT, ANNEX],
                    "messaging_service_sid": "MG" + "1" * 32,
                }
            ]
        },
    )

    world.text("STOP", to=FRONT)

    assert is_blocked(world, from_=ANNEX)


def test_a_toll_free_number_knows_fewer_words(world: World) -> None:
    world.control(
        "POST", "/accounts", {"accounts": [{"sid": HARBOR, "token": TOKEN, "numbers": [TOLL_FREE]}]}
    )

    world.text("QUIT", to=TOLL_FREE)
    assert not is_blocked(world, from_=TOLL_FREE)
    world.text("STOP", to=TOLL_FREE)
    world.text("HELP", to=TOLL_FREE)
    world.text("YES", to=TOLL_FREE)
    assert is_blocked(world, from_=TOLL_FREE)
    world.text("UNSTOP", to=TOLL_FREE)

    assert not is_blocked(world, from_=TOLL_FREE)
    assert said(world) == [keywords.STOPPED, keywords.STARTED]


def test_a_blocked_phone_can_still_write(world: World) -> None:
    world.text("STOP")
    sid = world.text("one more thing")

    assert world.client.messages(sid).fetch().from_ == MARIA
    assert len(world.receiver.wait_for(2)) == 2
