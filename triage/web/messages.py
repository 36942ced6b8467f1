"""What can be done with one message: star it, take it back, send it again, take its failure off the list."""

from uuid import UUID

from flask import Blueprint, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.conversations import reading
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying, scope, stars, withdrawing
from triage.domain.inbox.task import TaskMessage
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import NotAllowed
from triage.web import changed, once, render
from triage.web.auth import current_member, needs
from triage.web.changed import Changed
from triage.web.render import Toast

messages = Blueprint("messages", __name__)


@messages.post("/messages/<uuid:message_id>/star")
@needs(Privilege.MESSAGES)
def star(message_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        message = scope.find_message(session, member, message_id)
        stars.star(session, message, by=member, now=clock.now(session))
        now = _around(session, member, message)
    return changed.answer(now)


@messages.post("/messages/<uuid:message_id>/unstar")
@needs(Privilege.MESSAGES)
def unstar(message_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        message = scope.find_message(session, member, message_id)
        stars.unstar(session, message, by=member)
        now = _around(session, member, message)
    return changed.answer(now)


@messages.post("/messages/<uuid:message_id>/unread")
@needs(Privilege.MESSAGES)
def mark_unread(message_id: UUID) -> Response:
    """Unread again for everybody, from this message on."""
    member = current_member()
    with db.transaction() as session:
        message = scope.find_message(session, member, message_id)
        conversation = scope.find_conversation(session, member, message.conversation_id, lock=True)
        if not scope.may_write_in(session, member, conversation):
            raise NotAllowed("Only somebody who has this task can do that.")
        reading.mark_unread(session, conversation, by=member, now=clock.now(session), since=message.at)
        session.flush()
        now = _around(session, member, message)
    return changed.answer(now, Toast("Marked unread from here", about=now.about))


@messages.post("/messages/<uuid:message_id>/resend")
@needs(Privilege.MESSAGES)
def resend(message_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        message = scope.find_message(session, member, message_id)
        if not once.is_repeated(session, member):
            replying.resend(session, message, by=member)
        now = _around(session, member, message)
    return changed.answer(now, Toast("Sending it again", about=now.about))


@messages.post("/messages/<uuid:message_id>/dismissal")
@needs(Privilege.MESSAGES)
def dismiss(message_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        message = scope.find_message(session, member, message_id)
        if not once.is_repeated(session, member):
            replying.dismiss(session, message, by=member)
        session.flush()
        now = _around(session, member, message)
    return changed.answer(now, Toast("Taken off the list of failures", about=now.about))


@messages.post("/messages/<uuid:message_id>/withdrawal")
@needs(Privilege.MESSAGES)
def withdraw(message_id: UUID) -> Response:
    """Take back what has not left; the words are in the composer again."""
    member = current_member()
    with db.transaction() as session:
        if once.is_repeated(session, member):
            now = changed.nothing()
        else:
            conversation, task = withdrawing.withdraw(session, message_id, by=member)
            session.flush()
            now = changed.gather(session, member, conversation, task_id=task.id if task else None)
    is_here = now.shown is not None or not render.is_partial()
    words = "Taken back" if is_here else "Taken back. Your text is kept there as a draft."
    return changed.answer(now, Toast(words, about=now.about), composer={"is_returned": True})


def _around(session: Session, member: Member, message: Message) -> Changed:
    conversation = scope.find_conversation(session, member, message.conversation_id)
    task_id = session.scalar(select(TaskMessage.task_id).where(TaskMessage.message_id == message.id))
    shown_task = changed.asker().task_id
    return changed.gather(session, member, conversation, task_id=shown_task or task_id)
