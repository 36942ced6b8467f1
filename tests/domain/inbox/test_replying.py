"""Writing to a patient: who may, when the gate says no, and what a reply does to the task."""

from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.builders import a_number, a_patient, a_reply, a_task, an_inbound, conversation_of
from tests.cast import PAT_NUMBER, Cast
from triage.domain.audit import Action, Audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import LONGEST_TEXT, Message
from triage.domain.inbox import replying, scope
from triage.domain.inbox.task import State, Task
from triage.domain.patients.consent import Leg
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible


def change_practice(session: Session, cast: Cast, **switches: object) -> None:
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(**switches))


def as_loaded_now(session: Session, member: Member) -> Member:
    """With the switches of the practice as they are now."""
    loaded = load_member(session, member.id)
    assert loaded is not None
    return loaded


def a_start(session: Session, cast: Cast, by: Member, number_id: UUID | None = None) -> Conversation:
    return replying.start(
        session, patient_id=cast.pat.id, phone_id=cast.pat_phone.id, practice_number_id=number_id, by=by
    )


class TestReplying:
    def test_a_reply_is_a_message_of_its_sender(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)

        message = a_reply(session, by=cast.ana, task=task, body="  Yes,\r\nat nine.\x00 ")

        assert (message.body, message.sent_by_id) == ("Yes,\nat nine.", cast.ana.id)
        assert (message.patient_id, message.is_automatic) == (cast.pat.id, False)
        assert conversation_of(session, task).last_message_at == message.at

    def test_a_reply_answers_the_task_and_does_not_complete_it(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, assignees=[cast.ben])

        message = a_reply(session, by=cast.ben, task=task)

        assert (task.state, task.answered_at) == (State.ASSIGNED, message.at)

    def test_a_practice_can_leave_waiting_tasks_in_the_queue(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)
        change_practice(session, cast, reply_assigns=False)

        a_reply(session, by=as_loaded_now(session, cast.ana), task=task)

        assert (task.state, task.answered_at is None) == (State.PENDING, False)

    def test_a_practice_can_have_its_texts_signed(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)
        change_practice(session, cast, sign_texts=True)

        message = a_reply(session, by=as_loaded_now(session, cast.ana), task=task, body="Yes.")

        assert message.body == "Yes.\n- Ana"

    @pytest.mark.parametrize("body", ["", "   \n", "\x00"])
    def test_an_empty_text_is_refused(self, body: str, session: Session, cast: Cast) -> None:
        with pytest.raises(Invalid):
            a_reply(session, by=cast.ana, task=a_task(session, cast=cast), body=body)

    def test_the_longest_text_is_sent_and_a_longer_one_is_refused(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)

        assert a_reply(session, by=cast.ana, task=task, body="x" * LONGEST_TEXT)
        with pytest.raises(Invalid, match="1601 characters"):
            a_reply(session, by=cast.ana, task=task, body="x" * (LONGEST_TEXT + 1))

    def test_ben_replies_only_with_an_open_task(self, session: Session, cast: Cast) -> None:
        closed = a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

        with pytest.raises(NotAllowed):
            a_reply(session, by=cast.ben, task=closed)
        assert a_reply(session, by=cast.ben, task=a_task(session, cast=cast, assignees=[cast.ben]))

    def test_cleo_and_dan_do_not_reply(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)

        with pytest.raises(NotAllowed):
            a_reply(session, by=cast.cleo, task=task)
        with pytest.raises(NotFound):
            scope.find_conversation(session, cast.dan, task.conversation_id)

    def test_a_reply_is_refused_when_the_patient_wrote_in_the_meantime(
        self, session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        seen = task.last_message_id
        an_inbound(session, cast=cast)

        with pytest.raises(NotPossible, match="The patient wrote in the meantime"):
            replying.reply(
                session, conversation_of(session, task), "Yes.", by=cast.ana, last_seen_message_id=seen
            )

    def test_a_reply_is_refused_when_a_colleague_wrote_in_the_meantime(
        self, session: Session, cast: Cast
    ) -> None:
        task = a_task(session, cast=cast)
        seen = task.last_message_id
        a_reply(session, by=cast.admin, task=task)

        with pytest.raises(NotPossible, match="Ada Admin wrote in the meantime"):
            replying.reply(
                session, conversation_of(session, task), "Yes.", by=cast.ana, last_seen_message_id=seen
            )

    def test_two_texts_of_one_s_own_in_a_row_are_fine(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)
        seen = task.last_message_id
        a_reply(session, by=cast.ana, task=task)

        assert replying.reply(
            session, conversation_of(session, task), "Or ten.", by=cast.ana, last_seen_message_id=seen
        )


class TestComposer:
    def test_it_is_open_where_a_text_can_go_out(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)

        composer = replying.composer(session, cast.ana, conversation_of(session, task))

        assert (composer.is_enabled, composer.leg) == (True, None)
        assert composer.last_seen_message_id == task.last_message_id

    def test_it_says_why_not_and_what_helps(self, session: Session, cast: Cast) -> None:
        conversation = a_start(session, cast, cast.ana)

        composer = replying.composer(session, cast.ana, conversation)

        assert (composer.leg, composer.way_out) == (Leg.NO_CONSENT, "record_consent")

    @pytest.mark.parametrize(
        ("change", "leg"),
        [
            (update(Phone).values(texting_on=False), Leg.NUMBER_OFF),
            (update(Phone).values(is_landline=True), Leg.LANDLINE),
            (update(Patient).values(texting_on=False), Leg.PATIENT_OFF),
            (update(Practice).values(texting_on=False), Leg.PRACTICE_OFF),
        ],
    )
    def test_every_leg_has_a_sentence(self, change: object, leg: Leg, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        session.execute(change)  # type: ignore[call-overload]  # a parametrized update statement
        session.expire_all()

        composer = replying.composer(
            session, as_loaded_now(session, cast.ana), conversation_of(session, task)
        )

        assert (composer.is_enabled, composer.leg) == (False, leg)
        assert composer.reason.endswith(".")

    def test_a_short_code_cannot_be_answered(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number="22395")

        assert replying.composer(session, cast.ana, conversation_of(session, task)).leg is Leg.NOT_A_MOBILE

    def test_it_is_closed_for_ben_once_his_task_is(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

        composer = replying.composer(session, cast.ben, conversation_of(session, task))

        assert (composer.is_enabled, composer.reason) == (False, "Only somebody who has this task can reply.")


class TestStarting:
    def test_ana_opens_a_conversation_and_it_has_no_task(self, session: Session, cast: Cast) -> None:
        conversation = a_start(session, cast, cast.ana)

        assert (conversation.patient_id, conversation.practice_number_id) == (
            cast.pat.id,
            cast.north_number.id,
        )
        assert session.scalar(select(func.count()).select_from(Task)) == 0
        session.flush()
        assert session.scalars(select(Audit.action)).all() == [Action.CONVERSATION_STARTED]

    def test_the_same_two_numbers_have_one_conversation(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)

        assert a_start(session, cast, cast.ana).id == task.conversation_id

    def test_another_number_of_the_practice_can_be_chosen(self, session: Session, cast: Cast) -> None:
        conversation = a_start(session, cast, cast.ana, cast.south_number.id)

        assert conversation.practice_number_id == cast.south_number.id

    def test_a_number_of_another_practice_cannot(self, session: Session, cast: Cast) -> None:
        with pytest.raises(NotFound):
            a_start(session, cast, cast.ana, cast.other_number.id)

    def test_ben_and_cleo_may_not_and_dan_finds_nobody(self, session: Session, cast: Cast) -> None:
        for member in (cast.ben, cast.cleo):
            with pytest.raises(NotAllowed):
                a_start(session, cast, member)
        with pytest.raises(NotFound):
            a_start(session, cast, cast.dan)

    def test_a_number_that_is_not_the_patient_s_is_not_found(self, session: Session, cast: Cast) -> None:
        other = a_patient(session, cast=cast, number=a_number())

        with pytest.raises(NotFound):
            replying.start(
                session,
                patient_id=other.id,
                phone_id=cast.pat_phone.id,
                practice_number_id=None,
                by=cast.ana,
            )

    def test_the_first_text_of_a_started_conversation_opens_no_task(
        self, session: Session, cast: Cast
    ) -> None:
        conversation = a_start(session, cast, cast.ana)
        an_inbound(session, cast=cast, body="STOP")
        an_inbound(session, cast=cast, body="START")

        message = replying.reply(session, conversation, "Your results are in.", by=cast.ana)

        assert session.get(Message, message.id) is message
        assert session.scalar(select(func.count()).select_from(Task)) == 0
