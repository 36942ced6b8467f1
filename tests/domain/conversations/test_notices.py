"""The first text to a number goes with a notice that says how to stop; once, and not for a text that never left."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.builders import a_task, conversation_of
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations import delivery, sending
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import replying, withdrawing
from triage.domain.inbox.task import Task
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.kit import clock

HOLD = timedelta(seconds=5)
NOTICE = (
    "You are now subscribed to receive messages from Elm Street Clinic. You may unsubscribe at any time by replying"
    ' "STOP". Carrier rates may apply.'
)


@pytest.fixture(autouse=True)
def _every_promise_holds(session: Session) -> Iterator[None]:
    yield
    session.commit()
    assert verify.verify(session).broken == set()


@pytest.fixture
def ana(session: Session, cast: Cast) -> Member:
    """Of a practice that sends a notice with the first text."""
    session.get_one(Practice, cast.practice_id).opt_in_notice_on = True
    session.commit()
    return cast.ana


def as_loaded_now(session: Session, member: Member) -> Member:
    """With the switches of the practice as they are now."""
    found = load_member(session, member.id)
    assert found
    return found


def answered(session: Session, task: Task, by: Member, body: str = "Yes, at nine.") -> Message:
    writer = as_loaded_now(session, by)
    message = replying.reply(session, conversation_of(session, task), body, by=writer, hold=HOLD)
    session.commit()
    return message


def announces(session: Session, task: Task, member: Member) -> bool:
    composer = replying.composer(session, as_loaded_now(session, member), conversation_of(session, task))
    return composer.has_notice


def out_to(session: Session, task: Task) -> list[str]:
    """What the thread has sent, in its order."""
    query = select(Message.body).where(
        Message.conversation_id == task.conversation_id, Message.direction == Direction.OUT
    )
    return list(session.scalars(query.order_by(Message.at, Message.id)))


def at_carrier(session: Session) -> list[str]:
    carrier = PaperCarrier(now=lambda: clock.now(session))
    with clock.shifted(HOLD + timedelta(seconds=1)):
        sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=timedelta(minutes=1))
    session.expire_all()
    return [text.body for text in carrier.kept]


def test_the_first_text_goes_with_the_notice_and_the_second_without(
    session: Session, cast: Cast, ana: Member
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)

    assert announces(session, task, ana)
    answered(session, task, ana)
    answered(session, task, ana, "Bring your card.")

    assert out_to(session, task) == [NOTICE, "Yes, at nine.", "Bring your card."]
    assert not announces(session, task, ana)
    assert sorted(at_carrier(session)) == sorted(out_to(session, task))


def test_the_notice_is_nobodys_answer(session: Session, cast: Cast, ana: Member) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)

    message = answered(session, task, ana)

    notice = session.scalars(select(Message).where(Message.body == NOTICE)).one()
    assert (notice.sent_by_id, notice.is_automatic, task.answered_at) == (None, True, message.at)


def test_a_number_that_was_texted_before_gets_none(session: Session, cast: Cast, ana: Member) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    session.get_one(Practice, cast.practice_id).opt_in_notice_on = False
    answered(session, task, cast.ana)
    session.get_one(Practice, cast.practice_id).opt_in_notice_on = True
    session.commit()

    answered(session, task, cast.ana, "Bring your card.")

    assert out_to(session, task) == ["Yes, at nine.", "Bring your card."]


def test_a_patient_reads_it_in_the_language_of_their_record(
    session: Session, cast: Cast, ana: Member
) -> None:
    practice = session.get_one(Practice, cast.practice_id)
    practice.languages = ["en", "es"]
    session.get_one(type(cast.pat), cast.pat.id).language = "es"
    session.commit()
    task = a_task(session, cast=cast, number=PAT_NUMBER)

    answered(session, task, cast.ana)

    assert out_to(session, task)[0].startswith("Ahora recibe mensajes de Elm Street Clinic.")


def test_a_text_that_is_taken_back_takes_its_notice_along(session: Session, cast: Cast, ana: Member) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    message = answered(session, task, ana)

    withdrawing.withdraw(session, message.id, by=as_loaded_now(session, ana))
    session.commit()

    assert out_to(session, task) == []
    assert at_carrier(session) == []
    answered(session, task, ana, "Second thoughts.")
    assert out_to(session, task) == [NOTICE, "Second thoughts."]


def test_a_notice_that_has_left_stays_when_its_text_is_taken_back(
    session: Session, cast: Cast, ana: Member
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    message = answered(session, task, ana)
    notice = session.scalars(select(Message).where(Message.body == NOTICE)).one()
    # A sender was between the two.
    text = delivery.outbound_of(session, notice.id, lock=True)
    assert text is not None
    text.due_at = clock.now(session)
    session.commit()
    carrier = PaperCarrier(now=lambda: clock.now(session))
    sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=timedelta(minutes=1))
    session.expire_all()

    withdrawing.withdraw(session, message.id, by=as_loaded_now(session, ana))
    session.commit()
    answered(session, task, ana, "Second thoughts.")

    assert out_to(session, task) == [NOTICE, "Second thoughts."]


def test_the_notice_stays_for_the_second_text_when_the_first_is_taken_back(
    session: Session, cast: Cast, ana: Member
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    first = answered(session, task, ana)
    answered(session, task, ana, "Bring your card.")

    withdrawing.withdraw(session, first.id, by=as_loaded_now(session, ana))
    session.commit()

    assert out_to(session, task) == [NOTICE, "Bring your card."]


def test_two_conversations_of_one_number_get_one_notice(session: Session, cast: Cast, ana: Member) -> None:
    north = a_task(session, cast=cast, number=PAT_NUMBER)
    south = a_task(session, cast=cast, number=PAT_NUMBER, to=SOUTH_NUMBER)

    answered(session, north, ana)
    answered(session, south, ana, "From the other site.")

    assert out_to(session, south) == ["From the other site."]
