"""Who is this? A member says whose texts a number's are; it is remembered, moves the right texts, and can be undone.

A number is somebody's, several people's or nobody's (Instinct, B65 to B67). What is said here holds for one
conversation, and for the texts that come later.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import choices, places, scope, transitions
from triage.domain.inbox.choices import PatientChoice, Reach, Said
from triage.domain.inbox.task import Task, TaskMessage
from triage.domain.patients import phones
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Identity, Phone, PhoneUse, identities
from triage.domain.practice.member import Member, briefs
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db, live
from triage.kit.errors import NotAllowed, NotFound, NotPossible
from triage.kit.phone import is_e164

# The page offers undo for eight seconds; the rest is the way of the request.
UNDO_FOR = timedelta(seconds=15)
CHANGED = "Somebody has said who this is in the meantime. Look once more."


class Moving(NamedTuple):
    """What goes over to another patient, with whose it was; `since` is when the first of the texts was written."""

    messages: Mapping[UUID, UUID | None]
    tasks: Mapping[UUID, UUID | None]
    since: datetime | None


def choose(
    session: Session,
    conversation: Conversation,
    patient: Patient,
    *,
    reach: Reach,
    seen: str,
    by: Member,
    contact_id: UUID | None = None,
) -> PatientChoice:
    """These texts are this patient's, and so are those to come. A patient who was not reached here is from now on,
    at a number of their own or of a person on the record.

    `seen` is what `seen_of` said when the page was made. Raises `NotAllowed`, and `NotPossible` where a colleague
    was faster.
    """
    _begin(session, conversation, seen, by)
    if patient.archived_at is not None:
        raise NotPossible("This record is archived. Bring it back first.")
    moving = _moving(session, conversation, reach)
    choice = _note(session, conversation, Said.PATIENT, moving, reach=reach, patient_id=patient.id, by=by)
    phone = session.get_one(Phone, conversation.phone_id)
    if patient.id not in _patients(identities(session, [phone.id])[phone.id]):
        choice.former = {**choice.former, "use": _link(session, patient, phone, contact_id, by)}
    conversation.chosen_patient_id, conversation.is_nobody = patient.id, False
    _settle(session, conversation, phone, moving)
    return choice


def say_nobody(session: Session, conversation: Conversation, *, seen: str, by: Member) -> PatientChoice:
    """No patient writes from this number; for a number that nobody on record uses. Raises as `choose`."""
    _begin(session, conversation, seen, by)
    phone = session.get_one(Phone, conversation.phone_id)
    if identities(session, [phone.id])[phone.id].people:
        raise NotPossible("Somebody on record uses this number. End that on their record first.")
    nothing = Moving({}, {}, None)
    choice = _note(session, conversation, Said.NOBODY, nothing, reach=Reach.TASK, patient_id=None, by=by)
    conversation.chosen_patient_id, conversation.is_nobody = None, True
    _settle(session, conversation, phone, nothing)
    return choice


def say_open(session: Session, conversation: Conversation, *, seen: str, by: Member) -> PatientChoice:
    """What was said is taken back, and nobody knows again whose the waiting texts are. Raises as `choose`."""
    _begin(session, conversation, seen, by)
    phone = session.get_one(Phone, conversation.phone_id)
    moving = _moving(session, conversation, Reach.TASK) if conversation.chosen_patient_id else None
    moving = moving or Moving({}, {}, None)
    choice = _note(session, conversation, Said.OPEN, moving, reach=Reach.TASK, patient_id=None, by=by)
    conversation.chosen_patient_id, conversation.is_nobody = None, False
    _settle(session, conversation, phone, moving)
    return choice


def undo(session: Session, choice_id: UUID, *, by: Member) -> Conversation:
    """The inverse of a member's own last choice, for a moment: every text and task is whose it was.

    Raises `NotFound` for somebody else's, `NotPossible` where it is too late or somebody has chosen since.
    """
    mine = select(PatientChoice).where(
        PatientChoice.practice_id == by.practice_id,
        PatientChoice.id == choice_id,
        PatientChoice.member_id == by.id,
    )
    found = session.scalar(mine)
    if found is None:
        raise NotFound("There is nothing to undo.")
    conversation = session.get_one(Conversation, found.conversation_id)
    _lock(session, conversation)
    choice = session.scalars(db.locked(mine)).one()
    now = clock.now(session)
    if choice.undone_at is not None or conversation.chosen_at != choice.at:
        raise NotPossible(CHANGED)
    if now - choice.at > UNDO_FOR:
        raise NotPossible("It is too late to undo this. Choose again instead.")
    choice.undone_at = conversation.chosen_at = now
    _give_back(session, conversation, choice)
    phone = session.get_one(Phone, conversation.phone_id)
    places.know_again(session, phone)
    _follow_later_texts(session, conversation, choice)
    _record(session, choice, by=by, now=now, said="undo")
    _announce(session, conversation)
    return conversation


def seen_of(conversation: Conversation) -> str:
    """Which choice a page shows; a form carries it back."""
    return conversation.chosen_at.isoformat() if conversation.chosen_at else ""


def _begin(session: Session, conversation: Conversation, seen: str, by: Member) -> None:
    """All conversations of the number are locked, as intake locks them, so that no text is filed meanwhile."""
    if by.messages is not Messages.ALL:
        raise NotAllowed("Your role does not let you say who this is.")
    _lock(session, conversation)
    if seen_of(conversation) != seen:
        raise NotPossible(_who_was_faster(session, conversation))


def _lock(session: Session, conversation: Conversation) -> None:
    """Of several, in one order, so that two who choose never wait for each other."""
    ours = select(Conversation).where(
        Conversation.practice_id == conversation.practice_id, Conversation.phone_id == conversation.phone_id
    )
    session.scalars(db.locked(ours.order_by(Conversation.id))).all()


def _who_was_faster(session: Session, conversation: Conversation) -> str:
    last = choices.last_of(session, conversation)
    people = briefs(session, conversation.practice_id, {last.member_id}) if last else {}
    who = next((brief.name for brief in people.values()), None)
    return f"{who} has said who this is in the meantime. Look once more." if who else CHANGED


def _patients(identity: Identity) -> set[UUID]:
    return {person.patient_id for person in identity.people}


def _link(
    session: Session, patient: Patient, phone: Phone, contact_id: UUID | None, by: Member
) -> dict[str, str | None]:
    if not is_e164(phone.number):
        raise NotPossible("This sender is not a phone number, so nobody can be reached at it.")
    linked = phones.use_by(session, patient, phone, contact_id)
    audit.record(
        session,
        phone.practice_id,
        audit.Action.NUMBER_LINKED,
        by=by.id,
        at=clock.now(session),
        subject_id=phone.id,
        patient_id=patient.id,
        what="linked",
    )
    was = linked.was_ended_at.isoformat() if linked.was_ended_at else None
    return {"id": str(linked.use.id), "was_ended_at": None if linked.is_new else was}


# ---- what moves ----


def _moving(session: Session, conversation: Conversation, reach: Reach) -> Moving:
    tasks = scope.all_open_tasks_of(session, conversation.id)
    newest = None if tasks else scope.newest_task_of(session, conversation.id)
    tasks = tasks or ([newest] if newest else [])
    messages = _messages_of(session, conversation, tasks)
    if reach is Reach.CHOICE:
        messages |= _messages_of_choice(session, conversation)
    if reach is Reach.ALL:
        messages |= _messages_of_nobody(session, conversation)
    ids = [message.id for message in messages.values()]
    filed = select(TaskMessage.task_id).where(TaskMessage.message_id.in_(ids)).distinct()
    concerned = scope.tasks_of(session, {*session.scalars(filed), *(task.id for task in tasks)})
    return Moving(
        {message.id: message.patient_id for message in messages.values()},
        {task.id: task.patient_id for task in concerned},
        min((message.at for message in messages.values()), default=None),
    )


def _messages_of(session: Session, conversation: Conversation, tasks: Sequence[Task]) -> dict[UUID, Message]:
    """The texts of these tasks, and what was written to them since; all where nobody has ever written to us."""
    own = select(TaskMessage.message_id).where(TaskMessage.task_id.in_([task.id for task in tasks]))
    first_at = session.scalar(select(func.min(Message.at)).where(Message.id.in_(own)))
    query = select(Message).where(Message.conversation_id == conversation.id)
    # What was written for another of those who share the number stays theirs.
    is_free = or_(Message.patient_id.is_(None), Message.patient_id == conversation.patient_id)
    if first_at is None:
        query = query.where(is_free)
    else:
        filed_elsewhere = exists().where(TaskMessage.message_id == Message.id)
        query = query.where(Message.at >= first_at, or_(Message.id.in_(own), and_(~filed_elsewhere, is_free)))
    return {message.id: message for message in session.scalars(query)}


def _messages_of_choice(session: Session, conversation: Conversation) -> dict[UUID, Message]:
    """What was filed for the patient who was chosen before, since that choice's first text."""
    before = choices.last_of(session, conversation)
    if before is None or before.patient_id is None or before.since is None:
        return {}
    query = select(Message).where(
        Message.conversation_id == conversation.id,
        Message.patient_id == before.patient_id,
        Message.at >= before.since,
    )
    return {message.id: message for message in session.scalars(query)}


