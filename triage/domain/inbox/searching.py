"""Searching among the texts of a view: which words were looked for, what holds them, and where to mark them."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Index,
    Text,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR, distinct_on
from sqlalchemy.orm import Mapped, Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import WORDS_OF_BODY, Direction, Message
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.task import Task, TaskMessage
from triage.domain.patients.patient import Patient, named, sort_key, within_walls
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import throttle
from triage.domain.practice.member import Member
from triage.kit import db
from triage.kit.errors import Invalid, NotPossible

# A reload the next morning still works; after that the words are gone.
KEPT_FOR = timedelta(hours=24)
# How far a search looks back unless it is asked to look at everything.
LOOKS_BACK = timedelta(days=90)
SEARCHES = throttle.Limit("inbox search", tries=60, window=timedelta(minutes=5))
LONGEST = 100

_DIGITS = re.compile(r"[+\d\s().\-]{4,24}")


class Search(db.OfPractice, db.Base):
    """What a member looked for. Its id stands in addresses in place of the words."""

    __tablename__ = "search"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        Index("ix_search_searched_at", "searched_at"),
    )

    member_id: Mapped[UUID]
    words: Mapped[str]
    searched_at: Mapped[datetime]


class Sought(NamedTuple):
    """Words to look for, in texts since a moment or in all."""

    words: str
    since: datetime | None


def begin(session: Session, member: Member, words: str, *, now: datetime) -> Search:
    """Keep the words and count the search. Raises `Invalid`, `NotPossible` (too many)."""
    words = " ".join(words.replace("\x00", "").split())[:LONGEST]
    if len(words) < 2:
        raise Invalid(q="Type at least two letters or digits.")
    wait = throttle.wait_for(session, SEARCHES, str(member.id), now=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        raise NotPossible(f"Too many searches. Wait {minutes} min.")
    search = Search(practice_id=member.practice_id, member_id=member.id, words=words, searched_at=now)
    session.add(search)
    audit.record(
        session,
        member.practice_id,
        audit.Action.SEARCHED_PATIENTS,
        by=member.id,
        at=now,
        subject_id=search.id,
        what="inbox",
    )
    session.flush()
    return search


def words_of(session: Session, member: Member, search_id: UUID) -> str | None:
    """What this member looked for; None for a search that has ended, and for those of others."""
    return session.scalar(
        select(Search.words).where(
            Search.practice_id == member.practice_id, Search.member_id == member.id, Search.id == search_id
        )
    )


def trim(session: Session, *, now: datetime) -> None:
    session.execute(delete(Search).where(Search.searched_at < now - KEPT_FOR))


def tasks_with(member: Member, sought: Sought) -> CompoundSelect[UUID]:
    """Ids of tasks with such a text among those the member may read, or of somebody of such a name or number.

    Sets joined together, and not conditions joined by "or": so each has an index to look into.
    """
    found = visible_messages(member).where(*holds_words(sought)).correlate(None)
    received = found.join(TaskMessage, TaskMessage.message_id == Message.id)
    answered = found.where(Message.direction == Direction.OUT).join(
        Task,
        and_(
            Task.conversation_id == Message.conversation_id,
            Task.opened_at <= Message.at,
            or_(Task.closed_at.is_(None), Task.closed_at >= Message.at),
        ),
    )
    of_theirs = (
        visible_tasks(member)
        .correlate(None)
        .join(Conversation, Conversation.id == Task.conversation_id)
        .where(Conversation.phone_id.in_(_phones(member, sought)))
    )
    return union(
        received.with_only_columns(TaskMessage.task_id),
        answered.with_only_columns(Task.id),
        of_theirs.with_only_columns(Task.id),
    )


def is_message_with(member: Member, sought: Sought) -> ColumnElement[bool]:
    """Whether a message, joined to its conversation, has such words, or is of such a name or number."""
    return or_(and_(*holds_words(sought)), Conversation.phone_id.in_(_phones(member, sought)))


def excerpts(
    session: Session, member: Member, sought: Sought, conversation_ids: Collection[UUID]
) -> dict[UUID, str]:
    """For each of these conversations the newest text with the words, where there is one the member may read."""
    if not conversation_ids:
        return {}
    query = (
        visible_messages(member)
        .where(*holds_words(sought), Message.conversation_id.in_(conversation_ids))
        .ext(distinct_on(Message.conversation_id))
        .order_by(Message.conversation_id, Message.at.desc(), Message.id.desc())
        .with_only_columns(Message.conversation_id, Message.body)
    )
    return {row.conversation_id: row.body for row in session.execute(query)}


def holds_words(sought: Sought) -> Iterator[ColumnElement[bool]]:
    """What must be true of a message."""
    yield folded_words().op("@@", is_comparison=True)(_query(sought.words))
    if sought.since:
        yield Message.at >= sought.since


def folded_words() -> ColumnElement[Any]:
    """The words of a text as the index of messages has them."""
    return literal_column(WORDS_OF_BODY, type_=TSVECTOR)


def _query(words: str) -> ColumnElement[Any]:
    """Every word, wherever a word begins with it. The parser is the one that cut the texts into words."""
    parsed = func.plainto_tsquery(literal_column("'simple'::regconfig"), sort_key(words)).cast(Text)
    closing_quote: ColumnElement[str] = literal_column("'''( |$)'")
    with_star: ColumnElement[str] = literal_column(r"''':*\1'")
    return func.regexp_replace(parsed, closing_quote, with_star, "g").cast(TSQUERY)


def _phones(member: Member, sought: Sought) -> CompoundSelect[UUID]:
    """Numbers that end so, and numbers of people of such a name, less those behind a wall."""
    of_people = (
        select(PhoneUse.phone_id)
        .join(Patient, Patient.id == PhoneUse.patient_id)
        .where(
            PhoneUse.practice_id == member.practice_id,
            PhoneUse.ended_at.is_(None),
            PhoneUse.patient_id.in_(named(member.practice_id, sought.words)),
            *within_walls(member),
        )
    )
    digits = re.sub(r"\D", "", sought.words) if _DIGITS.fullmatch(sought.words) else ""
    if len(digits) < 4:
        return union(of_people)
    of_number = select(Phone.id).where(
        Phone.practice_id == member.practice_id, func.reverse(Phone.number).like(digits[::-1] + "%")
    )
    return union(of_people, of_number)
