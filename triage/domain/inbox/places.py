"""Where conversations belong: their tasks go with them when a number moves, or when it becomes known whose it is."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation, facility_for
from triage.domain.conversations.message import Message
from triage.domain.inbox import scope, staffing
from triage.domain.inbox.task import Assignment, Task, TaskMessage, is_open
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse, identities, narrowed
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import PracticeNumber, change_number
from triage.domain.practice.privileges import Role
from triage.kit import clock


def change(
    session: Session, number: PracticeNumber, *, label: str, facility_id: UUID | None, by: Member
) -> int:
    """Returns how many tasks went back because their assignee may only see another facility. Raises `Invalid`."""
    was = {"label": number.label, "facility_id": number.facility_id}
    change_number(session, number, label=label, facility_id=facility_id)
    session.flush()
    changed = [field for field, value in was.items() if getattr(number, field) != value]
    if changed:
        audit.record(
            session,
            number.practice_id,
            audit.Action.SETTINGS_CHANGED,
            by=by.id,
            at=clock.now(session),
            subject_id=number.id,
            what="practice_number",
            fields=", ".join(changed),
        )
    if "facility_id" not in changed:
        return 0
    _move_conversations(session, number)
    return sum(staffing.return_out_of_reach(session, member) for member in _behind_walls(session, number))


def _move_conversations(session: Session, number: PracticeNumber) -> None:
    """The number's facility, else the chosen patient's, else the one that all patients behind the other number share."""
    of_patients = (
        select(func.any_value(Patient.facility_id))
        .join(PhoneUse, PhoneUse.patient_id == Patient.id)
        .where(PhoneUse.phone_id == Conversation.phone_id, PhoneUse.ended_at.is_(None))
        .where(Patient.archived_at.is_(None))
        .having(func.count(Patient.facility_id.distinct()) == 1)
        .having(func.count() == func.count(Patient.facility_id))
        .scalar_subquery()
    )
    of_chosen = (
        select(Patient.facility_id).where(Patient.id == Conversation.chosen_patient_id).scalar_subquery()
    )
    of_people = case((Conversation.chosen_patient_id.is_not(None), of_chosen), else_=of_patients)
    ours = Conversation.practice_number_id == number.id
    session.execute(
        update(Conversation)
        .where(ours)
        .values(facility_id=number.facility_id if number.facility_id else of_people)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Task)
        .where(Task.practice_id == number.practice_id, Task.conversation_id == Conversation.id, ours)
        .values(facility_id=Conversation.facility_id)
        .execution_options(synchronize_session=False)
    )


def _behind_walls(session: Session, number: PracticeNumber) -> list[Member]:
    walled = (
        select(Member.id)
        .join(Role, Role.id == Member.role_id)
        .where(Member.practice_id == number.practice_id, Role.own_facilities_only)
        .order_by(Member.id)
    )
    found = [load_member(session, member_id) for member_id in session.scalars(walled).all()]
    return [member for member in found if member is not None]


def follow(session: Session, practice_id: UUID, phone_ids: Collection[UUID]) -> None:
    """Whose numbers these are has changed: conversations and open tasks follow, and who may not see them loses them."""
    query = select(Phone).where(Phone.practice_id == practice_id, Phone.id.in_(phone_ids)).order_by(Phone.id)
    for phone in session.scalars(query).all():
        know_again(session, phone)
    holders = (
        select(Assignment.member_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Conversation, Conversation.id == Task.conversation_id)
        .where(Conversation.phone_id.in_(phone_ids), Assignment.ended_at.is_(None), is_open())
        .distinct()
        .order_by(Assignment.member_id)
    )
    for member_id in session.scalars(holders).all():
        member = load_member(session, member_id)
        if member is not None:
            staffing.return_out_of_reach(session, member)


def know_again(session: Session, phone: Phone) -> None:
    """Whose number it is has changed: its conversations follow, with their open tasks and the texts of these.

    What a member had chosen falls with its reason: a patient who is not reached there any more, and "not a patient"
    where somebody is. Safe to repeat.
    """
    rows = session.execute(
        select(Conversation, PracticeNumber)
        .join(PracticeNumber, PracticeNumber.id == Conversation.practice_number_id)
        .where(Conversation.phone_id == phone.id)
        .order_by(Conversation.id)
        .with_for_update(of=Conversation)
    ).all()
    # After the lock: a colleague may just have changed whose it is.
    identity = identities(session, [phone.id])[phone.id]
    for conversation, number in rows:
        if conversation.chosen_patient_id not in {person.patient_id for person in identity.people}:
            conversation.chosen_patient_id = None
        conversation.is_nobody = conversation.is_nobody and not identity.people
        whose = narrowed(identity, conversation.chosen_patient_id)
        conversation.patient_id = whose.patient_id
        conversation.facility_id = facility_for(number.facility_id, whose)
        _take_along(session, conversation)
    session.flush()


def _take_along(session: Session, conversation: Conversation) -> None:
    """Open tasks and their texts; who may not see them there gives them back."""
    waiting = scope.all_open_tasks_of(session, conversation.id)
    whose = (conversation.patient_id, conversation.facility_id)
    moved = [task for task in waiting if (task.patient_id, task.facility_id) != whose]
    for task in moved:
        task.patient_id, task.facility_id = whose
    session.flush()
    texts = select(TaskMessage.message_id).where(TaskMessage.task_id.in_([task.id for task in waiting]))
    session.execute(
        update(Message)
        .where(Message.id.in_(texts), Message.patient_id.is_distinct_from(conversation.patient_id))
        .values(patient_id=conversation.patient_id)
    )
    for task in moved:
        staffing.return_unseen(session, task)
