"""Who is told when a patient writes: care team and followers, each as they wish, and nobody through a wall."""

from datetime import time
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain import audit
from triage.domain.patients import following, told
from triage.domain.patients.following import PatientFollower
from triage.domain.patients.patient import Enrolment
from triage.domain.patients.told import Listeners, Told
from triage.domain.practice.member import Member, Notice, load_member
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Messages
from triage.kit import clock


def wishes(session: Session, member: Member, **given: Any) -> None:
    session.execute(update(Member).where(Member.id == member.id).values({"name": member.name, **given}))


def panel(session: Session, cast: Cast, to: Member) -> told.Panel:
    session.expire_all()
    return told.panel_of(session, cast.pat, facility_id=cast.pat.facility_id, to=to, now=clock.now(session))


def of(panel: told.Panel, member: Member) -> Told:
    return next(one for one in panel.people if one.brief.id == member.id)


class AText(NamedTuple):
    """A conversation with Pat."""

    id: UUID
    practice_id: UUID
    patient_id: UUID
    facility_id: UUID | None


def heard(session: Session, cast: Cast) -> Listeners:
    """Who hears of a text of Pat."""
    text = AText(uuid4(), cast.practice_id, cast.pat.id, cast.pat.facility_id)
    return told.listeners(session, [text]).get(text.id, told.NOBODY)


def test_who_looks_is_asked_once_and_the_answer_stays(session: Session, cast: Cast) -> None:
    assert panel(session, cast, cast.ana).asks

    following.answer(session, cast.pat, yes=False, by=cast.ana, now=clock.now(session))
    said_no = panel(session, cast, cast.ana)
    assert (said_no.asks, said_no.follows, said_no.people) == (False, False, [])

    following.answer(session, cast.pat, yes=True, by=cast.ana, now=clock.now(session))
    said_yes = panel(session, cast, cast.ana)
    assert (said_yes.asks, said_yes.follows) == (False, True)
    assert (of(said_yes, cast.ana).is_follower, of(said_yes, cast.ana).is_me) == (True, True)


def test_the_same_answer_twice_is_noted_once(session: Session, cast: Cast) -> None:
    for _ in range(2):
        following.answer(session, cast.pat, yes=True, by=cast.ana, now=clock.now(session))

    noted = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.FOLLOWING_CHANGED)
    ).one()
    assert (noted.member_id, noted.patient_id, noted.detail) == (cast.ana.id, cast.pat.id, {"what": "on"})


def test_members_of_the_team_and_those_who_see_only_their_own_are_not_asked(
    session: Session, cast: Cast
) -> None:
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ana)

    assert not panel(session, cast, cast.ana).asks
    assert not panel(session, cast, cast.ben).asks


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, ""),
        ({"notify_sound": Notice.ALL}, ""),
        ({"notify_popup": Notice.PATIENTS, "notify_sound": Notice.NONE}, ""),
        ({"notify_sound": Notice.NONE}, "notices are off"),
        ({"notify_sound": Notice.MINE}, "only assigned messages"),
        ({"is_away": True}, "away"),
        ({"is_active": False}, "no longer works here"),
        ({"quiet_from": time(0), "quiet_until": time(23, 59, 59, 999999)}, "quiet hours"),
    ],
)
def test_the_panel_says_who_is_notified_and_why_not(
    session: Session, cast: Cast, given: dict[str, Any], why: str
) -> None:
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.admin)
    wishes(session, cast.admin, **given)

    assert of(panel(session, cast, cast.ana), cast.admin).why_not == why


def test_quiet_hours_go_over_midnight() -> None:
    member = Member(quiet_from=time(22), quiet_until=time(7))

    assert [told.is_quiet(member, time(hour)) for hour in (21, 22, 3, 6, 7)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_text_is_told_to_team_and_followers_who_wish_it(session: Session, cast: Cast) -> None:
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
    following.answer(session, cast.pat, yes=True, by=cast.admin, now=clock.now(session))
    assert heard(session, cast).patients_of == {cast.ana.id, cast.admin.id}

    following.answer(session, cast.pat, yes=False, by=cast.admin, now=clock.now(session))
    wishes(session, cast.ana, notify_sound=Notice.MINE)
    assert heard(session, cast).patients_of == set()


def test_who_sees_only_assigned_messages_hears_of_those_alone(session: Session, cast: Cast) -> None:
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben)

    assert heard(session, cast) == told.NOBODY


def test_nobody_hears_through_a_wall(session: Session, cast: Cast) -> None:
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    kept_out = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    south = builders.a_member(session, cast=cast, role=wall, facilities=[cast.south])
    north = builders.a_member(session, cast=cast, role=wall, facilities=[cast.north])
    for member in (kept_out, south, north):
        builders.a_place_in_care_team(session, patient=cast.pat, member=member)

    assert heard(session, cast).patients_of == {north.id}
    shown = panel(session, cast, cast.ana)
    assert {of(shown, one).why_not for one in (kept_out, south)} == {"may not see this patient"}


def test_everything_i_may_see_is_heard_behind_a_wall_too(session: Session, cast: Cast) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    south = builders.a_member(session, cast=cast, role=wall, facilities=[cast.south])
    north = builders.a_member(session, cast=cast, role=wall, facilities=[cast.north])
    for member in (north, south, cast.ana):
        wishes(session, member, notify_sound=Notice.ALL)

    assert heard(session, cast).seers == {north.id}


def test_an_answer_belongs_to_one_member_and_one_patient(session: Session, cast: Cast) -> None:
    robin = builders.a_patient(session, cast=cast)
    following.answer(session, robin, yes=True, by=cast.ana, now=clock.now(session))

    assert session.scalars(select(PatientFollower.member_id)).all() == [cast.ana.id]
    assert panel(session, cast, cast.ana).asks
    ana = load_member(session, cast.ana.id)
    assert ana is not None
    assert session.scalars(following.patients_of(ana)).all() == [robin.id]


def test_where_nobody_listens_for_patients_nobody_is_looked_for(session: Session, cast: Cast) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = builders.a_member(session, cast=cast, role=wall, facilities=[cast.north])

    def listens(notice: Notice, *who: Member) -> bool | None:
        session.execute(update(Member).values(notify_sound=Notice.MINE, notify_popup=Notice.NONE))
        for member in who:
            wishes(session, member, notify_sound=notice)
        return session.scalar(
            select(told.has_listeners(Practice.id.expression)).where(Practice.id == cast.practice_id)
        )

    assert listens(Notice.PATIENTS, cast.dan, cast.ben) is False
    assert listens(Notice.ALL, cast.ana) is False
    assert listens(Notice.PATIENTS, cast.ana) is True
    assert listens(Notice.ALL, wes) is True
