"""One now per transaction: the database's time, plus an offset that tests and the demo's history use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

_offset: ContextVar[timedelta] = ContextVar("clock_offset", default=timedelta(0))


def now(session: Session) -> datetime:
    """The moment of this transaction, in UTC; the same at every call in it."""
    if "now" not in session.info:
        session.info["now"] = session.execute(text("select clock_timestamp()")).scalar_one() + _offset.get()
    moment: datetime = session.info["now"]
    return moment


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Inside, transactions that begin live `by` later (or earlier, when negative) than the database."""
    token = _offset.set(_offset.get() + by)
    try:
        yield
    finally:
        _offset.reset(token)
