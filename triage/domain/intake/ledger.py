"""The inbound ledger: what the carrier brought, exactly as it came, and what became of it.

A row is committed before the carrier is answered. It ends in exactly one outcome: filed, duplicate,
quarantined or dead. Workers take rows by lease, by conversation, and never two workers one conversation.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Index,
    String,
    TextClause,
    bindparam,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit, jobs
from triage.domain.practice.member import Member
from triage.kit import clock, db, later, live, metrics
from triage.kit.bulk import Rows
from triage.kit.errors import NotFound, NotPossible

BATCH = 200
MOST_ATTEMPTS = 5
# A batch takes well under a second; a worker that was paused longer than this finds its lease lost.
LEASE_FOR = timedelta(seconds=10)
# Forged calls must not fill the disk: beyond this they are counted only.
MOST_QUARANTINED = 500
MOST_STRAY = 1000
# Claims are short and must not interleave: two at once could take rows of one conversation.
CLAIM_LOCK = 7_301_001


class InboundState(StrEnum):
    NEW = "new"
    FILED = "filed"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    DEAD = "dead"


class Via(StrEnum):
    WEBHOOK = "webhook"
    RECONCILE = "reconcile"


class Received(NamedTuple):
    """One inbound text in our words. `params` is everything that came, for the record."""

    sid: str
    account: str
    from_number: str
    to_number: str
    body: str
    media: list[dict[str, str]]
    opt_out_type: str | None
    params: dict[str, str]


class Inbound(db.OfPractice, db.Base):
    """One carrier call. `conversation_key` keeps a conversation's rows together before it exists."""

    __tablename__ = "inbound"
    __table_args__ = (
        db.referable(),
        db.within_practice("message_id", "message"),
        db.within_practice("duplicate_of_id", "inbound"),
        db.within_practice("handled_by_id", "member"),
        Index(
            "uq_inbound_sid",
            "practice_id",
            "provider_sid",
            unique=True,
            postgresql_where="state not in ('duplicate', 'quarantined')",
        ),
        Index("uq_inbound_message", "message_id", unique=True, postgresql_where="message_id is not null"),
        Index("ix_inbound_new", "next_attempt_at", "received_at", "id", postgresql_where="state = 'new'"),
        Index(
            "ix_inbound_tried",
            "conversation_key",
            postgresql_where="state = 'new' and attempts > 0",
        ),
        Index(
            "ix_inbound_shown",
            "practice_id",
            "received_at",
            postgresql_where="state in ('quarantined', 'dead') and handled_at is null",
        ),
        Index("ix_inbound_received", "practice_id", "received_at"),
        CheckConstraint("(state = 'filed') = (message_id is not null)", name="filed_has_message"),
        CheckConstraint("(state = 'duplicate') = (duplicate_of_id is not null)", name="duplicate_of"),
        CheckConstraint("(state = 'new') or lease_until is null", name="lease_of_new"),
    )

    provider_sid: Mapped[str]
    via: Mapped[Via] = mapped_column(db.choice(Via, "via"))
    conversation_key: Mapped[str]
    from_number: Mapped[str]
    to_number: Mapped[str]
    body: Mapped[str]
    media: Mapped[list[dict[str, Any]]]
    opt_out_type: Mapped[str | None]
    params: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    state: Mapped[InboundState] = mapped_column(db.choice(InboundState, "state"))
    reason: Mapped[str | None]
    message_id: Mapped[UUID | None]
    duplicate_of_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    filed_at: Mapped[datetime | None]
    handled_at: Mapped[datetime | None]
    handled_by_id: Mapped[UUID | None]


class StrayCall(db.Base):
    """A call for an account that no practice has; bounded, shown by `triage doctor`."""

    __tablename__ = "stray_call"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=db.new_id)
    reason: Mapped[str]
    account: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(index=True)


_TABLE = db.Base.metadata.tables["inbound"]
_COLUMNS = _TABLE.c
# A carrier's SID is filed once; repetitions and what was never verified do not count.
_COUNTS = text("state not in ('duplicate', 'quarantined')")


_ARRIVED = Rows.of(
    _TABLE,
    (
        "id",
        "practice_id",
        "provider_sid",
        "via",
        "conversation_key",
        "from_number",
        "to_number",
        "body",
        "media",
        "opt_out_type",
        "params",
        "sent_at",
    ),
)
_arrived = _ARRIVED.table.c


