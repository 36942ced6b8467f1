"""Answers to the question for a birth date that come at once, in transactions of their own, as two workers have them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import a_text_from, received
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.conversations import delivery
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.inbox import requesting
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Received
from triage.domain.patients.phones import PhoneUse
from triage.domain.practice.practice import Practice
from triage.kit import db

RIGHT, WRONG = "05/17/1980", "05/18/1980"


@pytest.fixture
def use(fresh_session: Session, fresh_cast: Cast) -> PhoneUse:
    """Pat was asked."""
    turned_on = update(Practice).where(Practice.id == fresh_cast.practice_id).values(verification_on=True)
    fresh_session.execute(turned_on)
    fresh_session.commit()
    use = fresh_session.scalars(select(PhoneUse)).one()
    requesting.request_from_patient(fresh_session, fresh_cast.pat.id, use.id, by=fresh_cast.ana)
    fresh_session.commit()
    return use


def file_at_once(session: Session, cast: Cast, *texts: Received) -> None:
    leases = []
    for text in texts:
        received(session, text, practice_id=cast.practice_id)
        with db.transaction() as own:
            lease = ledger.claim(own)
        assert lease is not None
        leases.append(lease)
    with ThreadPoolExecutor(len(leases)) as pool:
        assert list(pool.map(process.file, leases)) == [None] * len(leases)
    session.expire_all()


@pytest.mark.parametrize("tries", range(3))
def test_two_wrong_dates_take_two_tries(
    fresh_session: Session, fresh_cast: Cast, use: PhoneUse, tries: int
) -> None:
    texts = [a_text_from(PAT_NUMBER, WRONG), a_text_from(PAT_NUMBER, WRONG, to=SOUTH_NUMBER)]

    file_at_once(fresh_session, fresh_cast, *texts)

    assert use.wrong_dates == 2


@pytest.mark.parametrize("tries", range(3))
def test_a_stop_beside_the_right_date_lets_nothing_out_any_more(
    fresh_session: Session, fresh_cast: Cast, use: PhoneUse, tries: int
) -> None:
    texts = [a_text_from(PAT_NUMBER, RIGHT), a_text_from(PAT_NUMBER, "STOP", to=SOUTH_NUMBER)]

    file_at_once(fresh_session, fresh_cast, *texts)

    assert delivery.claim(fresh_session, limit=9) == []
    assert {one.state for one in fresh_session.scalars(select(OutboundText))} == {OutboundState.FAILED}
