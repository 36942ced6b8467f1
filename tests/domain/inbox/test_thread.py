"""A patient's thread: messages, days and events, as each member may see them, page by page."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, a_text_from, ago, an_inbound, conversation_of, received
from tests.cast import NORTH_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import thread, transitions, undoing
from triage.domain.inbox.task import State, Task
from triage.domain.inbox.thread import Bubble, Day, Folded, NewRule, Note, Thread
from triage.domain.intake import process
from triage.domain.patients import phones
from triage.domain.practice.member import Member
from triage.kit import clock


def read(session: Session, member: Member, conversation: Conversation, **how: object) -> Thread:
    identity = phones.identities(session, [conversation.phone_id])[conversation.phone_id]
    return thread.read_thread(session, member, conversation, identity, **how)  # type: ignore[arg-type]  # as the caller names them


def bodies(shown: Thread) -> list[str]:
    return [entry.body for entry in shown.entries if isinstance(entry, Bubble)]


def notes(shown: Thread) -> list[str]:
    return [entry.text for entry in shown.entries if isinstance(entry, Note)]


def many_texts(session: Session, cast: Cast, count: int) -> Conversation:
    for number in range(count):
        received(
            session,
            a_text_from(body=f"Text {number}"),
            practice_id=cast.practice_id,
            sent_at=ago(session, minutes=count - number // 2),
        )
    process.run_due()
    session.expire_all()
    return session.scalars(select(Conversation)).one()


def test_a_thread_shows_both_sides_in_order_with_the_day(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body="Can I come?")
    a_reply(session, by=cast.ana, task=task, body="Yes.")

    shown = read(session, cast.ana, conversation_of(session, task))

    assert isinstance(shown.entries[0], Day)
    assert bodies(shown) == ["Can I come?", "Yes."]
    inbound, outbound = (entry for entry in shown.entries if isinstance(entry, Bubble))
    assert (inbound.direction, inbound.initials, outbound.sender) == ("in", "PP", cast.ana.brief)
    assert outbound.delivery is not None
    assert outbound.delivery.word == "Queued"
    assert inbound.task is not None
    assert inbound.task.id == task.id


def test_unread_messages_begin_with_a_rule(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    conversation = conversation_of(session, task)
    assert any(isinstance(entry, NewRule) for entry in read(session, cast.ana, conversation).entries)

    reading.mark_read(session, conversation, by=cast.ana, now=clock.now(session))

    assert not any(isinstance(entry, NewRule) for entry in read(session, cast.ana, conversation).entries)


def test_every_step_is_told_with_its_reason(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    transitions.assign(session, task, [cast.ben.id], by=cast.ana)
    transitions.unassign(session, task, by=cast.ana)
    a_reply(session, by=cast.admin, task=task)
    transitions.complete(session, task, by=cast.ana)
    event = transitions.reopen(session, task, by=cast.ana)
    undoing.undo(session, event.id, by=cast.ana)
    session.commit()

    told = notes(read(session, cast.ana, conversation_of(session, task)))

    assert told[-6:] == [
        "Ana Alvarez assigned this to Ben Brook",
        "Ana Alvarez put this back into the queue",
        "Ada Admin took this by replying",
        "Ana Alvarez completed this",
        "Ana Alvarez reopened this for Ada Admin",
        "Ana Alvarez undid the last step",
    ]


def test_taking_it_letting_it_go_and_sharing_it_are_told_apart(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    transitions.assign(session, task, [cast.ana.id], by=cast.ana)
    transitions.assign(session, task, [cast.ana.id, cast.ben.id], by=cast.ana)
    transitions.let_go(session, task, by=cast.ana)
    session.commit()

    told = notes(read(session, cast.ana, conversation_of(session, task)))

    assert told[-3:] == [
        "Ana Alvarez took this",
        "Ana Alvarez took this, together with Ben Brook",
        "Ana Alvarez let this go; it stays with Ben Brook",
    ]


def test_a_stop_is_told(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    an_inbound(session, cast=cast, body="STOP")

    assert any("STOP" in note for note in notes(read(session, cast.ana, conversation_of(session, task))))


def test_all_numbers_of_a_patient_are_one_thread(session: Session, cast: Cast) -> None:
    an_inbound(session, cast=cast, to=NORTH_NUMBER, body="To the north")
    task = a_task(session, cast=cast, number=PAT_NUMBER, to=SOUTH_NUMBER, body="To the south")

    shown = read(session, cast.ana, conversation_of(session, task), is_full=True)

    assert bodies(shown) == ["To the north", "To the south"]
    assert [entry.practice_number for entry in shown.entries if isinstance(entry, Bubble)] == [
        "North",
        "South",
    ]


def test_a_long_thread_is_read_page_by_page_without_gaps(session: Session, cast: Cast) -> None:
    conversation = many_texts(session, cast, 120)

    pages = [read(session, cast.ana, conversation, is_full=True)]
    while pages[-1].before:
        pages.append(read(session, cast.ana, conversation, before=pages[-1].before))

    assert [page.earlier for page in pages] == [70, 20, 0]
    assert [body for page in reversed(pages) for body in bodies(page)] == [f"Text {n}" for n in range(120)]


def test_at_first_only_the_newest_task_and_a_little_more_is_shown(session: Session, cast: Cast) -> None:
    conversation = many_texts(session, cast, 10)
    task = session.scalars(select(Task)).one()
    transitions.complete(session, task, by=cast.ana)
    session.commit()
    an_inbound(session, cast=cast, body="And now?")

    shown = read(session, cast.ana, conversation)

    assert bodies(shown)[-1] == "And now?"
    assert len(bodies(shown)) == thread.LEAST_SHOWN
    assert shown.earlier == 11 - thread.LEAST_SHOWN


def test_ben_sees_of_a_thread_what_was_his(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast, number=PAT_NUMBER, state=State.COMPLETED, body="Before Ben")
    task = a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben], body="For Ben")
    assert bodies(read(session, cast.ben, conversation_of(session, task), is_full=True)) == [
        "Before Ben",
        "For Ben",
    ]

    transitions.complete(session, task, by=cast.ben)
    session.flush()

    assert bodies(read(session, cast.ben, conversation_of(session, task), is_full=True)) == ["For Ben"]


def test_a_failed_text_says_what_happened_and_what_helps(session: Session, cast: Cast) -> None:
    message = a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    text = session.get_one(OutboundText, message.id)
    text.is_failed, text.error_code = True, 30005

    failed = thread.delivery_of(text)

    assert (failed.word, failed.detail) == ("Not delivered", "the number is not in service")
    assert failed.can_resend


def test_every_way_of_a_text_has_a_word() -> None:
    words = [
        thread.delivery_of(OutboundText(state=state, is_failed=state is OutboundState.FAILED)).word
        for state in OutboundState
    ]

    assert words == [
        "Queued",
        "Sending",
        "Sent",
        "Not delivered",
        "Checking with the carrier",
        "May not have been sent",
    ]


def test_texts_within_five_minutes_share_a_line(session: Session, cast: Cast) -> None:
    for minutes in (20, 18, 1):
        an_inbound(session, cast=cast, sent_at=ago(session, minutes=minutes))

    conversation = session.scalars(select(Conversation)).one()
    shown = [entry for entry in read(session, cast.ana, conversation).entries if isinstance(entry, Bubble)]

    assert [bubble.shows_meta for bubble in shown] == [False, True, True]
    assert timedelta(minutes=5) == thread.GROUPED_WITHIN


def test_automatic_texts_in_a_row_take_one_line(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ana])
    notices = [a_reply(session, by=cast.ana, task=task, body=f"Notice {place}") for place in range(3)]
    ids = [notice.id for notice in notices]
    session.execute(update(Message).where(Message.id.in_(ids)).values(is_automatic=True))
    session.execute(
        update(OutboundText).where(OutboundText.message_id == ids[2]).values(is_failed=True, error_code=30007)
    )
    session.expire_all()

    shown = read(session, cast.ana, conversation_of(session, task))

    (folded,) = [entry for entry in shown.entries if isinstance(entry, Folded)]
    assert [bubble.body for bubble in folded.bubbles] == ["Notice 0", "Notice 1"]
    assert bodies(shown)[-1] == "Notice 2"