def _write(state: InboundState, **more: ColumnElement[Any]) -> Insert:
    """Rows of what has arrived, in this state; without a time of its own a text was sent when it came."""
    values = {column.name: column for column in _arrived} | {
        "sent_at": func.coalesce(_arrived.sent_at, clock.moment()),
        "received_at": clock.moment(),
        "next_attempt_at": clock.moment(),
        "state": literal(state.value),
        "attempts": literal(0),
        **more,
    }
    return insert(_TABLE).from_select(list(values), select(*values.values()), include_defaults=False)


_FIRST = (
    select(_COLUMNS.id)
    .where(
        _COLUMNS.practice_id == _arrived.practice_id, _COLUMNS.provider_sid == _arrived.provider_sid, _COUNTS
    )
    .correlate(_ARRIVED.table)
    .scalar_subquery()
)
_RECEIVE = (
    _write(InboundState.NEW)
    .on_conflict_do_nothing(index_elements=[_COLUMNS.practice_id, _COLUMNS.provider_sid], index_where=_COUNTS)
    .returning(_COLUMNS.id)
)
_NOTE_DUPLICATES = _write(InboundState.DUPLICATE, duplicate_of_id=_FIRST)
_RECEIVE_ALONE, _NOTE_ALONE = db.Alone(_RECEIVE), db.Alone(_NOTE_DUPLICATES)
_QUARANTINE = _write(InboundState.QUARANTINED, reason=bindparam("reason", type_=String()))


class Leased(NamedTuple):
    """One text of a lease, as far as filing it needs it."""

    id: UUID
    practice_id: UUID
    from_number: str
    to_number: str
    body: str
    media: list[dict[str, Any]]
    opt_out_type: str | None
    sent_at: datetime
    received_at: datetime


class Lease(NamedTuple):
    """Texts, in the order in which they were sent, that this worker and no other may file until the lease ends."""

    id: UUID
    texts: tuple[Leased, ...]

    @property
    def inbound_ids(self) -> tuple[UUID, ...]:
        return tuple(text.id for text in self.texts)


class LeaseLost(Exception):
    """This worker was paused so long that its rows may be with another one."""


class Arrival(NamedTuple):
    """A text for a practice. Without `sent_at` it was sent when it came."""

    practice_id: UUID
    received: Received
    via: Via
    sent_at: datetime | None = None


def receive(
    session: Session, practice_id: UUID, received: Received, *, via: Via, sent_at: datetime | None = None
) -> InboundState:
    """Write the text into the ledger; a repetition is written as what it is. Safe to repeat.

    Returns `NEW` or `DUPLICATE`. A worker is asked after the commit.
    """
    return receive_all(session, [Arrival(practice_id, received, via, sent_at)])[0]


def receive_all(session: Session, arrivals: Sequence[Arrival]) -> list[InboundState]:
    """As `receive`, for many at once."""
    now = clock.moment_of(session)
    states = _receive(
        lambda given: list(session.execute(_RECEIVE, given | now)),
        lambda given: session.execute(_NOTE_DUPLICATES, given | now),
        arrivals,
    )
    if InboundState.NEW in states:
        later.run(session, jobs.PROCESS_INBOUND)
    return states


def receive_now(arrivals: Sequence[Arrival]) -> list[InboundState]:
    """As `receive_all`, and committed when it returns: the webhook has nothing else to do in a transaction."""
    now = clock.moment_alone()
    states = _receive(
        lambda given: _RECEIVE_ALONE.run(given | now), lambda given: _NOTE_ALONE.run(given | now), arrivals
    )
    if InboundState.NEW in states:
        later.ring_soon(jobs.PROCESS_INBOUND)
    return states


def _receive(
    write: Callable[[dict[str, Any]], Sequence[Sequence[Any]]],
    note_duplicates: Callable[[dict[str, Any]], object],
    arrivals: Sequence[Arrival],
) -> list[InboundState]:
    rows = [_row(arrival) for arrival in arrivals]
    new = {row[0] for row in write(_ARRIVED.given(rows))}
    repeated = [row for row in rows if row[0] not in new]
    if repeated:
        note_duplicates(_ARRIVED.given(repeated))
        metrics.INBOUND.labels("duplicate").inc(len(repeated))
    return [InboundState.NEW if row[0] in new else InboundState.DUPLICATE for row in rows]


