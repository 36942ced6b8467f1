"""The patient beside an open conversation: numbers, care team, what was written about lately."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import rows, scope
from triage.domain.inbox.task import Task
from triage.domain.patients import care_team, phones
from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility
from triage.domain.practice.program import Program
from triage.kit import clock
from triage.kit import phone as phone_format

MOST_RECENT = 5
LANGUAGES = {"en": "English", "es": "Spanish"}


class Number(NamedTuple):
    """`texting` is Enabled, Opted out, Turned off, Landline or Not asked; `since` is when it became so."""

    label: str
    number: str
    texting: str
    since: datetime | None


class Recent(NamedTuple):
    when: datetime
    snippet: str
    conversation_id: UUID
    task_id: UUID | None
    state: str | None


class Panel(NamedTuple):
    name: str
    kind: str
    species: str | None
    owner_name: str | None
    alerts: tuple[str, ...]
    numbers: list[Number]
    language: str
    born_on: date | None
    care_team: list[care_team.Place]
    facility: str | None
    programs: list[str]
    recent: list[Recent]


def panel_of(session: Session, member: Member, patient: Patient, *, but: UUID | None = None) -> Panel:
    """What a member who may see this patient sees of them;
    `but` is the task that stands beside it already."""
    uses = phones.uses_by_patient(session, patient.practice_id, patient.id)
    current = [(use, phone, label) for use, phone, label in uses if use.ended_at is None]
    wrote = _which_wrote(session, [phone.id for _, phone, _ in current])
    facility = session.get(Facility, patient.facility_id) if patient.facility_id else None
    return Panel(
        name=patient.name,
        kind=patient.kind.value,
        species=patient.species,
        owner_name=next(
            (label.partition(" ")[2] for _, _, label in current if label.startswith("Owner ")), None
        ),
        alerts=tuple(line for line in (patient.alerts or "").splitlines() if line.strip()),
        numbers=[
            Number(
                label,
                phone_format.for_people(phone.number, member.practice.region),
                *texting(use, phone, wrote_first=phone.id in wrote),
            )
            for use, phone, label in current
        ],
        language=LANGUAGES.get(patient.language, patient.language),
        born_on=patient.born_on,
        care_team=care_team.team_of(session, patient.practice_id, patient.id),
        facility=facility.name if facility else None,
        programs=_programs(session, patient),
        recent=_recent(session, member, patient, but),
    )


def _owner_name(labels: Iterable[str]) -> str | None:
    return next((label.removeprefix("Owner ") for label in labels if label.startswith("Owner ")), None)


def texting(use: PhoneUse, phone: Phone, *, wrote_first: bool) -> tuple[str, datetime | None]:
    """Whether this number gets texts, in one word, and since when."""
    if phone.opted_out_at is not None:
        return "Opted out", phone.opted_out_at
    if not phone.texting_on:
        return "Turned off", None
    if phone.is_landline:
        return "Landline", None
    if use.consented_at is not None:
        return "Enabled", use.consented_at
    return ("Enabled", None) if wrote_first else ("Not asked", None)


def _which_wrote(session: Session, phone_ids: list[UUID]) -> set[UUID]:
    query = select(Conversation.phone_id).where(
        Conversation.phone_id.in_(phone_ids), Conversation.last_inbound_at.is_not(None)
    )
    return set(session.scalars(query)) if phone_ids else set()


def _programs(session: Session, patient: Patient) -> list[str]:
    return list(
        session.scalars(
            select(Program.name)
            .join(Enrolment, Enrolment.program_id == Program.id)
            .where(Enrolment.practice_id == patient.practice_id, Enrolment.patient_id == patient.id)
            .order_by(Program.name)
        )
    )


def _recent(session: Session, member: Member, patient: Patient, but: UUID | None) -> list[Recent]:
    tasks = scope.visible_tasks(member).where(Task.patient_id == patient.id, Task.id != but)
    newest = tasks.with_only_columns(Task.id).order_by(Task.opened_at.desc()).limit(MOST_RECENT)
    ids = list(session.scalars(newest))
    return [
        Recent(row.closed_at or row.waiting_since, row.snippet, row.conversation_id, row.task_id, row.state)
        for row in rows.task_rows(session, member, ids, now=clock.now(session))
    ]
