"""What members and roles lose is taken back in the same breath, and every promise holds afterwards."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.inbox import staffing
from triage.domain.inbox.task import State, Task
from triage.domain.patients.patient import Enrolment
from triage.domain.practice import submission
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.privileges import find_role
from triage.kit import clock, db
from triage.kit.errors import Invalid


def kept_promises(session: Session) -> bool:
    session.commit()
    session.expire_all()
    return verify.verify(session).is_clean


def bens(session: Session, cast: Cast) -> Task:
    return builders.a_task(session, cast=cast, assignees=[cast.ben])


def loaded(session: Session, cast: Cast, member: Member) -> Member:
    return find_member(session, cast.practice_id, member.id, lock=True)


def test_who_is_switched_off_leaves_no_open_task_behind(session: Session, cast: Cast) -> None:
    tasks = [bens(session, cast), bens(session, cast)]

    returned = staffing.switch_off(session, loaded(session, cast, cast.ben), by=cast.admin)

    assert returned == 2
    assert kept_promises(session)
    assert {task.state for task in tasks} == {State.PENDING}


def test_switching_off_twice_takes_nothing_more(session: Session, cast: Cast) -> None:
    bens(session, cast)

    for expected in (1, 0):
        ben = loaded(session, cast, cast.ben)
        assert staffing.switch_off(session, ben, by=cast.admin) == expected

    assert kept_promises(session)


def test_closed_tasks_stay_with_who_closed_them(session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

    staffing.switch_off(session, loaded(session, cast, cast.ben), by=cast.admin)

    assert kept_promises(session)
    assert task.state is State.COMPLETED


def test_a_program_wall_takes_the_tasks_behind_it(session: Session, cast: Cast) -> None:
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    of_pat = builders.a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])
    of_nobody = bens(session, cast)
    ben = loaded(session, cast, cast.ben)

    wanted = staffing.as_is(session, ben)._replace(program_ids=frozenset({program.id}))
    returned = staffing.change_member(session, ben, wanted, by=cast.admin)

    assert returned == 1
    assert kept_promises(session)
    assert (of_pat.state, of_nobody.state) == (State.PENDING, State.ASSIGNED)


def test_a_role_takes_from_all_its_members_at_once(session: Session, cast: Cast) -> None:
    bens(session, cast)
    eve = builders.a_member(session, cast=cast, role=cast.roles["Assigned only"])
    builders.a_task(session, cast=cast, assignees=[eve])
    builders.a_task(session, cast=cast, assignees=[cast.ana])

    role = find_role(session, cast.practice_id, cast.roles["Assigned only"].id, lock=True)
    _, returned = staffing.save_role(
        session, role, name=role.name, messages="none", switches=set(), by=cast.admin
    )

    assert returned == 2
    assert kept_promises(session)


def test_a_refused_change_takes_nothing(session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.admin])

    with pytest.raises(Invalid):
        staffing.switch_off(session, loaded(session, cast, cast.admin), by=cast.admin)
    session.rollback()

    assert kept_promises(session)
    assert task.state is State.ASSIGNED


def test_of_two_administrators_who_switch_each_other_off_one_stays(
    fresh_cast: Cast, fresh_session: Session
) -> None:
    role = fresh_cast.roles["Practice admin"]
    second = builders.a_member(fresh_session, cast=fresh_cast, role=role)
    pairs = [(fresh_cast.admin, second), (second, fresh_cast.admin)]
    start = Barrier(len(pairs))

    def switch_off(by: Member, other: Member) -> bool:
        with db.transaction() as session:
            form = submission.first_result(session, by, uuid4(), {}, now=clock.now(session))
            start.wait()
            staffing.switch_off(session, find_member(session, by.practice_id, other.id, lock=True), by=by)
        return form is None

    with ThreadPoolExecutor(len(pairs)) as pool:
        running = [pool.submit(switch_off, *pair) for pair in pairs]
        ends = [one.exception() for one in running]

    assert [type(end) for end in ends if end] == [Invalid]
