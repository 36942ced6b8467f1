"""Answers that nobody wrote: which text got one, and when the next one may follow."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from triage.kit import db

# Who writes several texts in a row is answered once, and so is who is just being answered by a person.
PAUSE = timedelta(minutes=15)
# Another machine at the other end would answer ours for ever.
DAY = timedelta(days=1)
MOST_A_DAY = 3
# Whoever wrote longer ago does not wait for these words any more.
FRESH = timedelta(hours=1)


class AutomaticAnswer(db.Base):
    """That the message `message_id` answers the text `answers_id`: one text has one answer at most."""

    __tablename__ = "automatic_answer"
    __table_args__ = (
        db.within_practice("message_id", "message"),
        db.within_practice("phone_id", "phone"),
        db.within_practice("answers_id", "message"),
        UniqueConstraint("answers_id"),
        Index("ix_automatic_answer_phone", "phone_id", "at"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    phone_id: Mapped[UUID]
    answers_id: Mapped[UUID]
    at: Mapped[datetime]


class Said(NamedTuple):
    """What a number has heard lately: automatic answers within a day, and the last text of a person."""

    times: int
    last_at: datetime | None
    person_at: datetime | None


def may_follow(said: Said, now: datetime) -> bool:
    """Pure. Whether the number may be answered automatically now; a person's text begins the pause anew."""
    lately = [at for at in (said.last_at, said.person_at) if at is not None]
    return said.times < MOST_A_DAY and all(now - at >= PAUSE for at in lately)
