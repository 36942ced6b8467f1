"""Signs of life of worker and scheduler processes, and ticks that run once however many schedulers there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.kit import clock, db

FRESH_FOR = timedelta(seconds=60)


class Heartbeat(db.Base):
    """When a process of this kind was last alive."""

    __tablename__ = "heartbeat"

    process: Mapped[str] = mapped_column(primary_key=True)
    instance: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class TickRun(db.Base):
    """One tick of one job: the slot is taken by whoever comes first."""

    __tablename__ = "tick_run"

    job: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]


def beat(session: Session, process: str, instance: str) -> None:
    now = clock.now(session)
    session.execute(
        insert(Heartbeat)
        .values(process=process, instance=instance, at=now)
        .on_conflict_do_update(index_elements=[Heartbeat.process, Heartbeat.instance], set_={"at": now})
    )
    session.execute(delete(Heartbeat).where(Heartbeat.at < now - timedelta(days=1)))


def is_alive(session: Session, process: str) -> bool:
    last = session.scalar(select(func.max(Heartbeat.at)).where(Heartbeat.process == process))
    return last is not None and clock.now(session) - last < FRESH_FOR


def take_slot(session: Session, job: str, *, every: timedelta) -> bool:
    """Whether this process may run the tick of this moment; the others see that it is taken.

    The lock and the row live in the caller's transaction, so a process that dies frees them at once.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext(f"tick:{job}")))):
        return False
    now = clock.now(session)
    slot = int(now.timestamp() // every.total_seconds())
    taken = session.execute(
        insert(TickRun).values(job=job, slot=slot, at=now).on_conflict_do_nothing().returning(TickRun.slot)
    ).first()
    session.execute(delete(TickRun).where(TickRun.job == job, TickRun.slot < slot - 10))
    return taken is not None


@contextmanager
def tick(job: str, *, every: timedelta) -> Iterator[Session | None]:
    """A transaction in which the tick runs, or None where another scheduler has it."""
    with db.transaction() as session:
        yield session if take_slot(session, job, every=every) else None