def _row(arrival: Arrival) -> tuple[Any, ...]:
    """In the order of `_ARRIVED`."""
    received = arrival.received
    return (
        db.new_id(),
        arrival.practice_id,
        received.sid,
        arrival.via,
        f"{arrival.practice_id}:{received.to_number}:{received.from_number}",
        received.from_number,
        received.to_number,
        received.body,
        received.media,
        received.opt_out_type,
        received.params,
        arrival.sent_at,
    )


def quarantine(session: Session, practice_id: UUID, received: Received, *, reason: str) -> bool:
    """Keep a call that looks genuine and cannot be verified, for an admin to judge. False when there are too many."""
    waiting = session.scalar(
        select(func.count()).select_from(
            select(Inbound.id)
            .where(
                Inbound.practice_id == practice_id,
                Inbound.state == InboundState.QUARANTINED,
                Inbound.handled_at.is_(None),
            )
            .limit(MOST_QUARANTINED)
            .subquery()
        )
    )
    if (waiting or 0) >= MOST_QUARANTINED:
        return False
    rows = [_row(Arrival(practice_id, received, Via.WEBHOOK))]
    session.execute(_QUARANTINE, {**_ARRIVED.given(rows), **clock.moment_of(session), "reason": reason})
    return True


def note_stray(session: Session, account: str, *, reason: str) -> None:
    """Count a call for nobody we know, within bounds."""
    some = select(StrayCall.id).limit(MOST_STRAY).subquery()
    if (session.scalar(select(func.count()).select_from(some)) or 0) < MOST_STRAY:
        session.add(StrayCall(account=account[:40], reason=reason, received_at=clock.now(session)))


# Whatever is leased or has failed was tried, and holds back what came after it in its conversation: a text is
# never filed before an earlier one.
_FRESH = """
      attempts = 0
        and conversation_key not in (select conversation_key from inbound where state = 'new' and attempts > 0)"""
_AGAIN = """
      attempts > 0
        and not exists (
          select from inbound earlier
          where earlier.state = 'new' and earlier.attempts > 0
            and earlier.conversation_key = inbound.conversation_key
            and (earlier.lease_until >= :now or (earlier.sent_at, earlier.id) < (inbound.sent_at, inbound.id)))"""


def _leasing(which: str) -> TextClause:
    return text(
        f"""
    with due as (
      select id from inbound
      where state = 'new' and next_attempt_at <= :now
        and (lease_until is null or lease_until < :now)
        and {which}
      order by next_attempt_at, received_at, id limit :size
      for update skip locked)
    update inbound set attempts = attempts + 1, lease_id = :lease, lease_until = :until
    from due where inbound.id = due.id
    returning inbound.id, practice_id, from_number, to_number, body, media, opt_out_type, sent_at, received_at
    """
    )


_LEASE_FRESH, _LEASE_AGAIN = _leasing(_FRESH), _leasing(_AGAIN)


def claim(session: Session, *, failed_first: bool = False) -> Lease | None:
    """Take due rows: up to 200 fresh ones, or a single one that failed before. None when nothing is due.

    Ask with `failed_first` every other time: under steady load there is always something fresh.
    """
    now = clock.now_alone(session, CLAIM_LOCK)
    for again in (failed_first, not failed_first):
        if again:
            _bury(session, now=now)
        lease = _lease(session, now=now, again=again, size=1 if again else BATCH)
        if lease is not None:
            return lease
    return None


def _lease(session: Session, *, now: datetime, again: bool, size: int) -> Lease | None:
    id_ = db.new_id()
    given = {"now": now, "until": now + LEASE_FOR, "lease": id_, "size": size}
    taken = [Leased._make(row) for row in session.execute(_LEASE_AGAIN if again else _LEASE_FRESH, given)]
    return Lease(id_, tuple(sorted(taken, key=lambda text: (text.sent_at, text.id)))) if taken else None


def _bury(session: Session, *, now: datetime) -> None:
    """Rows that were tried often enough, also by workers that died, become visible to staff instead."""
    dead = session.execute(
        update(Inbound)
        .where(
            Inbound.state == InboundState.NEW,
            Inbound.attempts >= MOST_ATTEMPTS,
            Inbound.next_attempt_at <= now,
            (Inbound.lease_until.is_(None)) | (Inbound.lease_until < now),
        )
        .values(state=InboundState.DEAD, lease_until=None, lease_id=None, reason="could not be filed")
        .returning(Inbound.practice_id)
    ).all()
    for row in dead:
        metrics.INBOUND.labels("dead").inc()
        live.announce(session, row.practice_id, "counts")


