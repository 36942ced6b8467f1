"""The work itself: who is alive, what waits and for how long, what a person must look at."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from triage.config import Settings
from triage.doctoring.finding import Finding, bad, ok, warn
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.intake.ledger import Inbound, InboundState, StrayCall
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.kit.heartbeat import FRESH_FOR, Heartbeat

# `triage verify` calls a text late after this, and so does the doctor.
LATE = timedelta(seconds=60)
LONG_SINCE_COMPARED = timedelta(hours=1)


def look(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Only for a database that is up to date. Counts, ages and our own numbers: nothing of a patient."""
    now: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    for process in ("worker", "scheduler"):
        yield _alive(connection, process, now)
    yield _inbound(connection, now)
    yield _outbound(connection, now)
    yield _sending(connection, now)
    yield _unknown(connection, now)
    yield _for_a_person(connection)
    yield from _not_filed(connection)
    yield _stray(connection)
    yield from _compared(connection, settings, now)


def _alive(connection: Connection, process: str, now: datetime) -> Finding:
    beats = connection.execute(select(Heartbeat.at).where(Heartbeat.process == process)).scalars().all()
    alive = [at for at in beats if now - at < FRESH_FOR]
    if alive:
        return ok(process, f"{len(alive)} alive, last heard of {age(now - max(alive))} ago.")
    said = f"None was heard of for {age(now - max(beats))}." if beats else "None was ever heard of."
    return bad(process, said, f"Start one with: triage {process}")


def _inbound(connection: Connection, now: datetime) -> Finding:
    waiting = select(func.count(), func.min(Inbound.received_at)).where(Inbound.state == InboundState.NEW)
    count, oldest = connection.execute(waiting).one()
    return _queue("inbound texts", count, oldest, now, "wait to be filed", "Look at the workers' log.")


def _outbound(connection: Connection, now: datetime) -> Finding:
    waiting = select(func.count(), func.min(OutboundText.due_at)).where(
        OutboundText.state == OutboundState.QUEUED, OutboundText.due_at <= now
    )
    count, oldest = connection.execute(waiting).one()
    return _queue("outbound texts", count, oldest, now, "wait to be sent", "Look at the workers' log.")


def _sending(connection: Connection, now: datetime) -> Finding:
    lost = select(func.count(), func.min(OutboundText.lease_until)).where(
        OutboundText.state == OutboundState.SENDING, OutboundText.lease_until < now
    )
    count, oldest = connection.execute(lost).one()
    said = "were being sent by a process that is gone"
    return _queue("texts under way", count, oldest, now, said, "Start a scheduler: it looks them up.")


def _queue(subject: str, count: int, oldest: datetime | None, now: datetime, what: str, mend: str) -> Finding:
    if oldest is None:
        return ok(subject, "None waits.")
    said = f"{count} {what}, the oldest for {age(now - oldest)}."
    return bad(subject, said, mend) if now - oldest > LATE else ok(subject, said)


def _unknown(connection: Connection, now: datetime) -> Finding:
    unclear = select(func.count(), func.min(OutboundText.queued_at)).where(
        OutboundText.state == OutboundState.UNKNOWN
    )
    count, oldest = connection.execute(unclear).one()
    if not count:
        return ok("unclear texts", "Of every text it is known whether it left.")
    return warn(
        "unclear texts",
        f"Of {count} nobody knows yet whether they left, the oldest since {age(now - oldest)}.",
        "They are looked up by themselves; look at the carrier's status page where the number grows.",
    )


def _for_a_person(connection: Connection) -> Finding:
    count = connection.scalar(
        select(func.count()).where(
            OutboundText.state == OutboundState.NEEDS_PERSON, OutboundText.dismissed_at.is_(None)
        )
    )
    if not count:
        return ok("texts to decide on", "None.")
    return warn(
        "texts to decide on",
        f"{count} may not have been sent, and only a person can decide.",
        "Open the folder Failed of the inbox.",
    )


def _not_filed(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        select(Practice.name, Inbound.state, func.count())
        .join(Practice, Practice.id == Inbound.practice_id)
        .where(Inbound.state.in_((InboundState.DEAD, InboundState.QUARANTINED)), Inbound.handled_at.is_(None))
        .group_by(Practice.name, Inbound.state)
        .order_by(Practice.name, Inbound.state)
    ).all()
    mend = "An admin of the practice finds them under Settings, Quarantine."
    for practice, state, count in rows:
        if state is InboundState.DEAD:
            yield bad("texts not filed", f"{practice}: {count} could not be filed.", mend)
        else:
            yield warn(
                "texts not filed", f"{practice}: {count} in quarantine, signed with another token.", mend
            )
    if not rows:
        yield ok("texts not filed", "None.")


def _stray(connection: Connection) -> Finding:
    count, newest = connection.execute(select(func.count(), func.max(StrayCall.received_at))).one()
    if not count:
        return ok("stray calls", "None.")
    return warn(
        "stray calls",
        f"{count} calls of accounts that no practice has, the last on {newest:%Y-%m-%d at %H:%M} UTC.",
        "Compare the practices' account numbers with the carrier's console.",
    )


def _compared(connection: Connection, settings: Settings, now: datetime) -> Iterator[Finding]:
    subject = "reconciliation"
    numbers = connection.execute(
        select(PracticeNumber.number, PracticeNumber.reconciled_at)
        .join(Practice, Practice.id == PracticeNumber.practice_id)
        .where(Practice.carrier_account.is_not(None))
        .order_by(PracticeNumber.number)
    ).all()
    mend = "Start a scheduler, and see that the carrier answers."
    usual = timedelta(seconds=3 * settings.reconcile_every_seconds)
    for number, at in numbers:
        if at is None:
            yield warn(subject, f"{number} was never compared with the carrier's list.", mend)
            continue
        said = f"{number} was compared with the carrier's list {age(now - at)} ago."
        if now - at <= usual:
            yield ok(subject, said)
        elif now - at <= max(usual, LONG_SINCE_COMPARED):
            yield warn(subject, said, mend)
        else:
            yield bad(subject, said, mend)


def age(how_long: timedelta) -> str:
    """4 s, 12 min, 5 h or 3 days."""
    seconds = max(0, int(how_long.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86400 else f"{seconds // 86400} days"
