"""The life of tasks, as hypothesis dreams it up, beside a small model of what they should do."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from tests.builders import a_number, a_place_in_care_team, a_text_from, an_inbound, received, task_of
from tests.cast import PAT_NUMBER, load
from tests.databases import rolled_back, session_of_acts
from triage.domain import verify
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import replying, transitions, undoing
from triage.domain.inbox.task import State, Task, TaskEvent
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.domain.promises import PROMISES
from triage.kit.errors import Invalid, NotAllowed, NotPossible

P, A, C, D = State.PENDING, State.ASSIGNED, State.COMPLETED, State.DELETED
OPEN = (P, A)
PEOPLE = ("ana", "ben", "admin")
HISTORY = [promise for promise in PROMISES if promise.name in ("I1", "I3", "I4")]

some_task = st.integers(0, 11)
some_number = st.integers(0, 2)
some_people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)


@dataclass
class Expected:
    """A task as it should be: `had` are those who had it when it was closed, `undo` the way back."""

    id: UUID
    number: int
    gathers: bool
    state: State
    version: int
    assignees: list[str]
    is_touched: bool = False
    had: list[str] = field(default_factory=list)
    undo: tuple[UUID, State, list[str]] | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass
class Rules:
    last_sender: bool = True
    care_team: bool = False
    reply_assigns: bool = True
    task_per_message: bool = False


class TaskLife(RuleBasedStateMachine):
    """Ana acts, Ben and Ada come and go, three numbers text; Ben is the primary of Pat's care team."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.open = ExitStack()
        connection = self.open.enter_context(contextmanager(rolled_back)(engine))
        self.session: Session = self.open.enter_context(session_of_acts(connection))
        self.cast = load(self.session)
        self.numbers = [PAT_NUMBER, a_number(), a_number()]
        self.tasks: list[Expected] = []
        self.house_rules = Rules()
        self.here = set(PEOPLE)
        self.last_sender: dict[int, str] = {}
        self.last_sid: str | None = None
        for name, is_primary in (("ana", False), ("ben", True)):
            a_place_in_care_team(
                self.session, patient=self.cast.pat, member=self.someone(name), is_primary=is_primary
            )
        self.session.commit()

    def teardown(self) -> None:
        self.open.close()

    # What happens.

    @rule(number=some_number)
    def a_text_comes(self, number: int) -> None:
        expected = next((one for one in self.tasks if self.is_joined_by(one, number)), None)
        row = an_inbound(self.session, cast=self.cast, number=self.numbers[number])
        self.last_sid = row.provider_sid
        task = task_of(self.session, row)
        assert task is not None
        if expected is None:
            chosen = self.chosen_by_rules(number)
            gathers = not self.house_rules.task_per_message
            self.tasks.append(Expected(task.id, number, gathers, A if chosen else P, 1, chosen))
            return
        assert task.id == expected.id
        expected.version += 1
        expected.undo = None
        if expected.state is P and not expected.is_touched:
            expected.assignees = self.chosen_by_rules(number)
            expected.state = A if expected.assignees else P

    @precondition(lambda self: self.last_sid is not None)
    @rule()
    def the_carrier_repeats_itself(self) -> None:
        received(self.session, a_text_from(sid=self.last_sid), practice_id=self.cast.practice_id)

    @precondition(lambda self: self.tasks)
    @rule(which=some_task, people=some_people)
    def ana_assigns(self, which: int, people: list[str]) -> None:
        expected, task = self.pick(which)
        ids = [self.someone(name).id for name in people]
        if not expected.is_open:
            with pytest.raises(NotPossible):
                transitions.assign(self.session, task, ids, by=self.cast.ana)
        elif not self.here.issuperset(people):
            with pytest.raises(Invalid):
                transitions.assign(self.session, task, ids, by=self.cast.ana)
        else:
            event = transitions.assign(self.session, task, ids, by=self.cast.ana)
            self.moved(expected, event, A, people)

    @precondition(lambda self: self.tasks)
    @rule(which=some_task)
    def ana_unassigns(self, which: int) -> None:
        expected, task = self.pick(which)
        if expected.state is not A:
            with pytest.raises(NotPossible):
                transitions.unassign(self.session, task, by=self.cast.ana)
        else:
            event = transitions.unassign(self.session, task, by=self.cast.ana)
            self.moved(expected, event, P, [])

    @precondition(lambda self: self.tasks)
    @rule(which=some_task, by=st.sampled_from(["ana", "ben"]))
    def somebody_completes(self, which: int, by: str) -> None:
        expected, task = self.pick(which)
        by = by if by in self.here else "ana"
        may = by == "ana" or (by in expected.assignees if expected.is_open else by in expected.had)
        if not (may and expected.is_open):
            with pytest.raises((NotPossible, NotAllowed)):
                transitions.complete(self.session, task, by=self.someone(by))
        else:
            event = transitions.complete(self.session, task, by=self.someone(by))
            self.closed(expected, event, C, by)

    @precondition(lambda self: self.tasks)
    @rule(which=some_task)
    def ana_deletes(self, which: int) -> None:
        expected, task = self.pick(which)
        if not expected.is_open:
            with pytest.raises(NotPossible):
                transitions.delete(self.session, task, by=self.cast.ana)
        else:
            event = transitions.delete(self.session, task, by=self.cast.ana)
            self.closed(expected, event, D, "ana")

    @precondition(lambda self: self.tasks)
    @rule(which=some_task)
    def ana_reopens(self, which: int) -> None:
        expected, task = self.pick(which)
        if expected.is_open or self.has_newer(expected):
            with pytest.raises(NotPossible):
                transitions.reopen(self.session, task, by=self.cast.ana)
        else:
            back_to = [name for name in expected.had if name in self.here]
            event = transitions.reopen(self.session, task, by=self.cast.ana)
            self.moved(expected, event, A if back_to else P, back_to)

    @precondition(lambda self: any(one.undo for one in self.tasks))
    @rule(which=some_task)
    def ana_undoes(self, which: int) -> None:
        can_be_undone = [one for one in self.tasks if one.undo]
        expected = can_be_undone[which % len(can_be_undone)]
        assert expected.undo is not None
        event_id, state, people = expected.undo
        if state in OPEN and not expected.is_open and self.has_newer(expected):
            with pytest.raises(NotPossible):
                undoing.undo(self.session, event_id, by=self.cast.ana)
            return
        people = [name for name in people if name in self.here] if state is A else people
        if state is A and not people:
            state = P
        _, event = undoing.undo(self.session, event_id, by=self.cast.ana)
        expected.version += 1
        expected.undo = None
        expected.had = people if state not in OPEN else []
        expected.state, expected.assignees = state, people if state is A else []
        assert event.version == expected.version

    @precondition(lambda self: self.tasks)
    @rule(which=some_task, by=st.sampled_from(["ana", "admin"]))
    def somebody_replies(self, which: int, by: str) -> None:
        expected, task = self.pick(which)
        by = by if by in self.here else "ana"
        conversation = self.session.get_one(Conversation, task.conversation_id)
        replying.reply(self.session, conversation, "Yes, at nine.", by=self.someone(by))
        self.last_sender[expected.number] = by
        newest = next((one for one in reversed(self.tasks) if self.is_beside(one, expected)), None)
        if newest is not None and newest.state is P and self.house_rules.reply_assigns:
            newest.version += 1
            newest.is_touched = True
            newest.state, newest.assignees = A, [by]
            newest.undo = None

    @rule(who=st.sampled_from(["ben", "admin"]))
    def somebody_leaves(self, who: str) -> None:
        self.here.discard(who)
        self.session.execute(update(Member).where(Member.login == who).values(is_active=False))
        transitions.return_orphans(self.session, self.someone(who), why="left")
        for one in self.tasks:
            if one.is_open and who in one.assignees:
                one.assignees = [name for name in one.assignees if name != who]
                one.state = A if one.assignees else P
                one.version += 1
                one.undo = None

    @rule(who=st.sampled_from(["ben", "admin"]))
    def somebody_comes_back(self, who: str) -> None:
        self.here.add(who)
        self.session.execute(update(Member).where(Member.login == who).values(is_active=True))

    @rule(rules=st.builds(Rules, st.booleans(), st.booleans(), st.booleans(), st.booleans()))
    def the_practice_changes_its_rules(self, rules: Rules) -> None:
        self.house_rules = rules
        self.session.execute(
            update(Practice)
            .where(Practice.id == self.cast.practice_id)
            .values(
                assign_last_sender=rules.last_sender,
                assign_care_team=rules.care_team,
                reply_assigns=rules.reply_assigns,
                task_per_message=rules.task_per_message,
            )
        )

    # What must be true after every step.

    @invariant()
    def every_task_is_as_expected(self) -> None:
        self.session.commit()
        self.session.expire_all()
        for one in self.tasks:
            task = self.session.get_one(Task, one.id)
            people = {self.someone(name).id: name for name in one.assignees}
            assert (task.state, task.version) == (one.state, one.version)
            had = transitions.assignees_of(self.session, task) if one.is_open else []
            assert (had[:1], set(had)) == (list(people)[:1], set(people))
            # In which order the others come says only who is next when the owner leaves.
            one.assignees = [people[id_] for id_ in had]

    @invariant()
    def no_promise_is_broken(self) -> None:
        for promise in HISTORY:
            assert verify.check(self.session, promise).problems == ()

    # The model's own small rules.

    def someone(self, name: str) -> Member:
        found = load_member(self.session, getattr(self.cast, name).id)
        assert found is not None
        return found

    def pick(self, which: int) -> tuple[Expected, Task]:
        expected = self.tasks[which % len(self.tasks)]
        return expected, self.session.get_one(Task, expected.id)

    def is_joined_by(self, one: Expected, number: int) -> bool:
        return one.number == number and one.is_open and one.gathers

    def is_beside(self, one: Expected, other: Expected) -> bool:
        return one.number == other.number and one.is_open

    def has_newer(self, expected: Expected) -> bool:
        return expected.gathers and any(self.is_beside(one, expected) for one in self.tasks)

    def chosen_by_rules(self, number: int) -> list[str]:
        sender = self.last_sender.get(number)
        if self.house_rules.last_sender and sender in self.here:
            return [sender] if sender else []
        if self.house_rules.care_team and self.numbers[number] == PAT_NUMBER:
            return [name for name in ("ben", "ana") if name in self.here]
        return []

    def moved(self, expected: Expected, event: TaskEvent, state: State, people: list[str]) -> None:
        way_back = expected.assignees if expected.is_open else expected.had
        expected.undo = (event.id, expected.state, list(way_back))
        expected.version += 1
        expected.is_touched = True
        expected.state, expected.assignees, expected.had = state, list(people), []

    def closed(self, expected: Expected, event: TaskEvent, state: State, by: str) -> None:
        had = list(expected.assignees)
        self.moved(expected, event, state, [])
        expected.had = had
        if by != "ana":
            expected.undo = None


def test_tasks_live_as_they_should(engine: Engine) -> None:
    run_state_machine_as_test(
        partial(TaskLife, engine),  # type: ignore[arg-type]  # it takes whatever makes a machine
        settings=settings(max_examples=10, stateful_step_count=25),
    )


def test_nothing_of_a_dreamed_life_is_left(session: Session) -> None:
    assert session.scalars(select(Task)).all() == []
