"""Who looked at a patient's record, and who changed it: the audit trail of one patient."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from triage.domain.audit import Action, Audit
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import PhoneUse
from triage.domain.practice.member import Brief, Member, briefs
from triage.kit.paging import Mark, read_cursor

PAGE_SIZE = 50
LOOKS = (Action.READ_PATIENT, Action.READ_CONVERSATION, Action.BIRTH_DATE_SHOWN)
SENTENCES = {
    Action.READ_PATIENT: "Looked at the record",
    Action.READ_CONVERSATION: "Read the conversation",
    Action.BIRTH_DATE_SHOWN: "Asked for a birth date",
    Action.TASK_MOVED: "Moved a task",
    Action.MARKED_UNREAD: "Marked it unread",
    Action.TEXT_QUEUED: "Wrote a text",
    Action.TEXT_CHANGED: "Changed a text on its way",
    Action.TEXT_RESENT: "Sent a text again",
    Action.CONVERSATION_STARTED: "Started a conversation",
    Action.CONSENT_RECORDED: "Recorded consent to texts",
    Action.CONSENT_EXPORTED: "Took out the proof of consent",
    Action.OPTED_OUT: "Opted a number out",
    Action.OPTED_IN: "Opted a number in again",
    Action.OPT_OUT_DECIDED: "Said what a possible opt-out meant",
    Action.NUMBER_SWITCHED: "Turned texting on or off",
    Action.PATIENT_ADDED: "Made the record",
    Action.PATIENT_CHANGED: "Changed the record",
    Action.PATIENTS_IMPORTED: "Imported it from a file",
    Action.PATIENTS_MERGED: "Merged two records",
    Action.MERGE_UNDONE: "Undid a merge",
}
# Fields as the form calls them.
FIELDS = {
    "first_name": "first name",
    "last_name": "last name",
    "born_on": "birth date",
    "chart_number": "chart number",
    "facility_id": "location",
    "time_zone": "time zone",
}


class Only(StrEnum):
    LOOKS = "looks"
    CHANGES = "changes"


class Step(NamedTuple):
    at: datetime
    who: Brief | None
    text: str
    detail: str
    is_look: bool


class Trail(NamedTuple):
    """`older` is the cursor of the next page."""

    steps: list[Step]
    older: str | None


def read_trail(
    session: Session, member: Member, patient: Patient, *, only: Only | None, before: str | None = None
) -> Trail:
    """What people did; what rules did is told in the thread. Also of the records that were merged into this one."""
    merged = select(Patient.id).where(
        Patient.practice_id == patient.practice_id, Patient.merged_into_id == patient.id
    )
    phones = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == patient.practice_id, PhoneUse.patient_id == patient.id
    )
    numbers = [Action.OPTED_OUT, Action.OPTED_IN, Action.NUMBER_SWITCHED, Action.CONSENT_RECORDED]
    query = (
        select(Audit)
        .where(
            Audit.practice_id == member.practice_id,
            Audit.member_id.is_not(None),
            Audit.action.in_(SENTENCES),
            or_(
                Audit.patient_id == patient.id,
                Audit.patient_id.in_(merged),
                Audit.action.in_(numbers) & Audit.patient_id.is_(None) & Audit.subject_id.in_(phones),
            ),
        )
        .order_by(Audit.at.desc(), Audit.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if only is not None:
        looks = Audit.action.in_(LOOKS)
        query = query.where(looks if only is Only.LOOKS else ~looks)
    if before:
        mark = read_cursor(before)
        query = query.where(tuple_(Audit.at, Audit.id) < tuple_(mark.at, mark.id))
    rows = session.scalars(query).all()
    people = briefs(session, member.practice_id, {row.member_id for row in rows if row.member_id})
    steps = [_step(row, people) for row in rows[:PAGE_SIZE]]
    last = rows[PAGE_SIZE - 1] if len(rows) > PAGE_SIZE else None
    return Trail(steps, Mark(last.at, last.id).as_cursor() if last else None)


def _step(row: Audit, people: dict[UUID, Brief]) -> Step:
    who = people.get(row.member_id) if row.member_id else None
    return Step(row.at, who, SENTENCES[row.action], _detail(row), row.action in LOOKS)


def _detail(row: Audit) -> str:
    """Which fields or which part, in words; never a value."""
    if row.action not in (Action.PATIENT_CHANGED, Action.READ_PATIENT, Action.PATIENTS_IMPORTED):
        return ""
    fields = [FIELDS.get(name, name) for name in str(row.detail.get("fields", "")).split(", ") if name]
    what = str(row.detail.get("what", ""))
    return ": ".join(part for part in (what, ", ".join(fields)) if part)
