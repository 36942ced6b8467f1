"""One now per transaction: the database's time, plus an offset that tests and the demo's history use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, Interval, bindparam, func, select, text
from sqlalchemy.orm import Session

_offset: ContextVar[timedelta] = ContextVar("clock_offset", default=timedelta(0))


def now(session: Session) -> datetime:
    """The moment of this transaction, in UTC; the same at every call in it."""
    if "now" not in session.info:
        session.info["now"] = session.execute(text("select clock_timestamp()")).scalar_one() + _offset.get()
    moment: datetime = session.info["now"]
    return moment


def now_alone(session: Session, lock: int) -> datetime:
    """Wait until nobody else holds this lock, then the moment; the lock is let go with the transaction."""
    row = session.execute(_LOCKED, {"lock": lock}).one()
    session.info["now"] = row.now + _offset.get()
    return now(session)


_LOCKED = select(
    func.pg_advisory_xact_lock(bindparam("lock")),
    func.clock_timestamp(type_=DateTime(timezone=True)).label("now"),
)


def moment() -> ColumnElement[datetime]:
    """The moment of a transaction as a part of a statement that is built once; give it `moment_of(session)`."""
    return func.coalesce(
        bindparam("moment", type_=DateTime(timezone=True)),
        func.statement_timestamp(type_=DateTime(timezone=True)) + bindparam("offset", type_=Interval()),
    )


def moment_of(session: Session) -> dict[str, object]:
    """What `moment` asks for: the transaction's now where it has been read, else the statement's own time."""
    return {**moment_alone(), "moment": session.info.get("now")}


def moment_alone() -> dict[str, object]:
    """The same for a statement that is a transaction of its own."""
    return {"moment": None, "offset": _offset.get()}


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Inside, transactions that begin live `by` later (or earlier, when negative) than the database."""
    token = _offset.set(_offset.get() + by)
    try:
        yield
    finally:
        _offset.reset(token)