def give_up(session: Session, lease: Lease) -> None:
    """The lease failed: its rows are tried again one by one, each time later."""
    now = clock.now(session)
    session.execute(
        update(Inbound)
        .where(Inbound.lease_id == lease.id, Inbound.state == InboundState.NEW)
        .values(
            lease_id=None,
            lease_until=None,
            next_attempt_at=literal(now)
            + func.make_interval(0, 0, 0, 0, 0, 0, (Inbound.attempts - 1) * (Inbound.attempts - 1)),
        )
    )


def waiting_longer_than(session: Session, age: timedelta) -> int:
    """Rows that no doorbell seems to have announced."""
    now = clock.now(session)
    some = (
        select(Inbound.id)
        .where(
            Inbound.state == InboundState.NEW,
            Inbound.next_attempt_at <= now,
            Inbound.received_at < now - age,
            (Inbound.lease_until.is_(None)) | (Inbound.lease_until < now),
        )
        .limit(BATCH)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def known_sids(session: Session, practice_id: UUID, sids: set[str]) -> set[str]:
    """Which of the carrier's texts are in the ledger already."""
    return set(
        session.scalars(
            select(Inbound.provider_sid).where(
                Inbound.practice_id == practice_id,
                # One array, for a carrier's list may be longer than a statement has places.
                Inbound.provider_sid == func.any(bindparam("sids", sorted(sids), ARRAY(String))),
                Inbound.state.not_in((InboundState.DUPLICATE, InboundState.QUARANTINED)),
            )
        )
    )


def for_staff(session: Session, member: Member) -> list[Inbound]:
    """Texts in quarantine or that could not be filed, for somebody who may change settings."""
    return list(
        session.scalars(
            select(Inbound)
            .where(
                Inbound.practice_id == member.practice_id,
                Inbound.state.in_((InboundState.QUARANTINED, InboundState.DEAD)),
                Inbound.handled_at.is_(None),
            )
            # A flood of forged calls must not push a patient's text off the list.
            .order_by(Inbound.state != InboundState.DEAD, Inbound.received_at.desc())
            .limit(MOST_QUARANTINED)
        )
    )


def count_for_staff(session: Session, practice_id: UUID) -> int:
    """How many texts wait for an admin's judgement."""
    some = (
        select(Inbound.id)
        .where(
            Inbound.practice_id == practice_id,
            Inbound.state.in_((InboundState.QUARANTINED, InboundState.DEAD)),
            Inbound.handled_at.is_(None),
        )
        .limit(MOST_QUARANTINED)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def release(session: Session, inbound_id: UUID, *, by: Member) -> None:
    """File it after all: an admin judged it genuine, or the fault is mended. Raises `NotFound`, `NotPossible`."""
    row = _shown(session, inbound_id, by)
    now = clock.now(session)
    if row.provider_sid in known_sids(session, by.practice_id, {row.provider_sid}) - _own_sid(row):
        raise NotPossible("This text has arrived by another way. It is filed already.")
    row.state = InboundState.NEW
    row.attempts = 0
    row.next_attempt_at = now
    audit.record(session, by.practice_id, audit.Action.INBOUND_RELEASED, by=by.id, at=now, subject_id=row.id)
    later.run(session, jobs.PROCESS_INBOUND)


def _own_sid(row: Inbound) -> set[str]:
    return {row.provider_sid} if row.state is InboundState.DEAD else set()


def discard(session: Session, inbound_id: UUID, *, by: Member) -> None:
    """Take it off the list; the row stays. Raises `NotFound`."""
    row = _shown(session, inbound_id, by)
    row.handled_at, row.handled_by_id = clock.now(session), by.id
    audit.record(
        session,
        by.practice_id,
        audit.Action.INBOUND_DISCARDED,
        by=by.id,
        at=row.handled_at,
        subject_id=row.id,
    )


def _shown(session: Session, inbound_id: UUID, by: Member) -> Inbound:
    query = select(Inbound).where(
        Inbound.practice_id == by.practice_id,
        Inbound.id == inbound_id,
        Inbound.state.in_((InboundState.QUARANTINED, InboundState.DEAD)),
        Inbound.handled_at.is_(None),
    )
    row = session.scalar(db.locked(query))
    if row is None:
        raise NotFound("This text is no longer on the list.")
    return row
