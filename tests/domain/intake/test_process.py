"""What happens when a patient writes to us: filed once, on the right task, and nothing is lost on the way."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.builders import (
    a_contact,
    a_member,
    a_number,
    a_patient,
    a_place_in_care_team,
    a_reply,
    a_sid,
    a_task,
    a_text_from,
    a_use,
    an_inbound,
    received,
    task_of,
)
from tests.cast import NORTH_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import transitions
from triage.domain.inbox.task import AssignmentExplanation, Move, State, Task, TaskEvent, TaskKind
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Inbound, InboundState, Via
from triage.domain.intake.process import LeaseLost
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.patient import PatientKind
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.kit import clock, db


def the_task(session: Session, row: Inbound) -> Task:
    task = task_of(session, row)
    assert task is not None
    return task


def the_message(session: Session, row: Inbound) -> Message:
    assert row.message_id is not None
    return session.get_one(Message, row.message_id)


def the_conversation(session: Session, row: Inbound) -> Conversation:
    return session.get_one(Conversation, the_message(session, row).conversation_id)


def the_phone(session: Session, number: str) -> Phone:
    return session.scalars(select(Phone).where(Phone.number == number)).one()


def moves_of(session: Session, task: Task) -> Sequence[Move]:
    return session.scalars(
        select(TaskEvent.move).where(TaskEvent.task_id == task.id).order_by(TaskEvent.version)
    ).all()


def change_practice(session: Session, cast: Cast, **switches: object) -> None:
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(**switches))
    session.commit()


def change_member(session: Session, member: Member, **switches: object) -> None:
    session.execute(update(Member).where(Member.id == member.id).values(**switches))
    session.commit()


class TestFiling:
    def test_a_text_becomes_a_message_of_its_conversation(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="Can I come at nine?")

        message = the_message(session, row)
        assert (message.body, message.direction.value, message.at) == (
            "Can I come at nine?",
            "in",
            row.sent_at,
        )
        assert message.patient_id == cast.pat.id
        conversation = the_conversation(session, row)
        assert conversation.practice_number_id == cast.north_number.id
        assert conversation.unread_since == row.sent_at
        assert conversation.last_inbound_at == conversation.last_message_at == row.sent_at

    def test_the_first_text_opens_a_task(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast)

        task = the_task(session, row)
        assert (task.state, task.version, task.kind) == (State.PENDING, 1, TaskKind.MESSAGE)
        assert task.waiting_since == row.sent_at
        assert moves_of(session, task) == [Move.OPENED]

    def test_the_next_text_joins_the_open_task(self, session: Session, cast: Cast) -> None:
        first = an_inbound(session, cast=cast)
        second = an_inbound(session, cast=cast)

        task = the_task(session, second)
        assert task.id == the_task(session, first).id
        assert task.last_message_id == second.message_id
        assert task.waiting_since == first.sent_at
        assert moves_of(session, task) == [Move.OPENED, Move.JOINED]

    @pytest.mark.parametrize("state", [State.COMPLETED, State.DELETED])
    def test_a_text_after_it_was_closed_opens_a_new_task(
        self, state: State, session: Session, cast: Cast
    ) -> None:
        closed = a_task(session, cast=cast, state=state, number=PAT_NUMBER)

        task = the_task(session, an_inbound(session, cast=cast))

        assert task.id != closed.id
        assert (task.state, closed.state) == (State.PENDING, state)

    def test_many_texts_of_one_batch_share_one_task(self, session: Session, cast: Cast) -> None:
        for number in range(5):
            received(session, a_text_from(body=f"Text {number}"), practice_id=cast.practice_id)

        assert process.run_due() == 5

        task = session.scalars(select(Task)).one()
        assert task.version == 5
        bodies = session.scalars(select(Message.body).order_by(Message.at, Message.id)).all()
        assert list(bodies) == [f"Text {number}" for number in range(5)]

    def test_texts_of_many_people_are_filed_in_one_batch(self, session: Session, cast: Cast) -> None:
        for _ in range(20):
            received(session, a_text_from(a_number()), practice_id=cast.practice_id)

        assert process.run_due() == 20

        assert session.scalar(select(func.count()).select_from(Task)) == 20
        assert verify.verify(session).is_clean

    def test_a_run_ends_in_time_and_the_next_one_goes_on(
        self, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        received(session, a_text_from(a_number()), practice_id=cast.practice_id)

        with monkeypatch.context() as hurried:
            hurried.setattr(process, "RUN_SECONDS", 0)
            assert process.run_due() == 0

        assert process.run_due() == 1

    def test_running_again_files_nothing_twice(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast)

        assert process.run_due() == 0
        assert session.scalar(select(func.count()).select_from(Message)) == 1

    def test_an_answered_task_waits_again_from_the_next_text(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        a_reply(session, by=cast.ana, task=task)
        assert task.answered_at is not None

        row = an_inbound(session, cast=cast)

        task = the_task(session, row)
        assert (task.answered_at, task.waiting_since) == (None, row.sent_at)

    def test_a_practice_can_have_a_task_for_each_message(self, session: Session, cast: Cast) -> None:
        change_practice(session, cast, task_per_message=True)

        first = the_task(session, an_inbound(session, cast=cast))
        second = the_task(session, an_inbound(session, cast=cast))

        assert first.id != second.id
        assert {first.version, second.version} == {1}

    def test_texts_of_one_batch_get_a_task_each_where_the_practice_wants_it(
        self, session: Session, cast: Cast
    ) -> None:
        change_practice(session, cast, task_per_message=True)
        for _ in range(3):
            received(session, a_text_from(), practice_id=cast.practice_id)

        process.run_due()

        assert session.scalar(select(func.count()).select_from(Task)) == 3
        assert verify.verify(session).is_clean

    def test_texts_to_two_numbers_are_two_conversations(self, session: Session, cast: Cast) -> None:
        north = the_task(session, an_inbound(session, cast=cast, to=NORTH_NUMBER))
        south = the_task(session, an_inbound(session, cast=cast, to=SOUTH_NUMBER))

        assert north.conversation_id != south.conversation_id
        assert (north.facility_id, south.facility_id) == (cast.north.id, cast.south.id)

    def test_a_text_to_a_number_that_nobody_set_up_is_seen(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, to="+12025550199")

        assert the_task(session, row).facility_id == cast.north.id
        number = session.scalars(select(PracticeNumber).where(PracticeNumber.number == "+12025550199")).one()
        assert number.label == "Not set up yet"


BODIES = {
    "emoji": "🤒🤧 since yesterday 👩‍👩‍👧",
    "the longest text": "ä" * 1600,
    "no body": "",
    "right to left": "שלום, אני צריך תור",
    "markup": "<script>alert(1)</script> & 'quotes' \"here\" %s {0}",
    "many lines": "one\ntwo\r\nthree\n",
}


@pytest.mark.parametrize("what", BODIES)
def test_every_body_is_filed_as_it_came(what: str, session: Session, cast: Cast) -> None:
    row = an_inbound(session, cast=cast, body=BODIES[what])

    assert the_message(session, row).body == BODIES[what]


def test_ten_pictures_are_filed(session: Session, cast: Cast) -> None:
    media = [{"url": f"https://media.example/{n}", "content_type": "image/jpeg"} for n in range(10)]

    row = an_inbound(session, cast=cast, body="", media=media)

    assert the_message(session, row).media == media


@pytest.mark.parametrize("sender", ["22395", "ELMSTREET", "+447700900123", "anonymous"])
def test_every_kind_of_sender_is_filed(sender: str, session: Session, cast: Cast) -> None:
    row = an_inbound(session, cast=cast, number=sender)

    assert the_task(session, row).state is State.PENDING
    assert the_phone(session, sender).number == sender


class TestWhoseNumber:
    def test_an_unknown_number_names_no_patient(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, number=a_number())

        assert the_message(session, row).patient_id is None
        assert the_task(session, row).patient_id is None

    def test_a_shared_number_names_no_patient(self, session: Session, cast: Cast) -> None:
        a_patient(session, cast=cast, number=PAT_NUMBER)

        row = an_inbound(session, cast=cast)

        assert the_task(session, row).patient_id is None

    def test_an_owner_of_two_animals_names_no_patient(self, session: Session, cast: Cast) -> None:
        animals = [a_patient(session, cast=cast, kind=PatientKind.ANIMAL) for _ in range(2)]
        owner, number = a_contact(session, of=animals), a_number()
        for animal in animals:
            a_use(session, patient=animal, number=number, contact=owner)

        row = an_inbound(session, cast=cast, number=number)

        assert the_task(session, row).patient_id is None

    def test_an_owner_of_one_animal_names_it(self, session: Session, cast: Cast) -> None:
        animal = a_patient(session, cast=cast, kind=PatientKind.ANIMAL)
        number = a_number()
        a_use(session, patient=animal, number=number, contact=a_contact(session, of=[animal]))

        row = an_inbound(session, cast=cast, number=number)

        assert the_task(session, row).patient_id == animal.id

    def test_a_number_that_is_no_longer_used_names_no_patient(self, session: Session, cast: Cast) -> None:
        session.execute(update(PhoneUse).values(ended_at=clock.now(session)))

        row = an_inbound(session, cast=cast)

        assert the_task(session, row).patient_id is None

    def test_the_next_text_names_the_patient_who_was_linked_since(self, session: Session, cast: Cast) -> None:
        number = a_number()
        first = an_inbound(session, cast=cast, number=number)
        patient = a_patient(session, cast=cast, number=number)

        second = an_inbound(session, cast=cast, number=number)

        assert the_task(session, second).id == the_task(session, first).id
        assert the_task(session, second).patient_id == patient.id
        assert the_conversation(session, second).patient_id == patient.id

    def test_without_a_facility_of_the_number_the_patient_s_counts(
        self, session: Session, cast: Cast
    ) -> None:
        session.execute(
            update(PracticeNumber).where(PracticeNumber.number == SOUTH_NUMBER).values(facility_id=None)
        )

        row = an_inbound(session, cast=cast, to=SOUTH_NUMBER)

        assert the_task(session, row).facility_id == cast.north.id


class TestKeywords:
    @pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "UNSUBSCRIBE", "cancel", "END", "QUIT"])
    def test_a_stop_word_closes_the_number_and_opens_no_task(
        self, word: str, session: Session, cast: Cast
    ) -> None:
        row = an_inbound(session, cast=cast, body=word)

        assert task_of(session, row) is None
        assert the_phone(session, PAT_NUMBER).opted_out_at is not None
        event = session.scalars(select(ConsentEvent)).one()
        assert (event.kind, event.inbound_id) == (ConsentKind.STOP, row.id)
        assert the_conversation(session, row).unread_since is None

    def test_a_sentence_with_stop_in_it_belongs_to_somebody(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="Should I stop the pills?")

        assert task_of(session, row) is not None
        assert the_phone(session, PAT_NUMBER).opted_out_at is None

    def test_the_carrier_s_own_mark_counts(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="alto", opt_out_type="STOP")

        assert task_of(session, row) is None
        assert the_phone(session, PAT_NUMBER).opted_out_at is not None

    def test_a_stop_joins_an_open_task(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)

        row = an_inbound(session, cast=cast, body="STOP")

        assert the_task(session, row).id == task.id
        assert the_phone(session, PAT_NUMBER).opted_out_at is not None

    def test_start_opens_the_number_again(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="STOP")

        row = an_inbound(session, cast=cast, body="START")

        assert task_of(session, row) is None
        assert the_phone(session, PAT_NUMBER).opted_out_at is None

    def test_yes_is_an_answer_where_nobody_stopped(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="Yes")

        assert task_of(session, row) is not None
        assert session.scalars(select(ConsentEvent)).all() == []

    def test_yes_opens_the_number_of_somebody_who_stopped(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="STOP")

        row = an_inbound(session, cast=cast, body="Yes")

        assert task_of(session, row) is None
        assert the_phone(session, PAT_NUMBER).opted_out_at is None

    def test_a_yes_right_after_a_stop_counts_in_the_same_batch(self, session: Session, cast: Cast) -> None:
        received(session, a_text_from(body="STOP"), practice_id=cast.practice_id)
        received(session, a_text_from(body="Yes"), practice_id=cast.practice_id)

        process.run_due()

        assert session.scalar(select(func.count()).select_from(Task)) == 0
        assert the_phone(session, PAT_NUMBER).opted_out_at is None

    def test_a_start_that_was_found_late_does_not_undo_the_stop_after_it(
        self, session: Session, cast: Cast
    ) -> None:
        an_hour_ago = clock.now(session) - timedelta(hours=1)
        an_inbound(session, cast=cast, body="STOP")

        row = an_inbound(session, cast=cast, body="START", sent_at=an_hour_ago)

        assert the_phone(session, PAT_NUMBER).opted_out_at is not None
        assert task_of(session, row) is not None

    def test_a_start_counts_however_late_the_stop_before_it_was_found(
        self, session: Session, cast: Cast
    ) -> None:
        now = clock.now(session)
        an_inbound(session, cast=cast, body="STOP", sent_at=now - timedelta(hours=2))

        an_inbound(session, cast=cast, body="START", sent_at=now - timedelta(hours=1))

        assert the_phone(session, PAT_NUMBER).opted_out_at is None

    def test_help_is_noted_and_opens_no_task(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="Help")

        assert task_of(session, row) is None
        assert session.scalars(select(ConsentEvent.kind)).all() == [ConsentKind.HELP]

    def test_a_stop_does_not_offer_a_waiting_task_to_the_rules(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        change_practice(session, cast, assign_care_team=True)

        an_inbound(session, cast=cast, body="STOP")

        session.refresh(task)
        assert task.state is State.PENDING


class TestAssignment:
    def test_the_last_sender_gets_the_next_task(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        a_reply(session, by=cast.ana, task=task)
        transitions.complete(session, task, by=cast.admin)
        session.commit()

        task = the_task(session, an_inbound(session, cast=cast))

        assert (task.state, task.owner_id) == (State.ASSIGNED, cast.ana.id)
        why = session.scalars(
            select(AssignmentExplanation).where(AssignmentExplanation.task_id == task.id)
        ).one()
        assert why.rule == "last_sender"
        assert why.tried == [
            {
                "rule": "last_sender",
                "outcome": "chosen",
                "candidates": [{"member": str(cast.ana.id), "passed_over": None}],
            }
        ]

    def test_the_last_sender_on_another_number_counts_for_the_same_patient(
        self, session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER, to=NORTH_NUMBER)
        a_reply(session, by=cast.ana, task=task)

        task = the_task(session, an_inbound(session, cast=cast, to=SOUTH_NUMBER))

        assert task.owner_id == cast.ana.id

    def test_an_automatic_text_has_no_last_sender(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        message = a_reply(session, by=cast.ana, task=task)
        session.execute(update(Message).where(Message.id == message.id).values(is_automatic=True))
        transitions.complete(session, task, by=cast.admin)
        session.commit()

        assert the_task(session, an_inbound(session, cast=cast)).state is State.PENDING

    def test_the_care_team_gets_it_where_the_practice_wants_that(self, session: Session, cast: Cast) -> None:
        a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        a_place_in_care_team(session, patient=cast.pat, member=cast.ben, is_primary=True)
        change_practice(session, cast, assign_care_team=True)

        task = the_task(session, an_inbound(session, cast=cast))

        assert transitions.assignees_of(session, task) == [cast.ben.id, cast.ana.id]

    def test_without_a_primary_the_one_with_the_fewest_open_tasks_owns_it(
        self, session: Session, cast: Cast
    ) -> None:
        a_task(session, cast=cast, assignees=[cast.ana])
        for member in (cast.ana, cast.ben):
            a_place_in_care_team(session, patient=cast.pat, member=member)
        change_practice(session, cast, assign_care_team=True)

        task = the_task(session, an_inbound(session, cast=cast))

        assert task.owner_id == cast.ben.id

    @pytest.mark.parametrize(
        "switch", [{"is_away": True}, {"is_available_for_chat": False}, {"is_active": False}]
    )
    def test_somebody_who_cannot_have_it_is_passed_over(
        self, switch: dict[str, bool], session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        a_reply(session, by=cast.ana, task=task)
        transitions.complete(session, task, by=cast.admin)
        change_member(session, cast.ana, **switch)

        task = the_task(session, an_inbound(session, cast=cast))

        assert task.state is State.PENDING
        why = session.scalars(
            select(AssignmentExplanation).where(AssignmentExplanation.task_id == task.id)
        ).one()
        assert why.rule is None
        assert why.tried[0]["candidates"][0]["passed_over"]

    def test_a_joining_text_offers_an_untouched_task_to_the_rules_again(
        self, session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        change_practice(session, cast, assign_care_team=True)

        an_inbound(session, cast=cast)

        session.refresh(task)
        assert (task.state, task.owner_id, task.version) == (State.ASSIGNED, cast.ana.id, 2)
        assert verify.verify(session).is_clean

    def test_a_rule_never_overrides_a_person(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])
        transitions.unassign(session, task, by=cast.ana)
        a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        change_practice(session, cast, assign_care_team=True)

        an_inbound(session, cast=cast)

        session.refresh(task)
        assert task.state is State.PENDING

    def test_a_joining_text_leaves_an_assigned_task_with_its_owner(
        self, session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben, cast.ana])

        an_inbound(session, cast=cast)

        session.refresh(task)
        assert transitions.assignees_of(session, task) == [cast.ben.id, cast.ana.id]

    def test_a_care_team_member_behind_a_wall_is_passed_over(self, session: Session, cast: Cast) -> None:
        role = cast.roles["Care team"]
        session.execute(text("update role set own_facilities_only = true where id = :id"), {"id": role.id})
        gil = a_member(session, cast=cast, role=role, facilities=[cast.south])
        a_place_in_care_team(session, patient=cast.pat, member=gil)
        change_practice(session, cast, assign_care_team=True)

        task = the_task(session, an_inbound(session, cast=cast, to=NORTH_NUMBER))

        assert task.state is State.PENDING


class TestFailing:
    """A row whose stored form cannot be filed, as a fault of an older version would leave it."""

    def poison(self, session: Session, superuser: Connection, cast: Cast) -> Inbound:
        row = received(session, a_text_from(a_number()), practice_id=cast.practice_id)
        superuser.execute(
            text("update inbound set to_number = 'no number at all' where id = :id"), {"id": row.id}
        )
        return row

    def run(self) -> None:
        try:
            process.run_due()
        except IntegrityError as failure:
            assert "ck_practice_number_e164" in str(failure)

    def test_a_row_that_raises_is_dead_after_five_tries_and_the_others_flow(
        self, superuser: Connection, session: Session, cast: Cast
    ) -> None:
        bad = self.poison(session, superuser, cast)
        good = [received(session, a_text_from(a_number()), practice_id=cast.practice_id) for _ in range(3)]

        waited = timedelta(0)
        for _ in range(30):
            with clock.shifted(waited):
                self.run()
            waited += timedelta(seconds=5)

        session.expire_all()
        assert [row.state for row in good] == [InboundState.FILED] * 3
        assert (bad.state, bad.attempts, bad.reason) == (InboundState.DEAD, 5, "could not be filed")
        assert ledger.for_staff(session, cast.admin) == [bad]
        assert ledger.count_for_staff(session, cast.practice_id) == 1

    def test_a_failed_row_holds_back_what_came_after_it_from_that_number_alone(
        self, superuser: Connection, session: Session, cast: Cast
    ) -> None:
        bad = self.poison(session, superuser, cast)
        self.run()
        after = received(session, a_text_from(bad.from_number), practice_id=cast.practice_id)
        other = received(session, a_text_from(a_number()), practice_id=cast.practice_id)

        waited, order = timedelta(0), []
        for _ in range(12):
            with clock.shifted(waited):
                self.run()
            waited += timedelta(seconds=5)
            session.expire_all()
            order.append((bad.state, after.state, other.state))

        new, dead, filed = InboundState.NEW, InboundState.DEAD, InboundState.FILED
        assert set(order) <= {(new, new, new), (new, new, filed), (dead, new, filed), (dead, filed, filed)}
        assert order[-1] == (dead, filed, filed)

    def test_several_failed_rows_of_a_number_are_tried_in_their_order(
        self, superuser: Connection, session: Session, cast: Cast
    ) -> None:
        number = a_number()
        bad = received(session, a_text_from(number), practice_id=cast.practice_id)
        after = received(session, a_text_from(number), practice_id=cast.practice_id)
        superuser.execute(
            text("update inbound set to_number = 'no number at all' where id = :id"), {"id": bad.id}
        )
        self.run()
        session.expire_all()
        assert (bad.state, after.state) == (InboundState.NEW, InboundState.NEW)

        waited = timedelta(0)
        for _ in range(12):
            waited += timedelta(seconds=5)
            with clock.shifted(waited):
                self.run()
            session.expire_all()
            assert bad.state is InboundState.DEAD or after.state is InboundState.NEW

        assert (bad.state, after.state) == (InboundState.DEAD, InboundState.FILED)

    def test_a_failed_row_waits_longer_each_time(
        self, superuser: Connection, session: Session, cast: Cast
    ) -> None:
        bad = self.poison(session, superuser, cast)

        waits: list[int] = []
        for _ in range(4):
            with clock.shifted(timedelta(hours=len(waits))):
                self.run()
                session.expire_all()
                # Rounded up, for some of it has passed by now.
                waits.append(math.ceil((bad.next_attempt_at - clock.now(session)).total_seconds()))
                session.commit()

        assert waits == [0, 1, 4, 9]

    def test_a_failed_row_is_tried_alone(self, superuser: Connection, session: Session, cast: Cast) -> None:
        bad = self.poison(session, superuser, cast)
        good = received(session, a_text_from(a_number()), practice_id=cast.practice_id)
        self.run()

        with db.transaction() as worker:
            lease = ledger.claim(worker)

        assert lease is not None
        assert len(lease.inbound_ids) == 1
        assert lease.inbound_ids[0] in (bad.id, good.id)

    def test_a_mended_row_is_filed_when_it_is_released(
        self, superuser: Connection, session: Session, cast: Cast
    ) -> None:
        bad = self.poison(session, superuser, cast)
        for hours in range(6):
            with clock.shifted(timedelta(hours=hours)):
                self.run()
        superuser.execute(text("update inbound set to_number = :number"), {"number": NORTH_NUMBER})

        ledger.release(session, bad.id, by=cast.admin)
        session.commit()
        process.run_due()

        session.expire_all()
        assert bad.state is InboundState.FILED

    def test_a_worker_that_lost_its_lease_files_nothing(self, session: Session, cast: Cast) -> None:
        row = received(session, a_text_from(), practice_id=cast.practice_id)
        with db.transaction() as slow:
            lease = ledger.claim(slow)
        assert lease is not None
        with clock.shifted(ledger.LEASE_FOR + timedelta(seconds=1)):
            process.run_due()

        with pytest.raises(LeaseLost):
            process.file(lease)

        session.expire_all()
        assert (row.state, row.attempts) == (InboundState.FILED, 2)
        assert session.scalar(select(func.count()).select_from(Message)) == 1

    def test_a_worker_that_vanished_is_replaced_when_its_lease_ends(
        self, session: Session, cast: Cast
    ) -> None:
        row = received(session, a_text_from(), practice_id=cast.practice_id)
        with db.transaction() as vanished:
            ledger.claim(vanished)

        assert process.run_due() == 0
        with clock.shifted(ledger.LEASE_FOR + timedelta(seconds=1)):
            assert process.run_due() == 1
        session.expire_all()
        assert row.state is InboundState.FILED

    def test_a_text_that_ends_its_worker_five_times_is_dead(self, session: Session, cast: Cast) -> None:
        row = received(session, a_text_from(), practice_id=cast.practice_id)

        for tries in range(6):
            with clock.shifted(tries * (ledger.LEASE_FOR + timedelta(seconds=1))), db.transaction() as worker:
                ledger.claim(worker)

        session.expire_all()
        assert (row.state, row.attempts) == (InboundState.DEAD, 5)

    def test_texts_of_a_conversation_wait_for_the_worker_that_has_it(
        self, session: Session, cast: Cast
    ) -> None:
        received(session, a_text_from(), practice_id=cast.practice_id)
        with db.transaction() as first:
            lease = ledger.claim(first)
        assert lease is not None
        received(session, a_text_from(), practice_id=cast.practice_id)
        elsewhere = received(session, a_text_from(a_number()), practice_id=cast.practice_id)

        with db.transaction() as second:
            other = ledger.claim(second)

        assert other is not None
        assert other.inbound_ids == (elsewhere.id,)


class TestTogether:
    def test_two_texts_of_one_moment_open_one_task(self, fresh_session: Session, fresh_cast: Cast) -> None:
        numbers = [a_number() for _ in range(10)]

        def bring(number: str) -> None:
            with db.transaction() as session:
                ledger.receive(session, fresh_cast.practice_id, a_text_from(number), via=Via.WEBHOOK)
            process.run_due()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(bring, [*numbers, *numbers, *numbers]))
        process.run_due()

        assert fresh_session.scalar(select(func.count()).select_from(Task)) == 10
        assert fresh_session.scalar(select(func.count()).select_from(Conversation)) == 10
        assert fresh_session.scalar(select(func.count()).select_from(Message)) == 30
        assert verify.verify_now().is_clean

    def test_the_same_text_from_four_webhooks_is_filed_once(
        self, fresh_session: Session, fresh_cast: Cast
    ) -> None:
        again = a_text_from(sid=a_sid())

        def bring(_: int) -> InboundState:
            with db.transaction() as session:
                return ledger.receive(session, fresh_cast.practice_id, again, via=Via.WEBHOOK)

        with ThreadPoolExecutor(4) as pool:
            outcomes = sorted(pool.map(bring, range(4)))
        process.run_due()

        assert outcomes == [InboundState.DUPLICATE] * 3 + [InboundState.NEW]
        assert fresh_session.scalar(select(func.count()).select_from(Message)) == 1
        assert verify.verify_now().is_clean