def _messages_of_nobody(session: Session, conversation: Conversation) -> dict[UUID, Message]:
    query = select(Message).where(Message.conversation_id == conversation.id, Message.patient_id.is_(None))
    return {message.id: message for message in session.scalars(query)}


def _note(
    session: Session,
    conversation: Conversation,
    said: Said,
    moving: Moving,
    *,
    reach: Reach,
    patient_id: UUID | None,
    by: Member,
) -> PatientChoice:
    now = clock.now(session)
    choice = PatientChoice(
        practice_id=conversation.practice_id,
        conversation_id=conversation.id,
        member_id=by.id,
        said=said,
        patient_id=patient_id,
        reach=reach,
        since=moving.since,
        former={
            "chosen": _word(conversation.chosen_patient_id),
            "is_nobody": conversation.is_nobody,
            "messages": {str(id_): _word(was) for id_, was in moving.messages.items()},
            "tasks": {str(id_): _word(was) for id_, was in moving.tasks.items()},
        },
        at=now,
    )
    session.add(choice)
    conversation.chosen_at = now
    _record(session, choice, by=by, now=now, said=said.value)
    return choice


def _settle(session: Session, conversation: Conversation, phone: Phone, moving: Moving) -> None:
    """The number's conversations and open tasks follow, then what the choice names beyond them."""
    session.flush()
    places.know_again(session, phone)
    _set_patient(session, Message, moving.messages, conversation.patient_id)
    _set_patient(session, Task, moving.tasks, conversation.patient_id)
    session.expire_all()
    _announce(session, conversation)


