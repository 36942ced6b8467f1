"""WHO MAY SEE WHICH TASK, conversation and message: every read that is made for a member starts here."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox.task import OPEN, Assignment, Task, TaskMessage
from triage.domain.patients.patient import at_own_facility, open_to
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages, Role
from triage.kit import db
from triage.kit.errors import NotFound


def visible_tasks(member: Member) -> Select[Task]:
    """All of the practice, or what is or was assigned to the member, less facility and program walls."""
    tasks = select(Task).where(Task.practice_id == member.practice_id)
    match member.messages:
        case Messages.ALL:
            pass
        case Messages.ASSIGNED:
            tasks = tasks.where(_ever_mine(member, Task.id.expression))
        case _:
            return tasks.where(false())
    return tasks.where(
        at_own_facility(member, Task.facility_id.expression), open_to(member, Task.patient_id.expression)
    )


def visible_conversations(member: Member) -> Select[Conversation]:
    """Conversations of which the member may see at least a part."""
    conversations = select(Conversation).where(Conversation.practice_id == member.practice_id)
    match member.messages:
        case Messages.ALL:
            pass
        case Messages.ASSIGNED:
            conversations = conversations.where(
                or_(
                    whole_thread(member),
                    exists()
                    .where(Task.conversation_id == Conversation.id, _ever_mine(member, Task.id.expression))
                    .correlate(Conversation),
                    exists()
                    .where(Message.conversation_id == Conversation.id, Message.sent_by_id == member.id)
                    .correlate(Conversation),
                )
            )
        case _:
            return conversations.where(false())
    return conversations.where(
        at_own_facility(member, Conversation.facility_id.expression),
        open_to(member, Conversation.patient_id.expression),
    )


def visible_messages(member: Member) -> Select[Message]:
    """Messages, joined to their conversation. With only assigned messages: the whole thread behind an open
    assignment, else the messages of one's own past tasks and what one sent."""
    messages = (
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.practice_id == member.practice_id)
    )
    match member.messages:
        case Messages.ALL:
            pass
        case Messages.ASSIGNED:
            # On a number that several people share, the thread behind an assignment is that patient's.
            is_of_thread = or_(
                Message.patient_id.is_(None),
                Message.patient_id == Conversation.patient_id,
                Conversation.id.in_(_conversations_open_to(member)),
            )
            messages = messages.where(
                or_(
                    and_(whole_thread(member), is_of_thread),
                    Message.sent_by_id == member.id,
                    exists()
                    .where(
                        TaskMessage.message_id == Message.id,
                        _ever_mine(member, TaskMessage.task_id.expression),
                    )
                    .correlate(Message),
                )
            )
        case _:
            return messages.where(false())
    # A number that several people share holds texts of each of them.
    return messages.where(
        at_own_facility(member, Conversation.facility_id.expression),
        open_to(member, Conversation.patient_id.expression),
        open_to(member, Message.patient_id.expression),
    )


def whole_thread(member: Member) -> ColumnElement[bool]:
    """An open assignment opens the conversation, and every conversation of the same patient."""
    patients = (
        select(Task.patient_id)
        .join(Assignment, Assignment.task_id == Task.id)
        .where(
            Assignment.member_id == member.id,
            Assignment.ended_at.is_(None),
            Task.state.in_(OPEN),
            Task.patient_id.is_not(None),
        )
    )
    return or_(Conversation.id.in_(_conversations_open_to(member)), Conversation.patient_id.in_(patients))


def _conversations_open_to(member: Member) -> Select[UUID]:
    """Those in which the member has an open assignment."""
    return (
        select(Task.conversation_id)
        .join(Assignment, Assignment.task_id == Task.id)
        .where(Assignment.member_id == member.id, Assignment.ended_at.is_(None), Task.state.in_(OPEN))
    )


