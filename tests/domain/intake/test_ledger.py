"""The ledger: every call is written down, once, and what cannot be filed is shown to staff."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.builders import a_number, a_sid, a_text_from, ago, an_inbound, received, task_of
from tests.cast import Cast
from triage.domain.audit import Action, Audit
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Inbound, InboundState, StrayCall, Via
from triage.kit import clock
from triage.kit.errors import NotFound, NotPossible


def quarantined(session: Session, cast: Cast, sid: str | None = None) -> Inbound:
    text = a_text_from(a_number(), sid=sid)
    assert ledger.quarantine(session, cast.practice_id, text, reason="signature")
    return session.scalars(
        select(Inbound).where(Inbound.provider_sid == text.sid, Inbound.state == InboundState.QUARANTINED)
    ).one()


def test_a_text_is_written_exactly_as_it_came(session: Session, cast: Cast) -> None:
    text = a_text_from(body="  Two  spaces ")._replace(params={"Body": "  Two  spaces ", "New": "1"})

    row = received(session, text, practice_id=cast.practice_id)

    assert (row.state, row.body, row.params) == (InboundState.NEW, text.body, text.params)
    assert (row.from_number, row.to_number) == (text.from_number, text.to_number)


def test_a_repetition_is_written_as_what_it_is(session: Session, cast: Cast) -> None:
    sid = a_sid()
    first = an_inbound(session, cast=cast, sid=sid)

    second = received(session, a_text_from(sid=sid), practice_id=cast.practice_id)

    assert (first.state, second.state) == (InboundState.FILED, InboundState.DUPLICATE)
    assert second.duplicate_of_id == first.id
    assert process.run_due() == 0


def test_the_same_id_in_another_practice_is_another_text(session: Session, cast: Cast) -> None:
    sid = a_sid()
    an_inbound(session, cast=cast, sid=sid)

    outcome = ledger.receive(session, cast.other_practice.id, a_text_from(sid=sid), via=Via.WEBHOOK)

    assert outcome is InboundState.NEW


def test_a_quarantined_text_is_not_filed(session: Session, cast: Cast) -> None:
    row = quarantined(session, cast)
    session.commit()

    assert process.run_due() == 0
    assert row.state is InboundState.QUARANTINED
    assert ledger.for_staff(session, cast.admin) == [row]
    assert ledger.count_for_staff(session, cast.practice_id) == 1
    assert ledger.count_for_staff(session, cast.other_practice.id) == 0


def test_a_forged_text_does_not_stand_in_the_way_of_the_genuine_one(session: Session, cast: Cast) -> None:
    sid = a_sid()
    quarantined(session, cast, sid)

    assert an_inbound(session, cast=cast, sid=sid).state is InboundState.FILED


def test_a_released_text_is_filed(session: Session, cast: Cast) -> None:
    row = quarantined(session, cast)

    ledger.release(session, row.id, by=cast.admin)
    session.commit()
    process.run_due()

    session.refresh(row)
    assert row.state is InboundState.FILED
    assert task_of(session, row) is not None
    deed = session.scalars(select(Audit).where(Audit.action == Action.INBOUND_RELEASED)).one()
    assert (deed.subject_id, deed.member_id) == (row.id, cast.admin.id)


def test_a_text_that_came_another_way_is_not_released(session: Session, cast: Cast) -> None:
    sid = a_sid()
    row = quarantined(session, cast, sid)
    an_inbound(session, cast=cast, sid=sid)

    with pytest.raises(NotPossible, match="filed already"):
        ledger.release(session, row.id, by=cast.admin)


def test_a_discarded_text_stays_and_is_no_longer_shown(session: Session, cast: Cast) -> None:
    row = quarantined(session, cast)

    ledger.discard(session, row.id, by=cast.admin)
    session.flush()

    assert ledger.for_staff(session, cast.admin) == []
    assert session.get(Inbound, row.id) is row
    assert row.handled_by_id == cast.admin.id
    with pytest.raises(NotFound):
        ledger.release(session, row.id, by=cast.admin)


def test_dan_judges_nothing_of_another_practice(session: Session, cast: Cast) -> None:
    row = quarantined(session, cast)

    assert ledger.for_staff(session, cast.dan) == []
    with pytest.raises(NotFound):
        ledger.release(session, row.id, by=cast.dan)
    with pytest.raises(NotFound):
        ledger.discard(session, row.id, by=cast.dan)


def test_a_filed_text_cannot_be_released(session: Session, cast: Cast) -> None:
    row = an_inbound(session, cast=cast)

    with pytest.raises(NotFound):
        ledger.release(session, row.id, by=cast.admin)


def test_quarantine_is_bounded(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_QUARANTINED", 3)
    for _ in range(ledger.MOST_QUARANTINED):
        assert ledger.quarantine(session, cast.practice_id, a_text_from(), reason="signature")

    assert not ledger.quarantine(session, cast.practice_id, a_text_from(), reason="signature")
    assert ledger.quarantine(session, cast.other_practice.id, a_text_from(), reason="signature")


def test_calls_for_nobody_are_noted_within_bounds(session: Session) -> None:
    session.add_all(
        StrayCall(account="AC0", reason="unknown account", received_at=clock.now(session))
        for _ in range(ledger.MOST_STRAY - 1)
    )

    for _ in range(3):
        ledger.note_stray(session, "AC" + "9" * 100, reason="unknown account")

    assert session.scalar(select(func.count()).select_from(StrayCall)) == ledger.MOST_STRAY
    assert session.scalar(select(func.max(func.length(StrayCall.account)))) == 40


def test_texts_that_nobody_announced_are_counted(session: Session, cast: Cast) -> None:
    received(session, a_text_from(), practice_id=cast.practice_id)

    assert ledger.waiting_longer_than(session, timedelta(seconds=2)) == 0
    session.execute(update(Inbound).values(received_at=ago(session, seconds=3)))
    assert ledger.waiting_longer_than(session, timedelta(seconds=2)) == 1


def test_texts_that_a_worker_has_are_not_counted(session: Session, cast: Cast) -> None:
    received(session, a_text_from(), practice_id=cast.practice_id)
    session.execute(update(Inbound).values(received_at=ago(session, seconds=3)))

    ledger.claim(session)

    assert ledger.waiting_longer_than(session, timedelta(seconds=2)) == 0
