"""The patient beside an open conversation: numbers, care team, what was written about lately."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from triage.domain.inbox import record, rows, scope
from triage.domain.inbox.record import Number
from triage.domain.inbox.task import Task
from triage.domain.patients import told
from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Member
from triage.domain.wording import LANGUAGES
from triage.kit import clock

MOST_RECENT = 5


class Recent(NamedTuple):
    when: datetime
    snippet: str
    conversation_id: UUID
    task_id: UUID | None
    state: str | None


class Panel(NamedTuple):
    id: UUID
    name: str
    kind: str
    species: str | None
    owner_name: str | None
    alerts: tuple[str, ...]
    numbers: list[Number]
    language: str
    prefers: str
    clock: str
    born_on: date | None
    told: told.Panel
    facility: str | None
    programs: list[str]
    recent: list[Recent]


def panel_of(
    session: Session, member: Member, patient: Patient, *, facility_id: UUID | None, but: UUID | None = None
) -> Panel:
    """What a member who may see this patient sees of them; `but` is the task that is open beside it, and
    `facility_id` is where the messages come to."""
    return Panel(
        id=patient.id,
        name=patient.name,
        kind=patient.kind.value,
        species=patient.species,
        owner_name=record.owner_name(session, patient),
        alerts=tuple(line for line in (patient.alerts or "").splitlines() if line.strip()),
        numbers=[one for one in record.numbers_of(session, member, patient) if one.is_current],
        language=LANGUAGES.get(patient.language, patient.language),
        prefers=patient.prefers.value if patient.prefers else "",
        clock=record.clock_of(patient, member.practice, clock.now(session)),
        born_on=patient.born_on,
        told=told.panel_of(session, patient, facility_id=facility_id, to=member, now=clock.now(session)),
        facility=record.facility_name(session, patient),
        programs=record.programs_of(session, patient),
        recent=_recent(session, member, patient, but),
    )


def _recent(session: Session, member: Member, patient: Patient, but: UUID | None) -> list[Recent]:
    tasks = scope.visible_tasks(member).where(Task.patient_id == patient.id, Task.id != but)
    newest = tasks.with_only_columns(Task.id).order_by(Task.opened_at.desc()).limit(MOST_RECENT)
    found = rows.task_rows(session, member, list(session.scalars(newest)), now=clock.now(session))
    return [
        Recent(
            row.closed_at or row.waiting_since,
            row.snippet or row.prefix,
            row.conversation_id,
            row.task_id,
            row.state,
        )
        for row in found
    ]
