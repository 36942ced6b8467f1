"""Reconciliation: what the carrier has and we never received is found, filed and counted."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.builders import an_inbound
from tests.carrier import PaperCarrier
from tests.cast import NORTH_NUMBER, OTHER_NUMBER, PAT_NUMBER, Cast
from triage.domain.conversations.message import Message
from triage.domain.intake import process
from triage.domain.intake.ledger import Inbound, InboundState, Via
from triage.domain.intake.reconcile import reconcile
from triage.domain.practice.practice import PracticeNumber
from triage.kit import clock

SETTLE = timedelta(seconds=60)


@pytest.fixture
def carrier(session: Session) -> PaperCarrier:
    """Its texts came five minutes ago."""
    return PaperCarrier(now=lambda: clock.now(session) - timedelta(minutes=5))


def test_a_text_that_never_arrived_is_filed_as_of_when_it_was_sent(
    session: Session, cast: Cast, carrier: PaperCarrier
) -> None:
    lost = carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Are you there?", is_inbound=True)

    assert reconcile(carrier.of, settle=SETTLE) == 1
    process.run_due()

    row = session.scalars(select(Inbound)).one()
    assert (row.via, row.state, row.provider_sid) == (Via.RECONCILE, InboundState.FILED, lost.sid)
    message = session.scalars(select(Message)).one()
    assert (message.body, message.at) == ("Are you there?", lost.created_at)


def test_what_arrived_is_left_alone(session: Session, cast: Cast, carrier: PaperCarrier) -> None:
    row = an_inbound(session, cast=cast)
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, row.body, is_inbound=True, sid=row.provider_sid)

    assert reconcile(carrier.of, settle=SETTLE) == 0
    assert len(session.scalars(select(Inbound)).all()) == 1


def test_what_may_be_on_its_way_is_left_to_the_webhook(session: Session, cast: Cast) -> None:
    carrier = PaperCarrier(now=lambda: clock.now(session))
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Just now", is_inbound=True)

    assert reconcile(carrier.of, settle=SETTLE) == 0
    with clock.shifted(timedelta(minutes=2)):
        assert reconcile(carrier.of, settle=SETTLE) == 1


def test_what_we_sent_is_not_a_text_to_us(session: Session, cast: Cast, carrier: PaperCarrier) -> None:
    carrier.keep(OTHER_NUMBER, NORTH_NUMBER, "From a colleague's number", is_inbound=False)

    assert reconcile(carrier.of, settle=SETTLE) == 0


def test_running_again_finds_nothing_more(session: Session, cast: Cast, carrier: PaperCarrier) -> None:
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Are you there?", is_inbound=True)

    assert [reconcile(carrier.of, settle=SETTLE) for _ in range(3)] == [1, 0, 0]


def test_a_carrier_that_does_not_answer_is_asked_from_the_same_point_again(
    session: Session, cast: Cast, carrier: PaperCarrier
) -> None:
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Are you there?", is_inbound=True)
    carrier.is_away = True
    assert reconcile(carrier.of, settle=SETTLE) == 0

    carrier.is_away = False
    with clock.shifted(timedelta(hours=20)):
        assert reconcile(carrier.of, settle=SETTLE) == 1


def test_the_watermark_moves_and_looks_back_an_hour(
    session: Session, cast: Cast, carrier: PaperCarrier
) -> None:
    reconcile(carrier.of, settle=SETTLE)

    number = session.get_one(PracticeNumber, cast.north_number.id)
    assert number.reconciled_until is not None and number.reconciled_at is not None
    assert number.reconciled_at - number.reconciled_until >= SETTLE
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, "The list lagged", is_inbound=True)
    assert reconcile(carrier.of, settle=SETTLE) == 1


def test_a_practice_without_an_account_is_passed_over(session: Session, cast: Cast) -> None:
    assert reconcile(lambda _practice: None, settle=SETTLE) == 0
