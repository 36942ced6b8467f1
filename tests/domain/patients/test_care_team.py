"""A care team: who may be in it, one primary, first and last days, and what is kept of those who left."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain import audit
from triage.domain.patients import care_team, readers
from triage.domain.patients.care_team import Wanted
from triage.domain.patients.patient import Enrolment, Patient, within_walls
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import Invalid, NotFound


def join(session: Session, cast: Cast, member: Member, wanted: Wanted | None = None) -> None:
    care_team.join(session, cast.pat, member.id, wanted or Wanted(), by=cast.ana, now=clock.now(session))


def leave(session: Session, cast: Cast, member: Member, until_on: date | None = None) -> None:
    care_team.leave(session, cast.pat, member.id, until_on=until_on, by=cast.ana, now=clock.now(session))


def team(session: Session, cast: Cast) -> list[tuple[str, str, bool]]:
    places = care_team.team_of(session, cast.practice_id, cast.pat.id)
    return [(place.brief.name, place.role, place.is_primary) for place in places]


def test_who_joins_is_in_the_team_from_today_on(session: Session, cast: Cast) -> None:
    join(session, cast, cast.ben, Wanted("  Family   physician "))

    (place,) = care_team.team_of(session, cast.practice_id, cast.pat.id)
    assert (place.brief.id, place.role) == (cast.ben.id, "Family physician")
    assert place.since_on == care_team.today(cast.ana, clock.now(session))


def test_a_team_has_one_primary_member(session: Session, cast: Cast) -> None:
    join(session, cast, cast.ben, Wanted("Physician", is_primary=True))
    join(session, cast, cast.ana, Wanted("Nurse", is_primary=True))

    assert team(session, cast) == [("Ana Alvarez", "Nurse", True), ("Ben Brook", "Physician", False)]


def test_who_is_in_the_team_cannot_join_again(session: Session, cast: Cast) -> None:
    join(session, cast, cast.ben)

    with pytest.raises(Invalid, match="already"):
        join(session, cast, cast.ben)


def test_who_leaves_is_kept_with_the_days(session: Session, cast: Cast) -> None:
    today = care_team.today(cast.ana, clock.now(session))
    join(session, cast, cast.ben, Wanted("Physician", True, today - timedelta(days=90)))

    leave(session, cast, cast.ben, today - timedelta(days=1))

    (former,) = care_team.former_of(session, cast.practice_id, cast.pat.id)
    assert team(session, cast) == []
    assert (former.role, former.was_primary) == ("Physician", True)
    assert (former.since_on, former.until_on) == (today - timedelta(days=90), today - timedelta(days=1))
    join(session, cast, cast.ben)
    assert len(care_team.former_of(session, cast.practice_id, cast.pat.id)) == 1


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, -1)])
def test_a_last_day_lies_between_the_first_and_today(
    session: Session, cast: Cast, first: int, last: int
) -> None:
    today = care_team.today(cast.ana, clock.now(session))
    join(session, cast, cast.ben, Wanted(since_on=today + timedelta(days=first)))

    with pytest.raises(Invalid, match="last day"):
        leave(session, cast, cast.ben, today + timedelta(days=last))
    assert len(team(session, cast)) == 1


def test_nobody_joins_from_tomorrow_on(session: Session, cast: Cast) -> None:
    tomorrow = care_team.today(cast.ana, clock.now(session)) + timedelta(days=1)

    with pytest.raises(Invalid, match="future"):
        join(session, cast, cast.ben, Wanted(since_on=tomorrow))


def test_who_is_not_in_the_team_cannot_leave_it(session: Session, cast: Cast) -> None:
    with pytest.raises(NotFound):
        leave(session, cast, cast.ben)


def test_every_change_is_audited_without_what_was_written(session: Session, cast: Cast) -> None:
    now = clock.now(session)
    join(session, cast, cast.ben, Wanted("Physician"))
    for _ in range(2):
        care_team.change(session, cast.pat, cast.ben.id, Wanted("Consultant"), by=cast.ana, now=now)
    leave(session, cast, cast.ben)

    noted = session.scalars(
        select(audit.Audit)
        .where(audit.Audit.action == audit.Action.CARE_TEAM_CHANGED)
        .order_by(audit.Audit.id)
    ).all()
    assert [one.detail for one in noted] == [
        {"what": "joined"},
        {"what": "changed", "fields": "role, since_on"},
        {"what": "left"},
    ]
    assert {(one.member_id, one.subject_id, one.patient_id) for one in noted} == {
        (cast.ana.id, cast.ben.id, cast.pat.id)
    }


def test_who_may_not_see_the_patient_cannot_look_after_them(session: Session, cast: Cast) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    south = builders.a_member(session, cast=cast, role=wall, name="Sol South", facilities=[cast.south])
    offered = {brief.id for brief in care_team.candidates(session, cast.pat)}

    assert offered == {cast.ana.id, cast.ben.id, cast.admin.id}
    for member in (south, cast.cleo, cast.dan):
        with pytest.raises(Invalid, match="who may see"):
            join(session, cast, member)


def test_the_walls_are_the_same_from_both_sides(session: Session, cast: Cast) -> None:
    """Each member of every kind, and each patient of every kind: what one sees is who the other is seen by."""
    mind, heart = builders.a_program(session, cast=cast), builders.a_program(session, cast=cast)
    free = builders.a_role(session, cast=cast, messages=Messages.ALL)
    walled = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    members = [
        builders.a_member(session, cast=cast, role=role, name="M", facilities=sites, kept_out_of=programs)
        for role in (free, walled)
        for sites in ([], [cast.north], [cast.north, cast.south])
        for programs in ([], [mind], [mind, heart])
    ]
    patients: list[Patient] = []
    for facility in (None, cast.north, cast.south):
        for enrolled in ([], [mind], [heart], [mind, heart]):
            patient = builders.a_patient(session, cast=cast, facility=facility)
            session.add_all(
                Enrolment(practice_id=cast.practice_id, patient_id=patient.id, program_id=program.id)
                for program in enrolled
            )
            patients.append(patient)
    session.flush()

    for patient in patients:
        found = set(session.scalars(readers.of_patient(patient).with_only_columns(Member.id)))
        for member in members:
            seen = select(Patient.id).where(Patient.id == patient.id, *within_walls(member))
            assert (member.id in found) == (session.scalar(seen) is not None)
