"""Reminders of what nobody has opened for a day: whom, once, and never through a wall or in quiet hours."""

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.builders import a_number, a_place_in_care_team, a_task, ago, an_inbound
from tests.cast import PAT_NUMBER, Cast
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import folders, reminding, transitions
from triage.domain.inbox.reminding import UnreadReminder
from triage.domain.inbox.task import Task
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.member import Member, Notice, load_member
from triage.domain.practice.practice import Practice, UnreadBadge
from triage.kit import clock

BADGES = pytest.mark.parametrize("badge", list(UnreadBadge))


@pytest.fixture(autouse=True)
def who_came_long_ago(session: Session, cast: Cast) -> None:
    session.execute(update(Member).values(created_at=ago(session, days=30)))
    session.commit()


def wishes(session: Session, member: Member, **given: Any) -> Member:
    values = {"notify_unread": True, **given}
    session.execute(update(Member).where(Member.id == member.id).values(values))
    session.commit()
    loaded = load_member(session, member.id)
    assert loaded is not None
    return loaded


def shows(session: Session, cast: Cast, badge: UnreadBadge) -> None:
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(unread_badge=badge))
    session.commit()


def remind(session: Session, **later: float) -> list[str]:
    """Who is reminded by a tick, so much later than now."""
    with clock.shifted(timedelta(**later)):
        session.commit()
        before = {(one.member_id, one.conversation_id): one.reminded_at for one in _all(session)}
        reminding.remind(session)
        session.commit()
        now = {(one.member_id, one.conversation_id): one.reminded_at for one in _all(session)}
    return sorted(str(member_id) for (member_id, _), at in now.items() - before.items() if at)


def _all(session: Session) -> list[UnreadReminder]:
    session.expire_all()
    return list(session.scalars(select(UnreadReminder)))


def an_old_text(session: Session, cast: Cast, number: str = PAT_NUMBER, **by: float) -> Task:
    return a_task(session, cast=cast, number=number, sent_at=ago(session, **(by or {"hours": 25})))


def look(session: Session, task: Task, *, by: Member) -> None:
    conversation = session.get_one(Conversation, task.conversation_id, with_for_update=True)
    who = load_member(session, by.id)
    assert who is not None
    reading.mark_read(session, conversation, by=who, now=clock.now(session))
    session.commit()


@BADGES
def test_after_a_day_the_care_team_is_reminded_once(session: Session, cast: Cast, badge: UnreadBadge) -> None:
    shows(session, cast, badge)
    a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
    a_place_in_care_team(session, patient=cast.pat, member=cast.admin)
    wishes(session, cast.ana)
    an_old_text(session, cast, hours=23)

    assert remind(session) == []
    assert remind(session, hours=2) == [str(cast.ana.id)]
    assert remind(session, hours=3) == []


@BADGES
def test_who_has_looked_is_not_reminded_before_the_next_text_is_a_day_old(
    session: Session, cast: Cast, badge: UnreadBadge
) -> None:
    shows(session, cast, badge)
    a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
    ana = wishes(session, cast.ana)
    task = an_old_text(session, cast)
    assert remind(session) == [str(ana.id)]
    assert folders.counts(session, now_as(session, ana), now=clock.now(session)).reminded == 1

    look(session, task, by=cast.ana)
    assert folders.counts(session, now_as(session, ana), now=clock.now(session)).reminded == 0
    an_inbound(session, cast=cast, number=PAT_NUMBER)

    assert folders.counts(session, now_as(session, ana), now=clock.now(session)).reminded == 0
    assert remind(session, hours=23) == []
    assert remind(session, hours=25) == [str(ana.id)]


def test_what_a_colleague_has_opened_reminds_only_where_each_has_a_badge(
    session: Session, cast: Cast
) -> None:
    ana = wishes(session, cast.ana, notify_sound=Notice.ALL)
    task = an_old_text(session, cast, a_number())
    look(session, task, by=cast.admin)

    assert remind(session) == []
    shows(session, cast, UnreadBadge.MEMBER)
    assert remind(session) == [str(ana.id)]


def test_a_task_that_is_done_reminds_nobody(session: Session, cast: Cast) -> None:
    wishes(session, cast.ana, notify_sound=Notice.ALL)
    transitions.complete(session, an_old_text(session, cast), by=cast.ana)
    session.commit()

    assert remind(session) == []


@pytest.mark.parametrize(
    ("given", "is_reminded"),
    [
        ({"notify_sound": Notice.ALL}, True),
        ({"notify_sound": Notice.NONE, "notify_popup": Notice.ALL}, True),
        ({"notify_sound": Notice.PATIENTS}, False),
        ({"notify_sound": Notice.MINE}, False),
        ({"notify_sound": Notice.ALL, "is_away": True}, False),
        ({"notify_sound": Notice.ALL, "is_active": False}, False),
        ({"notify_sound": Notice.ALL, "notify_unread": False}, False),
        ({"notify_sound": Notice.ALL, "quiet_from": time(0), "quiet_until": time(23, 59, 59, 999999)}, False),
    ],
)
def test_the_wishes_of_the_member_say_whether(
    session: Session, cast: Cast, given: dict[str, Any], is_reminded: bool
) -> None:
    wishes(session, cast.ana, **given)
    an_old_text(session, cast)

    assert remind(session) == ([str(cast.ana.id)] if is_reminded else [])


def test_what_is_assigned_to_somebody_reminds_them(session: Session, cast: Cast) -> None:
    wishes(session, cast.ben, notify_sound=Notice.MINE)
    an_old_text(session, cast, a_number())
    mine = an_old_text(session, cast, a_number())
    transitions.assign(session, mine, [cast.ben.id], by=cast.ana)
    session.commit()

    assert remind(session) == [str(cast.ben.id)]
    assert {one.conversation_id for one in _all(session)} == {mine.conversation_id}


def test_nobody_is_reminded_through_a_wall(session: Session, cast: Cast) -> None:
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    eve = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    wishes(session, eve, notify_sound=Notice.ALL, created_at=ago(session, days=9))
    wishes(session, cast.dan, notify_sound=Notice.ALL)
    an_old_text(session, cast)

    assert remind(session) == []


def now_as(session: Session, member: Member) -> Member:
    session.expire_all()
    loaded = load_member(session, member.id)
    assert loaded is not None
    return loaded
