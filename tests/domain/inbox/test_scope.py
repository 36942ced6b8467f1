"""Who may see which task, conversation and message: the whole matrix, in lists, counts and single looks alike."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.builders import a_member, a_number, a_patient, a_program, a_role, a_task, an_inbound, task_of
from tests.cast import NORTH_NUMBER, OTHER_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast, load, populate
from tests.databases import Databases, session_of_acts
from triage.domain import verify
from triage.domain.inbox import folders, rows, scope, transitions
from triage.domain.inbox.folders import COUNTED, Slug, slugs_for
from triage.domain.inbox.task import State, Task
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db
from triage.kit.errors import NotFound

TASKS = {
    "waiting in the north": {"ana", "admin", "gil"},
    "waiting in the south": {"ana", "admin", "gil", "fern"},
    "Ana's": {"ana", "admin", "gil"},
    "Ben's": {"ana", "admin", "gil", "ben"},
    "was Ben's": {"ana", "admin", "gil", "ben"},
    "Ben's and given away": {"ana", "admin", "gil", "ben"},
    "in a closed program": {"ana", "admin"},
    "in two programs": {"ana", "admin", "gil"},
    "of another practice": {"dan"},
}
EVERYBODY = ("ana", "ben", "cleo", "dan", "admin", "fern", "gil")


@dataclass
class World:
    tasks: dict[str, Task]
    members: dict[str, Member]


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    """A database of its own, where the world is made once."""
    name = f"scope_{os.getpid()}"
    databases.clone(name)
    engine = db.connect(databases.url(name))
    with db.transaction() as session:
        populate(session)
    yield engine
    db.bind(None)
    engine.dispose()
    databases.drop(name)


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    """A task of every kind, and members behind every wall."""
    with session_of_acts(engine) as session:
        made = a_world(session, load(session))
        session.commit()
        for task in made.tasks.values():
            session.refresh(task)
        session.expunge_all()
        return made


def a_world(session: Session, cast: Cast) -> World:
    """Fern works in the south only, Gil is kept out of a program."""
    closed, other = a_program(session, cast=cast), a_program(session, cast=cast)
    members = {name: getattr(cast, name) for name in ("ana", "ben", "cleo", "dan", "admin")}
    walled = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    members["fern"] = a_member(session, cast=cast, role=walled, facilities=[cast.south])
    members["gil"] = a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[closed])
    enrolled, in_both = a_number(), a_number()
    for number, programs in ((enrolled, [closed]), (in_both, [closed, other])):
        patient = a_patient(session, cast=cast, number=number)
        for program in programs:
            session.add(Enrolment(practice_id=cast.practice_id, patient_id=patient.id, program_id=program.id))
    given_away = a_task(session, cast=cast, assignees=[cast.ben])
    transitions.assign(session, given_away, [cast.admin.id], by=cast.ana)
    elsewhere = an_inbound(session, cast=cast, to=OTHER_NUMBER, practice_id=cast.other_practice.id)
    theirs = task_of(session, elsewhere)
    assert theirs is not None
    tasks = {
        "waiting in the north": a_task(session, cast=cast, to=NORTH_NUMBER),
        "waiting in the south": a_task(session, cast=cast, to=SOUTH_NUMBER),
        "Ana's": a_task(session, cast=cast, assignees=[cast.ana], number=PAT_NUMBER),
        "Ben's": a_task(session, cast=cast, assignees=[cast.ben]),
        "was Ben's": a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben]),
        "Ben's and given away": given_away,
        "in a closed program": a_task(session, cast=cast, number=enrolled),
        "in two programs": a_task(session, cast=cast, number=in_both),
        "of another practice": theirs,
    }
    return World(tasks, members)


def seen_by(name: str) -> set[str]:
    return {what for what, who in TASKS.items() if name in who}


def names_of(world: World, ids: set[UUID], *, by: str = "id") -> set[str]:
    return {what for what, task in world.tasks.items() if getattr(task, by) in ids}


@pytest.mark.parametrize("name", EVERYBODY)
def test_tasks_conversations_and_messages_follow_one_table(name: str, session: Session, world: World) -> None:
    member, expected = world.members[name], seen_by(name)

    tasks = {task.id for task in session.scalars(scope.visible_tasks(member))}
    conversations = {one.id for one in session.scalars(scope.visible_conversations(member))}
    messages = {one.id for one in session.scalars(scope.visible_messages(member))}

    assert names_of(world, tasks) == expected
    assert names_of(world, conversations, by="conversation_id") == expected
    assert names_of(world, messages, by="last_message_id") == expected
    assert len(tasks) == len(conversations) == len(messages) == len(expected)


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_is_outside_is_not_found(name: str, session: Session, world: World) -> None:
    member, expected = world.members[name], seen_by(name)

    for what, task in world.tasks.items():
        if what in expected:
            assert scope.find_task(session, member, task.id, lock=True).id == task.id
            assert scope.find_conversation(session, member, task.conversation_id, lock=True)
            assert scope.find_message(session, member, task.last_message_id)
            continue
        with pytest.raises(NotFound):
            scope.find_task(session, member, task.id)
        with pytest.raises(NotFound):
            scope.find_conversation(session, member, task.conversation_id)
        with pytest.raises(NotFound):
            scope.find_message(session, member, task.last_message_id)


@pytest.mark.parametrize("name", EVERYBODY)
def test_folders_counts_and_rows_show_nothing_more(name: str, session: Session, world: World) -> None:
    member, now = world.members[name], clock.now(session)
    visible = {task.id for task in session.scalars(scope.visible_tasks(member))}
    shown = folders.counts(session, member, now=now)

    for slug in Slug:
        if slug not in slugs_for(member):
            with pytest.raises(NotFound):
                folders.find_slug(member, slug.value)
            continue
        listing = folders.listing(session, member, slug, now=now)
        if not listing.is_of_messages:
            assert set(listing.ids) <= visible
        assert listing.total == len(listing.ids)
        assert shown.of(slug) == (listing.total if slug in COUNTED else 0)
        assert len(rows.rows_of(session, member, listing, now=now)) == len(listing.ids)
    assert verify.verify(session).broken == set()


@pytest.mark.parametrize("name", EVERYBODY)
def test_rows_of_foreign_tasks_are_left_out(name: str, session: Session, world: World) -> None:
    member = world.members[name]

    shown = rows.task_rows(
        session, member, [task.id for task in world.tasks.values()], now=clock.now(session)
    )

    assert names_of(world, {row.task_id for row in shown if row.task_id}) == seen_by(name)


def test_ben_has_only_the_folders_of_his_role(cast: Cast) -> None:
    assert slugs_for(cast.ben) == (Slug.MINE, Slug.MINE_ALL, Slug.STARRED, Slug.SENT)
    assert slugs_for(cast.cleo) == ()
    assert slugs_for(cast.ana) == tuple(Slug)


def test_the_badge_is_what_waits_for_a_member(session: Session, world: World) -> None:
    now = clock.now(session)

    assert folders.counts(session, world.members["ana"], now=now).total == 4 + 1
    assert folders.counts(session, world.members["ben"], now=now).total == 1
    assert folders.counts(session, world.members["cleo"], now=now).total == 0


@pytest.mark.parametrize("name", EVERYBODY)
def test_only_who_sees_everything_hears_everything(name: str, world: World) -> None:
    assert scope.hears_everything(world.members[name]) is (name in {"ana", "admin", "dan"})
