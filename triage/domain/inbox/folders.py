"""The named lists of the inbox, their order and their counts, as each role may see them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from triage.domain.conversations import unanswered
from triage.domain.conversations.delivery import OutboundText, needs_attention
from triage.domain.conversations.message import Message
from triage.domain.inbox import reminding
from triage.domain.inbox.filters import Filters, Sort, narrow
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.stars import Star
from triage.domain.inbox.task import Assignment, State, Task, is_in, is_open
from triage.domain.patients import following
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit.errors import NotFound
from triage.kit.paging import Mark, read_cursor

PAGE_SIZE = 50
# Counting stops here: no badge needs more, and a count must not grow with the practice.
MOST_COUNTED = 1000
NO_FILTERS = Filters()


class Slug(StrEnum):
    """Folder names as they stand in addresses."""

    UNASSIGNED = "unassigned"
    MINE = "mine"
    MY_PATIENTS = "my-patients"
    ALL = "all"
    OVERDUE = "overdue"
    MINE_ALL = "mine-all"
    STARRED = "starred"
    COMPLETED = "completed"
    SENT = "sent"
    DELETED = "deleted"
    FAILED = "failed"


NAMES = {
    Slug.UNASSIGNED: ("Unassigned", "inbox", "queue"),
    Slug.MINE: ("For me", "user-round", "queue"),
    Slug.MY_PATIENTS: ("My patients", "heart-handshake", "queue"),
    Slug.ALL: ("All pending", "users", "queue"),
    Slug.OVERDUE: ("Overdue", "triangle-alert", "queue"),
    Slug.MINE_ALL: ("For me (all)", "archive", "library"),
    Slug.STARRED: ("Starred", "star", "library"),
    Slug.COMPLETED: ("Completed", "circle-check", "library"),
    Slug.SENT: ("Sent by me", "send", "library"),
    Slug.DELETED: ("Deleted", "trash-2", "library"),
    Slug.FAILED: ("Failed to send", "circle-alert", "library"),
}
# CharmHealth, A43: these filters alone; their own stars among them (decision 5).
OF_ASSIGNED_ONLY = (Slug.MINE, Slug.MINE_ALL, Slug.STARRED, Slug.SENT)
COUNTED = {Slug.UNASSIGNED, Slug.MINE, Slug.MY_PATIENTS, Slug.ALL, Slug.OVERDUE, Slug.STARRED, Slug.FAILED}
# In these lists a row is a message, in the others a task.
OF_MESSAGES = {Slug.STARRED, Slug.SENT, Slug.FAILED}


class Folder(NamedTuple):
    """One entry of the navigation; `count` is None where none is shown."""

    slug: str
    name: str
    icon: str
    group: str
    count: int | None  # type: ignore[assignment]  # nobody counts in a tuple of the navigation
    is_red: bool


class Counts(NamedTuple):
    """`total` is what waits: unassigned and for me, or for me alone (decision 5).

    `reminded` is how much of it nobody has opened for a day, for a member who wants to know.
    """

    folders: list[Folder]
    total: int
    reminded: int = 0

    def of(self, slug: str) -> int:
        return next((folder.count or 0 for folder in self.folders if folder.slug == slug), 0)


class Listing(NamedTuple):
    """One page of a folder: task ids, or message ids where `is_of_messages`, in order."""

    ids: list[UUID]
    next_cursor: str | None
    total: int
    is_of_messages: bool


def slugs_for(member: Member) -> tuple[Slug, ...]:
    match member.messages:
        case Messages.ALL:
            return tuple(Slug)
        case Messages.ASSIGNED:
            return OF_ASSIGNED_ONLY
        case _:
            return ()


def find_slug(member: Member, name: str) -> Slug:
    """Raises `NotFound` for a folder that this role does not have."""
    slug = next((slug for slug in slugs_for(member) if slug == name), None)
    if slug is None:
        raise NotFound("There is no such folder.")
    return slug


def counts(session: Session, member: Member, *, now: datetime, filters: Filters = NO_FILTERS) -> Counts:
    """The navigation with its counts, as this member may see it; one statement."""
    slugs = slugs_for(member)
    counted = [slug for slug in slugs if slug in COUNTED]
    if not counted:
        return Counts([], 0)
    columns: list[Any] = [
        _capped(_query(member, slug, filters, now)).label(f"n{place}") for place, slug in enumerate(counted)
    ]
    if Slug.UNASSIGNED in counted:
        late = _query(member, Slug.UNASSIGNED, filters, now).where(_is_overdue(member, now))
        columns.append(late.exists().label("late"))
    if member.notify_unread:
        columns.append(_capped(reminding.still_unread(member)).label("reminded"))
    row = session.execute(select(*columns)).one()
    numbers = dict(zip(counted, row, strict=False))
    is_late = bool(row.late) if Slug.UNASSIGNED in counted else False
    folders = [
        Folder(slug.value, *NAMES[slug], numbers.get(slug), slug is Slug.UNASSIGNED and is_late)
        for slug in slugs
    ]
    total = numbers.get(Slug.UNASSIGNED, 0) + numbers.get(Slug.MINE, 0)
    return Counts(folders, total, row.reminded if member.notify_unread else 0)


def listing(
    session: Session,
    member: Member,
    slug: Slug,
    *,
    now: datetime,
    filters: Filters = NO_FILTERS,
    after: str | None = None,
    size: int = PAGE_SIZE,
    total: int | None = None,
) -> Listing:
    """One page of a folder; `total` where it is counted already. Raises `Invalid` for a cursor that no page gave out."""
    query = _query(member, slug, filters, now)
    if total is None:
        total = size_of(session, member, slug, now=now, filters=filters)
    at, id_, falling = _order(slug, filters.sort)
    page = query.with_only_columns(id_, at)
    if after:
        mark = read_cursor(after)
        here, there = tuple_(at, id_), tuple_(mark.at, mark.id)
        page = page.where(here < there if falling else here > there)
    order = (at.desc(), id_.desc()) if falling else (at.asc(), id_.asc())
    rows = session.execute(page.order_by(*order).limit(size + 1)).all()
    shown = rows[:size]
    more = Mark(shown[-1][1], shown[-1][0]).as_cursor() if len(rows) > size else None
    return Listing([row[0] for row in shown], more, total, slug in OF_MESSAGES)


def size_of(
    session: Session, member: Member, slug: Slug, *, now: datetime, filters: Filters = NO_FILTERS
) -> int:
    """How much a folder holds with these filters, capped as everywhere."""
    return session.scalar(select(_capped(_query(member, slug, filters, now)))) or 0


def holds(
    session: Session,
    member: Member,
    slug: Slug,
    task_id: UUID,
    *,
    now: datetime,
    filters: Filters = NO_FILTERS,
) -> bool:
    """Whether a task stands in a folder of tasks, with these filters, right now."""
    return task_id in held(session, member, slug, [task_id], now=now, filters=filters)


def held(
    session: Session,
    member: Member,
    slug: Slug,
    task_ids: Collection[UUID | None],
    *,
    now: datetime,
    filters: Filters = NO_FILTERS,
) -> set[UUID]:
    """Which of these tasks stand in a folder of tasks, with these filters, right now."""
    query = _query(member, slug, filters, now).where(Task.id.in_(task_ids))
    return set(session.scalars(query.with_only_columns(Task.id)))


def has_ever_had_one(session: Session, member: Member) -> bool:
    """Whether the practice has received anything that this member may see."""
    return session.scalar(select(visible_tasks(member).exists())) or False


def _capped(query: Select[Any]) -> Any:
    some = query.with_only_columns(literal(1).label("one")).limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _order(slug: Slug, sort: Sort | None) -> tuple[Any, InstrumentedAttribute[UUID], bool]:
    """The column a folder is ordered by, its tie-breaker, and whether the newest comes first."""
    match slug:
        case Slug.STARRED:
            return Star.starred_at, Message.id, sort is not Sort.OLDEST
        case Slug.SENT | Slug.FAILED:
            return Message.at, Message.id, sort is not Sort.OLDEST
        case Slug.COMPLETED | Slug.DELETED:
            return Task.closed_at, Task.id, sort is not Sort.OLDEST
        case Slug.MINE_ALL:
            return Task.opened_at, Task.id, sort is not Sort.OLDEST
        case _:
            return Task.waiting_since, Task.id, sort is Sort.NEWEST


def _query(member: Member, slug: Slug, filters: Filters, now: datetime) -> Select[Any]:
    of_messages = slug in OF_MESSAGES
    query = _messages_in(member, slug) if of_messages else _tasks_in(member, slug, now)
    at, _, _ = _order(slug, None)
    return narrow(query, member, _that_apply(slug, filters), at, of_messages=of_messages)


def _that_apply(slug: Slug, filters: Filters) -> Filters:
    """Who has it is settled where the folder itself says it."""
    return filters if asks_for_assignee(slug) else filters._replace(assignee_id=None)


def asks_for_assignee(slug: Slug) -> bool:
    return slug not in (Slug.UNASSIGNED, Slug.MINE)


def _tasks_in(member: Member, slug: Slug, now: datetime) -> Select[Any]:
    tasks: Select[Any] = visible_tasks(member)
    mine = and_(Assignment.task_id == Task.id, Assignment.member_id == member.id)
    match slug:
        case Slug.UNASSIGNED:
            return tasks.where(is_in(State.PENDING))
        case Slug.MINE:
            is_mine = exists().where(mine, Assignment.ended_at.is_(None))
            return tasks.where(is_in(State.ASSIGNED), is_mine)
        case Slug.MY_PATIENTS:
            return tasks.where(is_open(), Task.patient_id.in_(following.patients_of(member)))
        case Slug.ALL:
            return tasks.where(is_open())
        case Slug.OVERDUE:
            return tasks.where(_is_overdue(member, now))
        case Slug.MINE_ALL:
            return tasks.where(exists().where(mine))
        case Slug.COMPLETED:
            return tasks.where(is_in(State.COMPLETED))
        case _:
            return tasks.where(is_in(State.DELETED))


def _messages_in(member: Member, slug: Slug) -> Select[Any]:
    messages: Select[Any] = visible_messages(member)
    match slug:
        case Slug.STARRED:
            return messages.join(Star, and_(Star.message_id == Message.id, Star.member_id == member.id))
        case Slug.SENT:
            return messages.where(Message.sent_by_id == member.id)
        case _:
            return messages.join(OutboundText, OutboundText.message_id == Message.id).where(
                OutboundText.practice_id == member.practice_id,
                OutboundText.dismissed_at.is_(None),
                needs_attention(),
            )


def overdue_after(member: Member) -> timedelta:
    return timedelta(minutes=member.practice.overdue_after_minutes)


def _is_overdue(member: Member, now: datetime) -> ColumnElement[bool]:
    return and_(
        is_open(),
        or_(Task.answered_at.is_(None), unanswered.has_failed_in(Task.conversation_id.expression)),
        Task.waiting_since < now - overdue_after(member),
    )
