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
from triage.domain.patients import troubles
from triage.domain.patients.consent import Leg
from triage.domain.patients.patient import Patient, visible_patients, within_walls
from triage.domain.patients.phones import Identity, Known, Phone, PhoneUse, identities, narrowed
from triage.domain.practice.member import Brief, Member, briefs, hue_of, initials_of
from triage.domain.practice.practice import Facility, PracticeNumber, numbers_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock
from triage.kit import phone as phone_format
from triage.kit.errors import NotFound, NotPossible
from triage.web import filtering
from triage.web.filters import form_id
from triage.web.panel import Panel, panel_of

# Moves that a member with only assigned messages may make on their own tasks (CharmHealth, A43).
MOVES_OF_ASSIGNEES = {Move.COMPLETE}


class Sharer(NamedTuple):
    """Somebody who has the number, about a patient. `patient_id` is set where this member may open the record."""

    name: str
    note: str
    patient_name: str
    patient_id: UUID | None


class Heading(NamedTuple):
    """Whose conversation it is. `patient_id` is set where this member may open the patient.

    `sharers` are those of the people behind the number whom this member may know of, `hidden` counts the others;
    `chosen` is the patient of several whom somebody chose; `about` the one for whom the page was opened.
    """

    id: UUID
    title: str
    initials: str
    hue: int
    number: str
    relation: str
    identity: str
    sharers: tuple[Sharer, ...]
    hidden: int
    has_several: bool
    chosen: str
    is_nobody: bool
    may_choose: bool
    about: UUID | None
    trouble: troubles.Told | None
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
    about = _patient_of_page(session, member, conversation, identity, task)
    past = about if about and about.id not in _patient_ids(identity) else None
    composed = composer(session, member, conversation, identity, past)
    return Opened(
        conversation=heading(session, member, conversation, identity, about),
        task=task_view(session, member, task) if task else None,
        thread=thread.read_thread(
            session,
            member,
            conversation,
            identity,
            is_full=is_full,
            before=before,
            of_patient=past.id if past else None,
        ),
        composer=composed,
        panel=panel(session, member, conversation, about, but=task.id if task else None),
        is_full=is_full,
        question=deciding.question(session, member, conversation),
        unverified=requesting.unverified(session, member, conversation, identity)
        if composed.is_unverified
        else [],
    )


def _patient_of_page(
    session: Session, member: Member, conversation: Conversation, identity: Identity, task: Task | None
) -> Patient | None:
    """Whom the address names among those whose number it is or was, where the member may look patients up; or the
    patient of an old task, whose number it was."""
    patient_id = filtering.patient_of_page()
    if patient_id is not None:
        had = select(PhoneUse.id).where(
            PhoneUse.phone_id == conversation.phone_id, PhoneUse.patient_id == patient_id
        )
        named = visible_patients(member).where(Patient.id == patient_id)
        return session.scalar(named.where(had.exists()))
    if task is None or task.patient_id in (None, conversation.patient_id, *_patient_ids(identity)):
        return None
    return session.scalar(
        select(Patient).where(Patient.practice_id == member.practice_id, Patient.id == task.patient_id)
    )


def about_of_page(session: Session, member: Member, conversation: Conversation) -> UUID | None:
    """For whom, of those who share the number, this member opened the page."""
    identity = identities(session, [conversation.phone_id])[conversation.phone_id]
    about = _patient_of_page(session, member, conversation, identity, None)
    if about is not None and about.id not in _patient_ids(identity):
        raise NotPossible(f"This number is no longer linked to {about.name}. Your text was not sent.")
    return about.id if about else None


def _patient_ids(identity: Identity) -> set[UUID]:
    return {person.patient_id for person in identity.people}