def _ever_mine(member: Member, task_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    return exists().where(Assignment.task_id == task_id, Assignment.member_id == member.id)


def find_task(session: Session, member: Member, task_id: UUID, *, lock: bool = False) -> Task:
    """Raises `NotFound`, also for what another member may see and this one may not."""
    query = visible_tasks(member).where(Task.id == task_id)
    task = session.scalar(db.locked(query, of=Task) if lock else query)
    if task is None:
        raise NotFound("There is no such task.")
    return task


def find_conversation(
    session: Session, member: Member, conversation_id: UUID, *, lock: bool = False
) -> Conversation:
    """Raises `NotFound`."""
    query = visible_conversations(member).where(Conversation.id == conversation_id)
    conversation = session.scalar(db.locked(query, of=Conversation) if lock else query)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def find_message(session: Session, member: Member, message_id: UUID) -> Message:
    """Raises `NotFound`."""
    message = session.scalar(visible_messages(member).where(Message.id == message_id))
    if message is None:
        raise NotFound("There is no such message.")
    return message


def may_write_in(session: Session, member: Member, conversation: Conversation) -> bool:
    """Whoever sees all messages may write; with only assigned messages an open assignment is needed."""
    if member.messages is Messages.ALL:
        return True
    if member.messages is Messages.NONE:
        return False
    query = visible_conversations(member).where(Conversation.id == conversation.id, whole_thread(member))
    return session.scalar(query) is not None


def hears_everything(member: Member) -> bool:
    """Whether live signals of the whole practice may reach this member with their ids."""
    return member.messages is Messages.ALL and not member.role.own_facilities_only and not member.kept_out_of


def task_for_system(session: Session, task_id: UUID) -> Task | None:
    """The one load without a member: rules and upkeep act for the system."""
    return session.scalar(db.locked(select(Task).where(Task.id == task_id)))


def open_task_of(session: Session, conversation_id: UUID, *, lock: bool = False) -> Task | None:
    """The conversation's newest open task, for the system; show it to a member through `find_task` only."""
    query = (
        select(Task)
        .where(Task.conversation_id == conversation_id, Task.state.in_(OPEN))
        .order_by(Task.opened_at.desc(), Task.id.desc())
        .limit(1)
    )
    return session.scalar(db.locked(query) if lock else query)


def all_open_tasks_of(session: Session, conversation_id: UUID) -> list[Task]:
    """Every open task of a conversation, locked in a steady order, for the system: it may have one for each text."""
    query = select(Task).where(Task.conversation_id == conversation_id, Task.state.in_(OPEN))
    return list(session.scalars(db.locked(query.order_by(Task.id))))


def tasks_of(session: Session, task_ids: Collection[UUID]) -> list[Task]:
    """These tasks, locked in a steady order, for the system."""
    return list(session.scalars(db.locked(select(Task).where(Task.id.in_(task_ids)).order_by(Task.id))))


def newest_task_of(session: Session, conversation_id: UUID) -> Task | None:
    """The task that was opened last, open or not, for the system."""
    query = select(Task).where(Task.conversation_id == conversation_id)
    return session.scalar(query.order_by(Task.opened_at.desc(), Task.id.desc()).limit(1))


def open_tasks_of(session: Session, conversation_ids: Collection[UUID]) -> dict[UUID, Task]:
    """The same of several conversations."""
    newest = (
        select(Task)
        .where(Task.conversation_id.in_(conversation_ids), Task.state.in_(OPEN))
        .ext(distinct_on(Task.conversation_id))
        .order_by(Task.conversation_id, Task.opened_at.desc(), Task.id.desc())
    )
    return {task.conversation_id: task for task in session.scalars(newest)}


def open_tasks_with(session: Session, practice_id: UUID, member_id: UUID) -> list[Task]:
    """Open tasks that this member is assigned to, locked in a steady order, for the system."""
    tasks = (
        select(Task)
        .join(Assignment, Assignment.task_id == Task.id)
        .where(
            Task.practice_id == practice_id,
            Task.state.in_(OPEN),
            Assignment.member_id == member_id,
            Assignment.ended_at.is_(None),
        )
        .order_by(Task.id)
    )
    return list(session.scalars(db.locked(tasks, of=Task)))


def can_be_given(session: Session, member: Member, task: Task) -> bool:
    """Whether the member's role and walls would let them see this task once it is theirs."""
    return task.id in givable(session, member, [task])


def givable(session: Session, member: Member, tasks: Collection[Task]) -> set[UUID]:
    """Which of these tasks the member could see once they are theirs."""
    if member.messages is Messages.NONE or not tasks:
        return set()
    walls = select(Task.id).where(
        Task.id.in_([task.id for task in tasks]),
        at_own_facility(member, Task.facility_id.expression),
        open_to(member, Task.patient_id.expression),
    )
    return set(session.scalars(walls))


def members_who_hold_in_vain(session: Session) -> list[Member]:
    """Members with an open task who left or whose role reads no messages, for the system."""
    holding = (
        select(Assignment.member_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Assignment.ended_at.is_(None), Task.state.in_(OPEN))
    )
    return list(
        session.scalars(
            select(Member)
            .join(Role, Role.id == Member.role_id)
            .where(Member.id.in_(holding), or_(~Member.is_active, Role.messages == Messages.NONE))
            .order_by(Member.id)
        )
    )
