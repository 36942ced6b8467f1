"""Whether texts reach us on a number, as lines that an admin reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain.conversations.carrier import NumberAtCarrier
from triage.domain.intake import reachable
from triage.domain.intake.reachable import Facts, Light
from triage.kit import clock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HERE = "https://texts.example/webhooks/twilio/messages"
WORKS = Facts(
    account="AC" + "1" * 32,
    has_token=True,
    is_set_up=True,
    texting_on=True,
    last_call_at=NOW - timedelta(minutes=4),
    last_text_at=NOW - timedelta(minutes=4),
    fetched=0,
    last_fetched_at=None,
    badly_signed=0,
    last_badly_signed_at=None,
    reconciled_at=NOW - timedelta(minutes=2),
)


def lights(facts: Facts) -> dict[str, Light]:
    return {check.subject: check.light for check in reachable.checks(facts, now=NOW)}


def test_a_number_that_works_is_green_all_the_way() -> None:
    assert set(lights(WORKS).values()) == {Light.GREEN}


@pytest.mark.parametrize(
    ("given", "subject", "light"),
    [
        ({"account": None}, "Account", Light.RED),
        ({"has_token": False}, "Account", Light.RED),
        ({"is_set_up": False}, "Number", Light.AMBER),
        ({"texting_on": False}, "Sending", Light.AMBER),
        ({"badly_signed": 2, "last_badly_signed_at": NOW}, "Signatures", Light.RED),
        ({"badly_signed": 1, "last_badly_signed_at": NOW - timedelta(days=2)}, "Signatures", Light.AMBER),
        ({"reconciled_at": NOW - timedelta(hours=2)}, "Carrier's list", Light.RED),
        ({"reconciled_at": None}, "Carrier's list", Light.GREY),
        ({"last_call_at": None}, "Calls reach us", Light.GREY),
        ({"fetched": 1, "last_fetched_at": NOW - timedelta(hours=1)}, "Calls reach us", Light.AMBER),
        ({"fetched": 1, "last_fetched_at": NOW}, "Calls reach us", Light.RED),
        ({"fetched": 1, "last_fetched_at": NOW, "last_call_at": None}, "Calls reach us", Light.RED),
    ],
)
def test_each_fault_has_a_line(given: dict[str, Any], subject: str, light: Light) -> None:
    facts = WORKS._replace(**given)

    assert lights(facts)[subject] is light
    assert reachable.worst(reachable.checks(facts, now=NOW)) is light


@pytest.mark.parametrize(
    ("at_carrier", "light"),
    [
        (NumberAtCarrier(HERE), Light.GREEN),
        (NumberAtCarrier(HERE + "#rc=5&rp=all"), Light.GREEN),
        (NumberAtCarrier("https://elsewhere.example/sms"), Light.RED),
        (NumberAtCarrier(""), Light.RED),
        (None, Light.RED),
    ],
)
def test_the_carriers_answer_is_compared_with_our_address(
    at_carrier: NumberAtCarrier | None, light: Light
) -> None:
    assert reachable.compare(HERE, at_carrier).light is light


def test_the_facts_are_those_of_this_number(session: Session, cast: Cast) -> None:
    builders.an_inbound(session, cast=cast, to=cast.south_number.number)
    north = builders.an_inbound(session, cast=cast)
    session.commit()

    facts = reachable.facts_of(session, cast.practice, cast.north_number, now=clock.now(session))

    assert facts.last_call_at == north.received_at
    assert (facts.fetched, facts.badly_signed) == (0, 0)
