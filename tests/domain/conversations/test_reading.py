"""Read by one is read by all, and each member's own mark: what is written, what is not, and what is shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.orm import Session

from tests.builders import a_member, a_number, a_task, ago, an_inbound, conversation_of
from tests.cast import Cast
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.reading import MemberReading
from triage.domain.inbox import folders, rows
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.rows import Row
from triage.domain.inbox.task import Task
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice, UnreadBadge
from triage.kit import clock


def shows(session: Session, cast: Cast, badge: UnreadBadge) -> None:
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(unread_badge=badge))
    session.commit()


def now_as(session: Session, member: Member) -> Member:
    """With the practice as it is now."""
    loaded = load_member(session, member.id)
    assert loaded is not None
    return loaded


def look(session: Session, task: Task, *, by: Member) -> None:
    conversation = session.get_one(Conversation, task.conversation_id, with_for_update=True)
    reading.mark_read(session, conversation, by=now_as(session, by), now=clock.now(session))
    session.commit()


def row_for(session: Session, member: Member, task: Task) -> Row:
    session.expire_all()
    (row,) = rows.task_rows(session, now_as(session, member), [task.id], now=clock.now(session))
    return row


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    said: list[str] = []

    def listen(*given: object) -> None:
        said.append(str(given[2]))

    connection: Connection = session.connection()
    event.listen(connection, "before_cursor_execute", listen)
    yield said
    event.remove(connection, "before_cursor_execute", listen)


def test_one_opens_it_and_the_other_still_has_not(session: Session, cast: Cast) -> None:
    shows(session, cast, UnreadBadge.BOTH)
    task = a_task(session, cast=cast)
    assert row_for(session, cast.ana, task)[6:8] == (True, True)

    look(session, task, by=cast.ana)

    assert row_for(session, cast.ana, task)[6:8] == (False, False)
    assert row_for(session, cast.admin, task)[6:8] == (False, True)


@pytest.mark.parametrize(
    ("badge", "shown"),
    [
        (UnreadBadge.SHARED, (True, False)),
        (UnreadBadge.MEMBER, (False, True)),
        (UnreadBadge.BOTH, (True, True)),
    ],
)
def test_the_practice_chooses_what_is_shown(
    session: Session, cast: Cast, badge: UnreadBadge, shown: tuple[bool, bool]
) -> None:
    task = a_task(session, cast=cast)
    shows(session, cast, badge)

    row = row_for(session, cast.ana, task)

    assert (row.is_unread, row.is_unread_by_me) == shown


def test_a_new_text_is_unread_again_for_both(session: Session, cast: Cast) -> None:
    shows(session, cast, UnreadBadge.MEMBER)
    number = a_number()
    task = a_task(session, cast=cast, number=number)
    for member in (cast.ana, cast.admin):
        look(session, task, by=member)

    an_inbound(session, cast=cast, number=number)

    assert row_for(session, cast.ana, task).is_unread_by_me
    assert row_for(session, cast.admin, task).is_unread_by_me


def test_a_text_that_came_late_is_unread_although_it_is_old(session: Session, cast: Cast) -> None:
    shows(session, cast, UnreadBadge.MEMBER)
    number = a_number()
    task = a_task(session, cast=cast, number=number)
    look(session, task, by=cast.ana)

    an_inbound(session, cast=cast, number=number, body="Sent before", sent_at=ago(session, hours=2))

    assert row_for(session, cast.ana, task).is_unread_by_me
    look(session, task, by=cast.ana)
    assert not row_for(session, cast.ana, task).is_unread_by_me


def test_what_one_marks_unread_is_unread_for_each(session: Session, cast: Cast) -> None:
    shows(session, cast, UnreadBadge.MEMBER)
    task = a_task(session, cast=cast)
    for member in (cast.ana, cast.admin):
        look(session, task, by=member)

    reading.mark_unread(session, conversation_of(session, task), by=cast.ana, now=clock.now(session))
    session.commit()

    assert row_for(session, cast.admin, task).is_unread_by_me


def test_what_came_before_the_member_is_nothing_new(session: Session, cast: Cast) -> None:
    shows(session, cast, UnreadBadge.MEMBER)
    task = a_task(session, cast=cast, sent_at=ago(session, hours=2))
    look(session, task, by=cast.ana)
    eve = a_member(session, cast=cast, role=cast.roles["Care team"])

    assert not row_for(session, eve, task).is_unread_by_me


def test_who_has_seen_everything_writes_nothing(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    look(session, task, by=cast.ana)
    version = select(MemberReading.read_until)
    before = session.scalars(version).one()

    look(session, task, by=cast.ana)

    session.expire_all()
    assert session.scalars(version).one() == before


def test_lists_ask_for_it_only_where_it_is_shown(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    counted = {}
    for badge in UnreadBadge:
        shows(session, cast, badge)
        member = now_as(session, cast.ana)
        with statements(session) as said:
            rows.task_rows(session, member, [task.id], now=clock.now(session))
        counted[badge] = sum("member_reading" in one for one in said)

    assert counted == {UnreadBadge.SHARED: 0, UnreadBadge.MEMBER: 1, UnreadBadge.BOTH: 1}


def test_unread_only_means_what_the_badges_mean(session: Session, cast: Cast) -> None:
    task, unread = a_task(session, cast=cast), Filters(is_unread_only=True)
    look(session, task, by=cast.ana)

    def found(member: Member) -> list[object]:
        who = now_as(session, member)
        listed = folders.listing(session, who, Slug.ALL, now=clock.now(session), filters=unread)
        return list(listed.ids)

    assert (found(cast.ana), found(cast.admin)) == ([], [])
    shows(session, cast, UnreadBadge.BOTH)
    assert (found(cast.ana), found(cast.admin)) == ([], [task.id])