def _set_patient(
    session: Session, table: type[Message | Task], ids: Iterable[UUID], patient_id: UUID | None
) -> None:
    session.execute(
        update(table)
        .where(table.id.in_(list(ids)))
        .values(patient_id=patient_id)
        .execution_options(synchronize_session=False)
    )


# ---- and back ----


def _give_back(session: Session, conversation: Conversation, choice: PatientChoice) -> None:
    former = choice.former
    conversation.chosen_patient_id = _id(former["chosen"])
    conversation.is_nobody = former["is_nobody"]
    for table, was in ((Message, former["messages"]), (Task, former["tasks"])):
        whose: dict[UUID | None, list[UUID]] = {}
        for id_, patient_id in was.items():
            whose.setdefault(_id(patient_id), []).append(UUID(id_))
        for patient_id, ids in whose.items():
            _set_patient(session, table, ids, patient_id)
    if "use" in former:
        _unlink(session, former["use"], now=choice.undone_at)
    session.flush()
    session.expire_all()


def _unlink(session: Session, was: Mapping[str, str | None], *, now: datetime | None) -> None:
    """A use that the choice made goes, unless somebody has recorded something at it since."""
    use = session.get(PhoneUse, UUID(was["id"]))
    if use is None:
        return
    if was["was_ended_at"] is None and use.consented_at is None:
        session.delete(use)
    else:
        use.ended_at = datetime.fromisoformat(was["was_ended_at"]) if was["was_ended_at"] else now


def _follow_later_texts(session: Session, conversation: Conversation, choice: PatientChoice) -> None:
    """What came or left since then followed the choice, and is whose the conversation is now."""
    if choice.patient_id is None:
        return
    session.execute(
        update(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.patient_id == choice.patient_id,
            Message.at >= choice.at,
            Message.id.not_in([UUID(id_) for id_ in choice.former["messages"]]),
        )
        .values(patient_id=conversation.patient_id)
        .execution_options(synchronize_session=False)
    )


def _record(session: Session, choice: PatientChoice, *, by: Member, now: datetime, said: str) -> None:
    audit.record(
        session,
        choice.practice_id,
        audit.Action.PATIENT_CHOSEN,
        by=by.id,
        at=now,
        subject_id=choice.conversation_id,
        patient_id=choice.patient_id,
        said=said,
        reach=choice.reach.value,
        messages=len(choice.former["messages"]),
    )


def _announce(session: Session, conversation: Conversation) -> None:
    """Pages look again, through scope: some no longer may."""
    for task in scope.all_open_tasks_of(session, conversation.id):
        transitions.announce(session, task, set(transitions.assignees_of(session, task)))
    live.announce(session, conversation.practice_id, "task", conversation=conversation.id)
    # The row is as new as it was; the thread, and what stands around it, is not.
    live.announce(session, conversation.practice_id, "delivery", conversation=conversation.id)


def _word(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None


def _id(word: str | None) -> UUID | None:
    return UUID(word) if word else None
