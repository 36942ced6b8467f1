"""Reconciliation: what the carrier has and we never received is found, filed and counted."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from triage.domain.conversations.carrier import CarrierOf, CarrierText
from triage.domain.intake import ledger
from triage.domain.intake.ledger import InboundState, Received, Via
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.kit import clock, db, metrics
from triage.kit.errors import GatewayFailed, OutcomeUnknown

# Carriers list by whole days or seconds and can lag: look back further than the last time.
OVERLAP = timedelta(hours=1)
FIRST_LOOK_BACK = timedelta(days=2)


def reconcile(carrier_of: CarrierOf, *, settle: timedelta) -> int:
    """Compare each number's texts at the carrier with the ledger; returns how many were missing.

    Texts younger than `settle` are left to their webhook. Safe to run any time; a carrier that does not answer
    is asked again next time, from the same point.
    """
    found = 0
    for number_id in _numbers():
        found += _reconcile_number(number_id, carrier_of, settle)
    return found


def _numbers() -> list[UUID]:
    with db.reading() as session:
        return list(
            session.scalars(
                select(PracticeNumber.id)
                .join(Practice, Practice.id == PracticeNumber.practice_id)
                .where(Practice.carrier_account.is_not(None))
                .order_by(PracticeNumber.reconciled_at.asc().nulls_first())
            )
        )


def _reconcile_number(number_id: UUID, carrier_of: CarrierOf, settle: timedelta) -> int:
    with db.reading() as session:
        now = clock.now(session)
        number = session.get_one(PracticeNumber, number_id)
        carrier = carrier_of(practices.find_practice(session, number.practice_id))
        since = (number.reconciled_until or now - FIRST_LOOK_BACK) - OVERLAP
    if carrier is None:
        return 0
    until = now - settle
    try:
        listed = [
            text
            for text in carrier.texts(since=since, to_number=number.number)
            if text.is_inbound and text.created_at <= until
        ]
    except (GatewayFailed, OutcomeUnknown):
        return 0
    with db.transaction() as session:
        missing = _file_missing(session, number, listed)
        _move_watermark(session, number_id, until)
    metrics.RECONCILED.inc(missing)
    return missing


def _file_missing(session: Session, number: PracticeNumber, listed: list[CarrierText]) -> int:
    known = ledger.known_sids(session, number.practice_id, {text.sid for text in listed})
    missing = 0
    for text in sorted(listed, key=lambda text: text.created_at):
        if text.sid in known:
            continue
        outcome = ledger.receive(
            session, number.practice_id, _received(text), via=Via.RECONCILE, sent_at=text.created_at
        )
        missing += outcome is InboundState.NEW
    return missing


def _received(text: CarrierText) -> Received:
    return Received(
        sid=text.sid,
        account="",
        from_number=text.from_number,
        to_number=text.to_number,
        body=text.body,
        media=text.media,
        opt_out_type=None,
        params={},
    )


def _move_watermark(session: Session, number_id: UUID, until: datetime) -> None:
    session.execute(
        update(PracticeNumber)
        .where(PracticeNumber.id == number_id)
        .values(reconciled_until=until, reconciled_at=clock.now(session))
    )
