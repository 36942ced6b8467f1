"""Taking back a text that has not left: the text, what sending it did to the task, and the words into the composer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from triage.domain.conversations import drafts, holding, notices
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import scope, transitions, undoing
from triage.domain.inbox.stars import Star
from triage.domain.inbox.task import Task, TaskEvent, TaskMessage
from triage.domain.practice import submission, texts
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit.errors import NotFound


def withdraw(session: Session, message_id: UUID, *, by: Member) -> tuple[Conversation, Task | None]:
    """One's own text, before a sender has claimed it; completing by the same step is undone with it.

    Where somebody moved the task on since, the task stays where it is. Raises `NotFound` for a text of somebody
    else, `NotPossible` once it has left.
    """
    message = scope.find_message(session, by, message_id)
    if message.sent_by_id != by.id:
        raise NotFound("There is no such text of yours.")
    text = holding.held(session, message)
    conversation = scope.find_conversation(session, by, message.conversation_id, lock=True)
    now, body, sent_at = clock.now(session), message.body, message.at
    session.execute(delete(Star).where(Star.message_id == message.id))
    notices.withdraw_with(session, conversation, message, now=now)
    holding.withdraw(session, conversation, text, message, now=now)
    submission.forget(session, by, message.id, received_at=sent_at)
    words = body.removesuffix(texts.signature_of(session, by))
    drafts.give_back(session, conversation, words, by=by, now=now)
    return conversation, _take_back_moves(session, conversation, sent_at, by)


def _take_back_moves(
    session: Session, conversation: Conversation, sent_at: datetime, by: Member
) -> Task | None:
    """Steps of the same moment are the text's own: one transaction has one."""
    tasks = scope.visible_tasks(by).where(Task.conversation_id == conversation.id)
    events = session.scalars(
        select(TaskEvent)
        .where(
            TaskEvent.task_id.in_(tasks.with_only_columns(Task.id)),
            TaskEvent.at == sent_at,
            TaskEvent.member_id == by.id,
        )
        .order_by(TaskEvent.version.desc())
    ).all()
    task, version = None, 0
    for event in () if _has_written_since(session, conversation, sent_at, by) else events:
        task = task or scope.find_task(session, by, event.task_id, lock=True)
        if event.version != (version or task.version) or _is_followed(session, task):
            break
        undoing.take_back(session, task, event, by=by)
        version = event.version - 1
    task = task or scope.open_task_of(session, conversation.id, lock=True)
    if task is not None:
        _wait_again(session, task, conversation, sent_at)
        transitions.announce(session, task, set(transitions.assignees_of(session, task)))
    return task


def _has_written_since(session: Session, conversation: Conversation, sent_at: datetime, by: Member) -> bool:
    """What the first text did to the task, the next one would have done."""
    later = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.sent_by_id == by.id, Message.at > sent_at
    )
    return session.scalar(later.limit(1)) is not None


def _is_followed(session: Session, task: Task) -> bool:
    """The patient wrote again, and that opened a task of its own."""
    newer = scope.open_task_of(session, task.conversation_id)
    return newer is not None and newer.id != task.id


def _wait_again(session: Session, task: Task, conversation: Conversation, sent_at: datetime) -> None:
    """The task waits, or is answered, as if the text had never been."""
    answered_at = session.scalar(
        select(func.max(Message.at)).where(
            Message.conversation_id == conversation.id,
            Message.direction == Direction.OUT,
            Message.sent_by_id.is_not(None),
            ~Message.is_automatic,
        )
    )
    if task.waiting_since <= sent_at:
        task.answered_at = answered_at if answered_at and answered_at >= task.waiting_since else None
    else:
        unanswered = (
            select(func.min(Message.at))
            .join(TaskMessage, TaskMessage.message_id == Message.id)
            .where(TaskMessage.task_id == task.id)
        )
        if answered_at is not None:
            unanswered = unanswered.where(Message.at > answered_at)
        task.waiting_since = session.scalar(unanswered) or task.waiting_since
    session.flush()
