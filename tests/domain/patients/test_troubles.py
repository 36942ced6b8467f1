"""A number that the carrier could not reach is marked, and the mark goes when a text arrives or comes."""

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain.conversations import delivery
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying
from triage.domain.inbox.task import Task
from triage.domain.patients import troubles
from triage.domain.patients.consent import Leg
from triage.domain.patients.phones import Phone, Trouble
from triage.kit import clock


class Sent:
    """A text to somebody who wrote, which the carrier took."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.cast, self.number = session, cast, builders.a_number()
        self.task = builders.a_task(session, cast=cast, number=self.number)
        self.message = builders.a_reply(session, by=cast.ana, task=self.task)

    def is_told(self, status: str, code: int | None, message: Message | None = None) -> None:
        about = message or self.message
        delivery.record_status(
            self.session,
            self.cast.practice_id,
            sid=f"SM{about.id.hex}",
            status=status,
            error_code=code,
            message_id=about.id,
        )
        self.session.commit()
        self.session.expire_all()

    @property
    def phone(self) -> Phone:
        conversation = self.session.get_one(
            Conversation, self.session.get_one(Task, self.task.id).conversation_id
        )
        return self.session.get_one(Phone, conversation.phone_id, populate_existing=True)


@pytest.fixture
def sent(session: Session, cast: Cast) -> Sent:
    return Sent(session, cast)


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (30006, Trouble.LANDLINE),
        (30003, Trouble.UNREACHABLE),
        (30005, Trouble.NOT_IN_SERVICE),
        (30004, Trouble.BLOCKS_US),
        (30007, None),
        (30008, None),
        (None, None),
    ],
)
def test_an_error_says_something_of_the_number_or_nothing(
    sent: Sent, code: int | None, trouble: Trouble | None
) -> None:
    sent.is_told("undelivered", code)

    assert sent.phone.trouble is trouble
    assert (troubles.told(sent.phone) is None) is (trouble is None)


def test_a_landline_is_not_texted_again(sent: Sent, session: Session, cast: Cast) -> None:
    sent.is_told("undelivered", 30006)

    conversation = builders.conversation_of(session, sent.task)
    assert replying.composer(session, cast.ana, conversation).leg is Leg.LANDLINE


def test_a_text_that_arrives_takes_the_mark_away(sent: Sent, session: Session, cast: Cast) -> None:
    sent.is_told("undelivered", 30003)
    again = builders.a_reply(session, by=cast.ana, task=sent.task, body="And once more.")

    sent.is_told("delivered", None, again)

    assert (sent.phone.trouble, sent.phone.trouble_at) == (None, None)


def test_reports_in_the_wrong_order_leave_no_mark(sent: Sent) -> None:
    sent.is_told("delivered", None)
    sent.is_told("undelivered", 30003)

    assert sent.phone.trouble is None


def test_a_text_that_comes_takes_the_mark_away(sent: Sent, session: Session, cast: Cast) -> None:
    sent.is_told("undelivered", 30006)

    builders.an_inbound(session, cast=cast, number=sent.number, body="I can text, you see")

    assert (sent.phone.trouble, sent.phone.is_landline) == (None, False)


def test_a_member_knows_better(sent: Sent, session: Session, cast: Cast) -> None:
    sent.is_told("undelivered", 30006)

    troubles.clear(session, sent.phone, by=cast.ana.id, now=clock.now(session))
    session.commit()

    assert (sent.phone.trouble, sent.phone.is_landline) == (None, False)
