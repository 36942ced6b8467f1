"""The walls seen from a patient: which members of the practice may see one, for all members at once.

`patients.patient` says the same for one member and all patients; a test holds the two together.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, exists, func, literal, or_, select
from sqlalchemy.orm import aliased

from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.practice.member import Member, MemberFacility
from triage.domain.practice.privileges import Messages, Role
from triage.domain.practice.program import ProgramRestriction

OfPatient = ColumnElement[UUID] | ColumnElement[UUID | None]


def of_patient(patient: Patient) -> Select[Member]:
    """Members who work here, read messages, and have no wall between them and this patient, by name."""
    return (
        select(Member)
        .join(Role, Role.id == Member.role_id)
        .where(
            Member.practice_id == patient.practice_id,
            Member.is_active,
            Role.messages != Messages.NONE,
            within_walls(literal(patient.id, Uuid()), literal(patient.facility_id, Uuid())),
        )
        .order_by(func.lower(Member.name), Member.id)
    )


def within_walls(patient_id: OfPatient, facility_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Of a `Member` joined with their `Role`: neither sites nor programs keep them from this patient."""
    works_there = exists().where(
        MemberFacility.member_id == Member.id, MemberFacility.facility_id == facility_id
    )
    at_own_facility = or_(~Role.own_facilities_only, facility_id.is_(None), works_there.correlate(Member))
    return and_(at_own_facility, _open_to(patient_id))


def _open_to(patient_id: OfPatient) -> ColumnElement[bool]:
    """A patient who is enrolled, and only in programs that the member is kept out of, is closed to them (C87)."""
    elsewhere = aliased(Enrolment)
    barred = exists().where(
        ProgramRestriction.member_id == Member.id, ProgramRestriction.program_id == elsewhere.program_id
    )
    is_kept_out = exists().where(
        ProgramRestriction.member_id == Member.id,
        ProgramRestriction.program_id == Enrolment.program_id,
        Enrolment.patient_id == patient_id,
    )
    has_way = exists().where(elsewhere.patient_id == patient_id, ~barred.correlate(Member, elsewhere))
    return or_(~is_kept_out, has_way)
