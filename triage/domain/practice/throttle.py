"""Counting tries in the database, so that parallel guesses cannot slip past the limit."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.kit import db, secrets


class Limit(NamedTuple):
    """At most `tries` within `window`; `name` keeps one kind of try apart from another."""

    name: str
    tries: int
    window: timedelta


class Throttle(db.Base):
    """How often something was tried since `since`; the key is a digest and names nobody."""

    __tablename__ = "throttle"

    key: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]


_COUNT = text(
    """
    insert into throttle (key, since, tries) values (:key, :now, 1)
    on conflict (key) do update set
        tries = case when throttle.since <= :start then 1 else throttle.tries + 1 end,
        since = case when throttle.since <= :start then :now else throttle.since end
    returning tries, since
    """
)


def _key(limit: Limit, subject: str) -> str:
    return secrets.digest(f"{limit.name}\0{subject}")


def wait_for(session: Session, limit: Limit, subject: str, *, now: datetime) -> timedelta | None:
    """Count one try. None while tries are left, else how long to wait. The count stands at commit only."""
    tries, since = session.execute(
        _COUNT, {"key": _key(limit, subject), "now": now, "start": now - limit.window}
    ).one()
    return None if tries <= limit.tries else since + limit.window - now


def forget(session: Session, limit: Limit, subject: str) -> None:
    """Start counting anew, after a success."""
    session.execute(delete(Throttle).where(Throttle.key == _key(limit, subject)))


def trim(session: Session, *, now: datetime) -> int:
    """Remove counts that no limit can still need."""
    gone = session.execute(delete(Throttle).where(Throttle.since < now - timedelta(days=2)))
    return gone.rowcount  # type: ignore[attr-defined, no-any-return]  # a delete has a row count