def sharers_of(session: Session, member: Member, identity: Identity) -> tuple[Sharer, ...]:
    """Those of the people behind a number whom no wall keeps from this member (Instinct, B66 and B67)."""
    people, opens = identity.people, _opens_patients(member)
    if people and (member.kept_out_of or member.role.own_facilities_only):
        seen = set(
            session.scalars(
                select(Patient.id).where(Patient.id.in_(_patient_ids(identity)), *within_walls(member))
            )
        )
        people = tuple(person for person in people if person.patient_id in seen)
    return tuple(
        Sharer(
            person.texted_name,
            f"{person.relation or 'contact'} of {person.patient_name}" if person.contact_id else "",
            person.patient_name,
            person.patient_id if opens else None,
        )
        for person in people
    )


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
    whose = narrowed(identity, conversation.chosen_patient_id)
    is_past = about is not None and about.id not in _patient_ids(identity)
    name = None if is_past else about.name if about else identity.name
    sharers = sharers_of(session, member, identity) if identity.has_several else ()
    chosen = next((one for one in identity.people if one.patient_id == whose.patient_id), None)
    shown = name or (chosen.patient_name if chosen and not is_past else "")
    return Heading(
        id=conversation.id,
        title=name or number,
        initials=initials_of(shown) if shown else "",
        hue=hue_of((about.id if about else _person_id(identity)) or conversation.id),
        number=number,
        relation=_through(identity, about) if about else _relation(identity),
        identity="past" if is_past else identity.known.value,
        sharers=sharers,
        hidden=len(identity.people) - len(sharers) if identity.has_several else 0,
        has_several=identity.has_several,
        chosen=chosen.patient_name if chosen and identity.has_several else "",
        is_nobody=conversation.is_nobody,
        may_choose=member.messages is Messages.ALL,
        about=about.id if about else None,
        trouble=troubles.told(phone),
        practice_number=_practice_number(session, conversation),
        facility_name=facility.name if facility else None,
        patient_id=(about.id if about else conversation.patient_id) if _opens_patients(member) else None,
    )


def _through(identity: Identity, about: Patient) -> str:
    """ "through mother Maria Moss" for a patient who is reached at the number of somebody else."""
    person = next((one for one in identity.people if one.patient_id == about.id), None)
    if person is None:
        return f"No longer linked to {about.name}"
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
    session: Session,
    member: Member,
    conversation: Conversation,
    identity: Identity | None = None,
    past: Patient | None = None,
) -> Composer:
    """Whether and why not this member can write here now; never to somebody whose number it was (`past`)."""
    identity = identity or identities(session, [conversation.phone_id])[conversation.phone_id]
    state = replying.composer(session, member, conversation)
    if past is not None:
        reason = f"This number is no longer linked to {past.name}. What was written stays readable here."
        state = state._replace(is_enabled=False, reason=reason, way_out="past", draft=None)
    return Composer(
        is_enabled=state.is_enabled,
        reason=state.reason,
        way_out=_way_out(session, member, conversation, identity, state, past),
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
    session: Session,
    member: Member,
    conversation: Conversation,
    identity: Identity,
    state: replying.Composer,
    past: Patient | None,
) -> tuple[str, str] | None:
    """Where this member can change what says no; None where they cannot."""
    word = state.way_out
    if word == "past" and past is not None and _opens_patients(member):
        return "See other numbers", url_for("patients.show", patient_id=past.id)
    if state.leg is Leg.NOT_CURRENT and not identity.people and member.messages is Messages.ALL:
        return "Who is this?", url_for("who.show", conversation_id=conversation.id)
    if word == "practice" and member.may(Privilege.SETTINGS):
        return "Open settings", url_for("settings.practice")
    people = [person.patient_id for person in identity.people]
    patient_id = conversation.patient_id or next(iter(people), None)
    if word == "patient_on":
        off = select(Patient.id).where(Patient.id.in_(people), ~Patient.texting_on, *within_walls(member))
        patient_id = session.scalar(off.limit(1))
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
    patient = patient_beside(session, member, conversation, about)
    if patient is None:
        return None
    return panel_of(session, member, patient, facility_id=conversation.facility_id, but=but)


def patient_beside(
    session: Session, member: Member, conversation: Conversation, about: Patient | None = None
) -> Patient | None:
    """Whom the panel is about."""
    patient_id = about.id if about else conversation.patient_id
    if patient_id is None or not scope.may_write_in(session, member, conversation):
        return None
    return session.scalar(
        select(Patient).where(Patient.practice_id == member.practice_id, Patient.id == patient_id)
    )


def patient_asked_about(session: Session, member: Member, conversation: Conversation) -> Patient:
    """Whom the panel of the asking page is about. Raises `NotFound`."""
    identity = identities(session, [conversation.phone_id])[conversation.phone_id]
    patient = patient_beside(
        session, member, conversation, _patient_of_page(session, member, conversation, identity, None)
    )
    if patient is None:
        raise NotFound("No patient is known here.")
    return patient
