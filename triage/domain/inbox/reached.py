"""A number stops being a patient's, or is theirs again: what was written stays theirs (Instinct, B71)."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import places, scope
from triage.domain.inbox.task import TaskMessage
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.practice.member import Member
from triage.kit import clock, db, live


def end(session: Session, use: PhoneUse, phone: Phone, *, by: Member) -> None:
    """Nobody reaches the patient at this number any more. Safe to repeat.

    Texts that wait may be somebody else's already: they stay with the number, and nobody knows whose they are.
    """
    if use.ended_at is not None:
        return
    for conversation in _locked(session, phone):
        if conversation.patient_id == use.patient_id:
            _keep_theirs(session, conversation)
    use.ended_at = clock.now(session)
    _settle(session, use, phone, by, "ended")


def begin_again(session: Session, use: PhoneUse, phone: Phone, *, by: Member) -> None:
    """The patient is reached at this number after all; consent that was recorded for it holds. Safe to repeat."""
    if use.ended_at is None:
        return
    _locked(session, phone)
    use.ended_at = None
    # Whoever reads the number now has not said who they are.
    use.verification, use.verified_since = Verification.NOT_STARTED, None
    _settle(session, use, phone, by, "again")


def _locked(session: Session, phone: Phone) -> list[Conversation]:
    """As intake locks them, so that no text is filed meanwhile."""
    ours = select(Conversation).where(
        Conversation.practice_id == phone.practice_id, Conversation.phone_id == phone.id
    )
    return list(session.scalars(db.locked(ours.order_by(Conversation.id))))


def _keep_theirs(session: Session, conversation: Conversation) -> None:
    """What was the patient's because the number was theirs now says so itself."""
    waiting = [task.id for task in scope.all_open_tasks_of(session, conversation.id)]
    is_waiting = exists().where(TaskMessage.message_id == Message.id, TaskMessage.task_id.in_(waiting))
    session.execute(
        update(Message)
        .where(Message.conversation_id == conversation.id, Message.patient_id.is_(None), ~is_waiting)
        .values(patient_id=conversation.patient_id)
        .execution_options(synchronize_session=False)
    )


def _settle(session: Session, use: PhoneUse, phone: Phone, by: Member, what: str) -> None:
    session.flush()
    places.know_again(session, phone)
    audit.record(
        session,
        phone.practice_id,
        audit.Action.NUMBER_LINKED,
        by=by.id,
        at=clock.now(session),
        subject_id=phone.id,
        patient_id=use.patient_id,
        what=what,
    )
    for conversation in _locked(session, phone):
        live.announce(session, phone.practice_id, "task", conversation=conversation.id)
