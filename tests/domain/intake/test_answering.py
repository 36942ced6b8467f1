"""Who writes while the practice is closed hears so once: with the task, in their language, and never too often."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.builders import (
    a_number,
    a_patient,
    a_reply,
    a_sid,
    a_task,
    a_text_from,
    an_inbound,
    received,
    task_of,
)
from tests.cast import NORTH_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import audit, verify
from triage.domain.conversations import answers, delivery
from triage.domain.conversations.answers import PAUSE, AutomaticAnswer, Said
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import record, scope, thread
from triage.domain.inbox.task import State
from triage.domain.intake import process
from triage.domain.intake.ledger import Inbound
from triage.domain.patients import phones
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone
from triage.domain.practice import texts
from triage.domain.practice.member import load_member
from triage.domain.practice.practice import Practice
from triage.domain.wording import CLOSED_REPLY
from triage.kit import clock

MINUTE = timedelta(minutes=1)


def open_in(days: int) -> dict[str, Any]:
    """Hours on one weekday alone, so many days from now: closed until then, or open around the clock today."""
    day = (datetime.now(UTC) + timedelta(days=days)).weekday()
    week: list[list[list[int]]] = [[] for _ in range(7)]
    week[day] = [[480, 1020]] if days else [[0, 1440]]
    return {"week": week}


def set_up(session: Session, cast: Cast, **switches: Any) -> None:
    wanted = {"opening_hours": open_in(3), "closed_reply_on": True, "time_zone": "UTC", **switches}
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(**wanted))
    session.commit()


@pytest.fixture
def closed(session: Session, cast: Cast) -> None:
    set_up(session, cast)


def answers_to(session: Session, number: str = PAT_NUMBER) -> list[Message]:
    """Automatic texts to a number, oldest first."""
    query = (
        select(Message)
        .join(OutboundText, OutboundText.message_id == Message.id)
        .where(OutboundText.to_number == number, Message.is_automatic)
    )
    return list(session.scalars(query.order_by(Message.at, Message.id)))


def task_opened_at(session: Session, row: Inbound) -> datetime:
    task = task_of(session, row)
    assert task
    return session.scalars(select(audit.Audit.at).where(audit.Audit.subject_id == task.id)).one()


@pytest.mark.usefixtures("closed")
class TestAnswering:
    def test_a_text_gets_its_task_and_one_answer_that_waits_to_be_sent(
        self, session: Session, cast: Cast
    ) -> None:
        row = an_inbound(session, cast=cast)

        (answer,) = answers_to(session)
        sent = session.get_one(OutboundText, answer.id)
        task = task_of(session, row)
        assert task and task.state is State.PENDING
        assert (answer.direction, answer.sent_by_id, answer.patient_id) == (Direction.OUT, None, cast.pat.id)
        assert (sent.state, sent.from_number, sent.to_number) == (
            OutboundState.QUEUED,
            NORTH_NUMBER,
            PAT_NUMBER,
        )
        assert answer.body.startswith("Elm Street Clinic is closed now. We will read your text on ")
        assert answer.body.endswith("In an emergency, do not wait for us: call 911.")

    def test_it_is_written_together_with_the_task_and_noted(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast)

        (answer,) = answers_to(session)
        noted = session.scalars(select(audit.Audit).where(audit.Audit.subject_id == answer.id)).one()
        assert (noted.action, noted.at) == (audit.Action.TEXT_QUEUED, task_opened_at(session, row))
        assert (noted.member_id, noted.detail) == (None, {"what": "closed_reply"})

    def test_a_worker_takes_it_like_any_other_text(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast)

        (claim,) = delivery.claim(session, limit=10)

        assert claim.body == answers_to(session)[0].body

    def test_nobody_has_answered_and_the_patient_still_waits(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast)

        task = task_of(session, row)
        assert task
        assert (task.answered_at, task.waiting_since) == (None, row.sent_at)
        assert task.last_message_id == row.message_id
        conversation = session.get_one(Conversation, task.conversation_id)
        assert conversation.unread_since == row.sent_at

    def test_it_makes_nobody_the_last_sender(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast)
        row = an_inbound(session, cast=cast)

        task = task_of(session, row)
        assert task and task.state is State.PENDING

    def test_the_thread_shows_it_folded(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast)
        ana = load_member(session, cast.ana.id)
        task = task_of(session, row)
        assert ana and task
        conversation = scope.find_conversation(session, ana, task.conversation_id)
        identity = phones.identities(session, [conversation.phone_id])[conversation.phone_id]

        shown = thread.read_thread(session, ana, conversation, identity)

        assert [entry.kind for entry in shown.entries].count("folded") == 1

    def test_the_patients_page_shows_what_the_patient_wrote(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="May I come in?")
        ana = load_member(session, cast.ana.id)
        assert ana

        (shown,) = record.read_record(session, ana, cast.pat.id).conversations

        assert (shown.snippet, shown.is_from_us) == ("May I come in?", False)

    def test_every_promise_holds(self, session: Session, cast: Cast) -> None:
        for _ in range(3):
            an_inbound(session, cast=cast, number=a_number())

        assert verify.verify(session).is_clean

    def test_the_patients_language_chooses_the_words(self, session: Session, cast: Cast) -> None:
        set_up(session, cast, languages=["en", "es"])
        number = a_number()
        a_patient(session, cast=cast, first_name="Rosa", number=number)
        session.execute(update(Patient).where(Patient.first_name == "Rosa").values(language="es"))
        session.commit()

        an_inbound(session, cast=cast, number=number)

        assert "no atiende en este momento" in answers_to(session, number)[0].body

    def test_a_language_that_the_practice_does_not_text_in_falls_back_to_its_first(
        self, session: Session, cast: Cast
    ) -> None:
        session.execute(update(Patient).where(Patient.id == cast.pat.id).values(language="es"))
        session.commit()

        an_inbound(session, cast=cast)

        assert "is closed now" in answers_to(session)[0].body

    def test_the_practices_own_words_are_used(self, session: Session, cast: Cast) -> None:
        now = clock.now(session)
        texts.save(session, cast.practice_id, CLOSED_REPLY, "Zzz. {emergency}", language="en", now=now)
        session.commit()

        an_inbound(session, cast=cast)

        assert answers_to(session)[0].body == "Zzz. In an emergency, do not wait for us: call 911."


@pytest.mark.usefixtures("closed")
class TestSilence:
    @pytest.mark.parametrize("word", ["STOP", "Start", "help.", "YES", "info"])
    def test_a_command_is_not_answered(self, word: str, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body=word)

        assert answers_to(session) == []

    @pytest.mark.parametrize("sender", ["CITYLAB", "72975"])
    def test_letters_and_short_codes_are_not_answered(
        self, sender: str, session: Session, cast: Cast
    ) -> None:
        row = an_inbound(session, cast=cast, number=sender)

        assert task_of(session, row)
        assert answers_to(session, sender) == []

    @pytest.mark.parametrize(
        "switch",
        [
            {"opted_out_at": datetime.now(UTC), "opted_out_how": "text"},
            {"texting_on": False},
            {"is_landline": True},
        ],
    )
    def test_a_number_that_may_not_be_texted_is_not_answered(
        self, switch: dict[str, object], session: Session, cast: Cast
    ) -> None:
        session.execute(update(Phone).where(Phone.number == PAT_NUMBER).values(**switch))
        session.commit()

        row = an_inbound(session, cast=cast)

        assert task_of(session, row)
        assert answers_to(session) == []

    def test_a_patient_without_text_notifications_is_not_answered(self, session: Session, cast: Cast) -> None:
        session.execute(update(Patient).where(Patient.id == cast.pat.id).values(texting_on=False))
        session.commit()

        an_inbound(session, cast=cast)

        assert answers_to(session) == []

    def test_who_stops_in_the_same_breath_is_not_answered(self, session: Session, cast: Cast) -> None:
        for body in ("Good morning", "STOP"):
            received(session, a_text_from(body=body), practice_id=cast.practice_id)
        process.run_due()

        assert answers_to(session) == []

    def test_who_asks_for_no_more_texts_gets_none_by_itself(self, session: Session, cast: Cast) -> None:
        row = an_inbound(session, cast=cast, body="Please take me off your list")
        an_inbound(session, cast=cast, body="I mean it")

        assert task_of(session, row)
        assert answers_to(session) == []

    def test_nor_for_what_was_written_in_the_same_breath(self, session: Session, cast: Cast) -> None:
        for body in ("Hello?", "Please stop texting me"):
            received(session, a_text_from(body=body), practice_id=cast.practice_id)
        process.run_due()

        assert answers_to(session) == []

    def test_a_text_that_is_found_hours_later_is_not_answered(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, sent_at=clock.now(session) - timedelta(hours=2))

        assert answers_to(session) == []

    @pytest.mark.parametrize(
        "switches",
        [
            {"closed_reply_on": False},
            {"opening_hours": None},
            {"opening_hours": open_in(0)},
            {"texting_on": False},
        ],
        ids=["switched off", "always open", "open now", "texts nobody"],
    )
    def test_a_practice_that_is_open_or_does_not_want_it_says_nothing(
        self, switches: dict[str, Any], session: Session, cast: Cast
    ) -> None:
        set_up(session, cast, **switches)

        row = an_inbound(session, cast=cast)

        assert task_of(session, row)
        assert answers_to(session) == []


@pytest.mark.usefixtures("closed")
class TestPause:
    def test_several_texts_at_once_get_one_answer(self, session: Session, cast: Cast) -> None:
        for body in ("Hello", "Are you there?", "Please"):
            received(session, a_text_from(body=body), practice_id=cast.practice_id)
        process.run_due()

        assert len(answers_to(session)) == 1

    def test_texts_to_two_numbers_of_the_practice_get_one_answer(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, to=NORTH_NUMBER)
        an_inbound(session, cast=cast, to=SOUTH_NUMBER)

        assert len(answers_to(session)) == 1

    def test_the_next_one_follows_after_a_quarter_of_an_hour(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast)
        for wait, count in ((14 * MINUTE, 1), (16 * MINUTE, 2)):
            with clock.shifted(wait):
                an_inbound(session, cast=cast)
            assert len(answers_to(session)) == count

    def test_while_a_person_writes_with_them_nothing_writes_by_itself(
        self, session: Session, cast: Cast
    ) -> None:
        set_up(session, cast, closed_reply_on=False)
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        ana = load_member(session, cast.ana.id)
        assert ana
        a_reply(session, by=ana, task=task, body="I am still here.")
        session.commit()
        set_up(session, cast)

        an_inbound(session, cast=cast, body="Thank you")
        assert answers_to(session) == []
        with clock.shifted(16 * MINUTE):
            an_inbound(session, cast=cast, body="One more thing")
        assert len(answers_to(session)) == 1

    def test_a_machine_at_the_other_end_is_answered_three_times_a_day(
        self, session: Session, cast: Cast
    ) -> None:
        for place in range(6):
            with clock.shifted(place * 20 * MINUTE):
                an_inbound(session, cast=cast, body="This number is not monitored.")
        assert len(answers_to(session)) == 3

        with clock.shifted(timedelta(hours=25)):
            an_inbound(session, cast=cast)
        assert len(answers_to(session)) == 4

    def test_a_text_that_the_carrier_brings_twice_is_answered_once(
        self, session: Session, cast: Cast
    ) -> None:
        sid = a_sid()
        for _ in range(2):
            an_inbound(session, cast=cast, sid=sid)

        assert len(answers_to(session)) == 1

    def test_the_database_refuses_a_second_answer_to_the_same_text(
        self, session: Session, cast: Cast
    ) -> None:
        an_inbound(session, cast=cast)
        first = session.scalars(select(AutomaticAnswer)).one()
        other = an_inbound(session, cast=cast, number=a_number())

        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(
                update(AutomaticAnswer)
                .where(AutomaticAnswer.answers_id == other.message_id)
                .values(answers_id=first.answers_id)
            )


NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "may"),
    [
        (Said(0, None, None), True),
        (Said(1, NOW - PAUSE, None), True),
        (Said(1, NOW - PAUSE + MINUTE, None), False),
        (Said(3, NOW - timedelta(hours=20), None), False),
        (Said(0, None, NOW - MINUTE), False),
        (Said(1, NOW - timedelta(hours=1), NOW - PAUSE), True),
    ],
)
def test_the_pause_is_counted_from_whatever_the_number_heard_last(said: Said, may: bool) -> None:
    assert answers.may_follow(said, NOW) is may


def test_where_it_is_off_nothing_is_asked_about_it(
    session: Session, cast: Cast, connection: Connection
) -> None:
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", listen)
    an_inbound(session, cast=cast)
    event.remove(connection, "before_cursor_execute", listen)

    assert asked
    assert not any("automatic_answer" in one or "practice_text" in one for one in asked)
