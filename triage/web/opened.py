"""An open conversation as its page shows it: who it is, the thread, the task, the composer, the patient."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.conversations import unanswered
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import (
    deciding,
    explaining,
    replying,
    requesting,
    rows,
    scope,
    stars,
    thread,
    transitions,
)
from triage.domain.inbox.deciding import Question
from triage.domain.inbox.requesting import Unverified
from triage.domain.inbox.task import Move, State, Task
from triage.domain.inbox.thread import Thread
from triage.domain.patients.consent import Leg
from triage.domain.patients.patient import Patient, visible_patients
from triage.domain.patients.phones import Identity, Known, Person, Phone, identities
from triage.domain.practice.member import Brief, Member, briefs, hue_of, initials_of
from triage.domain.practice.practice import Facility, PracticeNumber, numbers_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock
from triage.kit import phone as phone_format
from triage.kit.errors import NotFound
from triage.web import filtering
from triage.web.filters import form_id
from triage.web.panel import Panel, panel_of

# Moves that a member with only assigned messages may make on their own tasks (CharmHealth, A43).
MOVES_OF_ASSIGNEES = {Move.COMPLETE}


class Heading(NamedTuple):
    """Whose conversation it is. `patient_id` is set where this member may open the patient."""

    id: UUID
    title: str
    initials: str
    hue: int
    number: str
    relation: str
    identity: str
    people: tuple[Person, ...]
    practice_number: str | None
    facility_name: str | None
    patient_id: UUID | None


class TaskView(NamedTuple):
    """A task with what this member can do to it now."""

    id: UUID
    state: str
    version: int
    assignees: tuple[Brief, ...]
    can: dict[str, bool]
    why_available: bool
    waiting_since: datetime
    overdue_for: timedelta | None
    is_starred: bool
    star_message_id: UUID


class Composer(NamedTuple):
    """Where a reply is written; `way_out` is a pair of label and address.

    `draft` is what this member has begun to write, in its version; `signature` is what will be added to it.
    With `has_notice` it says first how texts can be stopped.
    """

    is_enabled: bool
    reason: str
    way_out: tuple[str, str] | None
    form_id: str
    label: str
    last_seen_message_id: UUID | None
    draft: str
    draft_version: int
    signature: str
    has_notice: bool
    can_opt_in: bool
    is_unverified: bool


class Opened(NamedTuple):
    conversation: Heading
    task: TaskView | None
    thread: Thread
    composer: Composer
    panel: Panel | None
    is_full: bool
    question: Question | None
    unverified: list[Unverified]

    def context(self) -> dict[str, Any]:
        return self._asdict()


def look(
    session: Session,
    member: Member,
    conversation: Conversation,
    *,
    task_id: UUID | None = None,
    is_full: bool = False,
    before: str | None = None,
) -> Opened:
    """Everything that the open conversation shows. Raises `NotFound` for a task of another one."""
    identity = identities(session, [conversation.phone_id])[conversation.phone_id]
    task = _task(session, member, conversation, task_id)
    about = _patient_of_page(session, member, identity)
    composed = composer(session, member, conversation, identity)
    return Opened(
        conversation=heading(session, member, conversation, identity, about),
        task=task_view(session, member, task) if task else None,
        thread=thread.read_thread(session, member, conversation, identity, is_full=is_full, before=before),
        composer=composed,
        panel=panel(session, member, conversation, about, but=task.id if task else None),
        is_full=is_full,
        question=deciding.question(session, member, conversation),
        unverified=requesting.unverified(session, conversation, identity) if composed.is_unverified else [],
    )


def _patient_of_page(session: Session, member: Member, identity: Identity) -> Patient | None:
    """Whom the address names among those that the number reaches, where the member may look patients up."""
    patient_id = filtering.patient_of_page()
    if patient_id is None or patient_id not in {person.patient_id for person in identity.people}:
        return None
    return session.scalar(visible_patients(member).where(Patient.id == patient_id))


def _task(session: Session, member: Member, conversation: Conversation, task_id: UUID | None) -> Task | None:
    """The task that was asked for, else the open one, else the newest."""
    if task_id:
        task = scope.find_task(session, member, task_id)
        if task.conversation_id != conversation.id:
            raise NotFound("There is no such task in this conversation.")
        return task
    newest = scope.visible_tasks(member).where(Task.conversation_id == conversation.id)
    return session.scalars(
        newest.order_by(Task.closed_at.is_not(None), Task.opened_at.desc()).limit(1)
    ).first()


def heading(
    session: Session,
    member: Member,
    conversation: Conversation,
    identity: Identity | None = None,
    about: Patient | None = None,
) -> Heading:
    """Who is speaking: a name where exactly one person holds the number, else the number; or the patient that
    somebody opened it about."""
    identity = identity or identities(session, [conversation.phone_id])[conversation.phone_id]
    phone = session.get_one(Phone, conversation.phone_id)
    number = phone_format.for_people(phone.number, member.practice.region)
    facility = session.get(Facility, conversation.facility_id) if conversation.facility_id else None
    name = about.name if about else identity.name
    return Heading(
        id=conversation.id,
        title=name or number,
        initials=initials_of(name) if name else "",
        hue=hue_of((about.id if about else _person_id(identity)) or conversation.id),
        number=number,
        relation=_through(identity, about) if about else _relation(identity),
        identity=identity.known.value,
        people=identity.people,
        practice_number=_practice_number(session, conversation),
        facility_name=facility.name if facility else None,
        patient_id=(about.id if about else conversation.patient_id) if _opens_patients(member) else None,
    )


def _through(identity: Identity, about: Patient) -> str:
    """ "through mother Maria Moss" for a patient who is reached at the number of somebody else."""
    person = next(one for one in identity.people if one.patient_id == about.id)
    return f"through {person.relation or 'contact'} {person.contact_name}" if person.contact_id else ""


def _person_id(identity: Identity) -> UUID | None:
    if identity.known is not Known.KNOWN:
        return None
    return identity.people[0].contact_id or identity.people[0].patient_id


def _relation(identity: Identity) -> str:
    """ "owner of Luna and Milo" for somebody who is texted about others."""
    about = [person for person in identity.people if person.contact_id]
    if identity.known is not Known.KNOWN or not about:
        return ""
    names = [person.patient_name for person in about]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{about[0].relation or 'contact'} of {listed}"


def _practice_number(session: Session, conversation: Conversation) -> str | None:
    """The label of the number that was texted, where the practice has several."""
    numbers = numbers_of(session, conversation.practice_id)
    if len(numbers) < 2:
        return None
    return session.get_one(PracticeNumber, conversation.practice_number_id).label


def _opens_patients(member: Member) -> bool:
    return member.messages is Messages.ALL or member.may(Privilege.PATIENTS)


def task_view(session: Session, member: Member, task: Task) -> TaskView:
    """A task and what can be done with it."""
    ids = transitions.assignees_of(session, task)
    people = briefs(session, task.practice_id, set(ids))
    now = clock.now(session)
    has_failed = bool(unanswered.failed_among(session, task.practice_id, {task.conversation_id}))
    return TaskView(
        id=task.id,
        state=task.state.value,
        version=task.version,
        assignees=tuple(people[id_] for id_ in ids if id_ in people),
        can=_can(member, task, is_mine=member.id in ids),
        why_available=explaining.explain(session, task) is not None,
        waiting_since=task.waiting_since,
        overdue_for=rows.overdue_for(member, task, now, has_failed=has_failed),
        is_starred=task.last_message_id in stars.starred_of(session, member, {task.last_message_id}),
        star_message_id=task.last_message_id,
    )


def _can(member: Member, task: Task, *, is_mine: bool) -> dict[str, bool]:
    """The buttons: moves that start from this state, and that the role lets this member make."""
    sees_all = member.messages is Messages.ALL
    can = {
        move.value: task.state in starts and (sees_all or (move in MOVES_OF_ASSIGNEES and is_mine))
        for move, (starts, _) in transitions.MOVES.items()
    }
    may_work = sees_all or (is_mine and task.state is State.ASSIGNED)
    return {**can, "star": True, "mark_unread": may_work}


def composer(
    session: Session, member: Member, conversation: Conversation, identity: Identity | None = None
) -> Composer:
    """Whether and why not this member can write here now."""
    identity = identity or identities(session, [conversation.phone_id])[conversation.phone_id]
    state = replying.composer(session, member, conversation)
    return Composer(
        is_enabled=state.is_enabled,
        reason=state.reason,
        way_out=_way_out(member, conversation, identity, state.way_out),
        form_id=form_id(),
        label=f"Reply to {identity.name}" if identity.name else "Reply to this number",
        last_seen_message_id=state.last_seen_message_id,
        draft=state.draft.body if state.draft else "",
        draft_version=state.draft.version if state.draft else 0,
        signature=state.signature,
        has_notice=state.has_notice,
        can_opt_in=state.way_out == "opt_in",
        is_unverified=state.leg is Leg.NOT_VERIFIED,
    )


ON_THE_RECORD = {
    "record_consent": "Record consent",
    "turn_on": "Turn texting on",
    "patient_on": "Turn texts on",
    "other_number": "See other numbers",
}


def _way_out(
    member: Member, conversation: Conversation, identity: Identity, word: str | None
) -> tuple[str, str] | None:
    """Where this member can change what says no; None where they cannot."""
    if word == "practice" and member.may(Privilege.SETTINGS):
        return "Open settings", url_for("settings.practice")
    people = [person.patient_id for person in identity.people]
    patient_id = conversation.patient_id or next(iter(people), None)
    if word not in ON_THE_RECORD or patient_id is None or not _opens_patients(member):
        return None
    return ON_THE_RECORD[word], url_for("patients.show", patient_id=patient_id)


def panel(
    session: Session,
    member: Member,
    conversation: Conversation,
    about: Patient | None = None,
    *,
    but: UUID | None = None,
) -> Panel | None:
    """The patient, where one is known, for members who may write here: past tasks alone open no record."""
    patient_id = about.id if about else conversation.patient_id
    if patient_id is None or not scope.may_write_in(session, member, conversation):
        return None
    patient = session.scalar(
        select(Patient).where(Patient.practice_id == member.practice_id, Patient.id == patient_id)
    )
    return panel_of(session, member, patient, but=but) if patient else None
