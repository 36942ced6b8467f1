"""Where conversations belong after a number moved, or became somebody's."""

from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.inbox import places
from triage.domain.inbox.task import State, Task
from triage.domain.patients import phones
from triage.domain.practice.practice import Facility, PracticeNumber
from triage.kit import clock


def move(session: Session, cast: Cast, to: Facility | None) -> int:
    number = session.get_one(PracticeNumber, cast.north_number.id)
    facility_id = to.id if to else None
    returned = places.change(session, number, label=number.label, facility_id=facility_id, by=cast.admin)
    session.commit()
    session.expire_all()
    assert verify.verify(session).is_clean
    return returned


def test_conversations_and_tasks_follow_their_number(session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    move(session, cast, cast.south)

    assert _facilities(session, task) == {cast.south.id}


def test_a_number_for_all_locations_leaves_it_to_the_patient(session: Session, cast: Cast) -> None:
    of_pat = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    of_nobody = builders.a_task(session, cast=cast)

    move(session, cast, None)

    assert _facilities(session, of_pat) == {cast.north.id}
    assert _facilities(session, of_nobody) == {None}


def test_patients_of_two_locations_behind_one_number_belong_to_none(session: Session, cast: Cast) -> None:
    number = builders.a_number()
    for facility in (cast.north, cast.south):
        builders.a_patient(session, cast=cast, number=number, facility=facility)
    task = builders.a_task(session, cast=cast, number=number)

    move(session, cast, None)

    assert _facilities(session, task) == {None}


def test_who_sees_only_the_old_location_gives_the_task_back(session: Session, cast: Cast) -> None:
    role = builders.a_role(session, cast=cast, messages="all", own_facilities_only=True)
    walled = builders.a_member(session, cast=cast, role=role, facilities=[cast.north])
    task = builders.a_task(session, cast=cast, assignees=[walled])

    returned = move(session, cast, cast.south)

    assert returned == 1
    assert task.state is State.PENDING


def test_a_new_label_moves_nothing(session: Session, cast: Cast) -> None:
    role = builders.a_role(session, cast=cast, messages="all", own_facilities_only=True)
    walled = builders.a_member(session, cast=cast, role=role, facilities=[cast.north])
    task = builders.a_task(session, cast=cast, assignees=[walled])

    assert move(session, cast, cast.north) == 0
    assert task.state is State.ASSIGNED


def test_a_number_that_becomes_somebodys_gives_its_open_task_a_patient(session: Session, cast: Cast) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number)
    robin = builders.a_patient(session, cast=cast)

    phone = phones.link(session, robin, number, region="US", now=clock.now(session))
    places.know_again(session, phone)

    assert task.patient_id == robin.id
    assert builders.conversation_of(session, task).patient_id == robin.id


def _facilities(session: Session, task: Task) -> set[object]:
    return {task.facility_id, builders.conversation_of(session, task).facility_id}
