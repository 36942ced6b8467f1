"""What somebody has begun to write: kept for them alone, the last window wins and gives back what it replaced."""

import pytest
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, conversation_of
from tests.cast import Cast
from triage.domain.conversations import drafts
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.drafts import LONGEST_DRAFT, Saved
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit.errors import Invalid


@pytest.fixture
def conversation(session: Session, cast: Cast) -> Conversation:
    return conversation_of(session, a_task(session, cast=cast))


def save(session: Session, conversation: Conversation, body: str, by: Member, based_on: int = 0) -> Saved:
    return drafts.save(session, conversation, body, by=by, based_on=based_on, now=clock.now(session))


def body(session: Session, conversation: Conversation, member: Member) -> str | None:
    session.expire_all()
    found = drafts.draft_of(session, member, conversation.id)
    return found.body if found else None


def test_what_was_begun_is_there_again_for_its_writer_alone(
    session: Session, cast: Cast, conversation: Conversation
) -> None:
    save(session, conversation, "Nine is\r\n fi", cast.ana)

    assert body(session, conversation, cast.ana) == "Nine is\n fi"
    assert body(session, conversation, cast.admin) is None
    assert drafts.drafted_among(session, cast.ana, {conversation.id}) == {conversation.id}
    assert drafts.drafted_among(session, cast.admin, {conversation.id}) == set()


def test_one_window_writes_on_without_a_notice(
    session: Session, cast: Cast, conversation: Conversation
) -> None:
    first = save(session, conversation, "Nine", cast.ana)
    second = save(session, conversation, "Nine is fine", cast.ana, based_on=first.version)

    assert (first, second) == (Saved(1, None), Saved(2, None))


def test_the_last_window_wins_and_has_what_it_replaced(
    session: Session, cast: Cast, conversation: Conversation
) -> None:
    save(session, conversation, "From the desk", cast.ana)

    assert save(session, conversation, "From the phone", cast.ana).replaced == "From the desk"
    assert body(session, conversation, cast.ana) == "From the phone"


def test_an_emptied_draft_is_gone(session: Session, cast: Cast, conversation: Conversation) -> None:
    kept = save(session, conversation, "Nine", cast.ana)

    assert save(session, conversation, " \n", cast.ana, based_on=kept.version) == Saved(0, None)
    assert body(session, conversation, cast.ana) is None


def test_an_empty_window_takes_no_words_away_that_it_never_showed(
    session: Session, cast: Cast, conversation: Conversation
) -> None:
    save(session, conversation, "From the desk", cast.ana)

    assert save(session, conversation, "", cast.ana) == Saved(1, "From the desk")
    assert body(session, conversation, cast.ana) == "From the desk"


def test_a_book_is_no_draft(session: Session, cast: Cast, conversation: Conversation) -> None:
    with pytest.raises(Invalid):
        save(session, conversation, "x" * (LONGEST_DRAFT + 1), cast.ana)


def test_sending_ends_the_draft_of_the_sender_alone(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    conversation = conversation_of(session, task)
    save(session, conversation, "Nine", cast.ana)
    save(session, conversation, "Ten", cast.admin)

    a_reply(session, by=cast.ana, task=task)

    assert body(session, conversation, cast.ana) is None
    assert body(session, conversation, cast.admin) == "Ten"


def test_what_was_taken_back_stands_before_what_was_written_since(
    session: Session, cast: Cast, conversation: Conversation
) -> None:
    save(session, conversation, "and one more thing", cast.ana)

    drafts.give_back(session, conversation, "Nine is fine.", by=cast.ana, now=clock.now(session))

    assert body(session, conversation, cast.ana) == "Nine is fine.\n\nand one more thing"
