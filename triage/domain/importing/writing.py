"""Writes what was decided of a chunk with a few statements, each built once.

Consent, opt-outs, verification and switches are in none of them, but for the product's own defaults of new rows.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Table, Text, Uuid, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.importing.decide import Plan
from triage.domain.importing.known import FIELDS
from triage.domain.importing.run import ImportRow, ImportRun, Outcome
from triage.domain.inbox import places
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Contact, Patient, PatientContact
from triage.domain.patients.phones import Phone, PhoneUse
from triage.kit import db
from triage.kit.bulk import Addition, Rows


def table_of(of: type[db.Base]) -> Table:
    found = of.__table__
    assert isinstance(found, Table)
    return found


_PATIENT_COLUMNS = (
    "id practice_id facility_id kind first_name last_name name_key chart_number born_on sex species language texting_on"
    " created_at"
).split()
_ADD_PATIENTS = Addition(table_of(Patient), _PATIENT_COLUMNS)
_ADD_PHONES = Addition(
    table_of(Phone), "id practice_id number texting_on is_landline created_at".split(), unless_there=True
)
_ADD_CONTACTS = Addition(
    table_of(Contact), "id practice_id name name_key born_on language created_at".split()
)
_ADD_LINKS = Addition(
    table_of(PatientContact), "practice_id patient_id contact_id relation".split(), unless_there=True
)
_ADD_TEAMS = Addition(
    table_of(CareTeamMember), "practice_id patient_id member_id role is_primary".split(), unless_there=True
)
_ADD_AUDITS = Addition(
    table_of(audit.Audit), "id practice_id member_id action subject_id patient_id detail at".split()
)

_NEW_VALUES = Rows.of(table_of(Patient), ("id", "name_key", *FIELDS))
CHANGE_PATIENTS = (
    update(Patient)
    .where(Patient.id == _NEW_VALUES.table.c.id)
    .values({name: _NEW_VALUES.table.c[name] for name in ("name_key", *FIELDS)})
    .execution_options(synchronize_session=False)
)
_NEW_RELATIONS = Rows.of(table_of(PatientContact), ("patient_id", "contact_id", "relation"))
CHANGE_RELATIONS = (
    update(PatientContact)
    .where(
        PatientContact.patient_id == _NEW_RELATIONS.table.c.patient_id,
        PatientContact.contact_id == _NEW_RELATIONS.table.c.contact_id,
    )
    .values(relation=_NEW_RELATIONS.table.c.relation)
    .execution_options(synchronize_session=False)
)

# By number: somebody may have made the phone a moment ago, under an id of their own.
_USES = Rows(
    "new_use",
    {
        "id": Uuid(),
        "practice_id": Uuid(),
        "number": Text(),
        "patient_id": Uuid(),
        "contact_id": Uuid(),
    },
)
_ADD_USES = (
    insert(table_of(PhoneUse))
    .from_select(
        ["id", "practice_id", "phone_id", "patient_id", "contact_id"],
        select(
            _USES.table.c.id,
            _USES.table.c.practice_id,
            Phone.id.label("phone_id"),
            _USES.table.c.patient_id,
            _USES.table.c.contact_id,
        ).join(
            Phone, (Phone.practice_id == _USES.table.c.practice_id) & (Phone.number == _USES.table.c.number)
        ),
        include_defaults=False,
    )
    .on_conflict_do_nothing()
)


def fingerprint() -> ColumnElement[str]:
    """Of a patient as it stands: everything that a person can change on it."""
    parts = (
        Patient.facility_id,
        Patient.kind,
        Patient.first_name,
        Patient.last_name,
        Patient.chart_number,
        Patient.born_on,
        Patient.sex,
        Patient.species,
        Patient.language,
        Patient.alerts,
        Patient.texting_on,
        Patient.archived_at,
    )
    return func.md5(cast(func.jsonb_build_array(*parts), Text))


_ROW_COLUMNS = (
    "practice_id run_id is_trial place line outcome reason chart_number reference second_reference patient_id member_id"
    " former"
).split()
_ROWS = Rows.of(table_of(ImportRow), _ROW_COLUMNS)
_ADD_ROWS = insert(table_of(ImportRow)).from_select(
    [*_ROW_COLUMNS, "fingerprint"],
    select(*_ROWS.table.c, fingerprint().label("fingerprint")).outerjoin(
        Patient, (Patient.id == _ROWS.table.c.patient_id) & (_ROWS.table.c.outcome == Outcome.MADE.value)
    ),
    include_defaults=False,
)
_ADD_TRIAL_ROWS = Addition(table_of(ImportRow), _ROW_COLUMNS)


def write_trial(session: Session, run: ImportRun, plan: Plan) -> None:
    """Only what would become of each row: of a trial no patient is left."""
    rows = [{**_of_run(run, row, is_trial=True), "patient_id": None, "former": None} for row in plan.rows]
    session.execute(_ADD_TRIAL_ROWS.statement, _ADD_TRIAL_ROWS.given(rows))


def write(session: Session, run: ImportRun, plan: Plan, *, now: datetime) -> None:
    for addition, rows in (
        (_ADD_PATIENTS, plan.patients),
        # Sorted, as everybody who adds numbers does: two who wait for one another would never end.
        (_ADD_PHONES, sorted(plan.phones, key=lambda row: str(row["number"]))),
        (_ADD_CONTACTS, plan.contacts),
        (_ADD_LINKS, plan.links),
        (_ADD_TEAMS, plan.teams),
    ):
        if rows:
            session.execute(addition.statement, addition.given(rows))
    if plan.updates:
        change_patients(session, plan.updates.values())
    if plan.relations:
        change_relations(session, plan.relations)
    if plan.uses:
        session.execute(_ADD_USES, _USES.given([tuple(row.values()) for row in plan.uses]))
    rows = [_of_run(run, row, is_trial=False) for row in plan.rows]
    session.execute(_ADD_ROWS, _ROWS.given([[row.get(name) for name in _ROW_COLUMNS] for row in rows]))
    _record(session, run, plan, now)
    know_again(session, [row["patient_id"] for row in plan.uses], plan.moved)


def change_patients(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    names = ("id", "name_key", *FIELDS)
    session.execute(CHANGE_PATIENTS, _NEW_VALUES.given([[row[name] for name in names] for row in rows]))


def change_relations(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    names = ("patient_id", "contact_id", "relation")
    session.execute(CHANGE_RELATIONS, _NEW_RELATIONS.given([[row[name] for name in names] for row in rows]))


def _of_run(run: ImportRun, row: dict[str, Any], *, is_trial: bool) -> dict[str, Any]:
    return {"practice_id": run.practice_id, "run_id": run.id, "is_trial": is_trial, **row}


def _record(session: Session, run: ImportRun, plan: Plan, now: datetime) -> None:
    """One deed for each patient that is not as before; of what changed only the names of fields."""
    shared = {
        "practice_id": run.practice_id,
        "member_id": run.member_id,
        "action": audit.Action.PATIENTS_IMPORTED,
        "subject_id": run.id,
        "at": now,
    }
    rows = [{"id": db.new_id(), **shared, **row} for row in plan.audits]
    if rows:
        session.execute(_ADD_AUDITS.statement, _ADD_AUDITS.given(rows))


_WITH_CONVERSATIONS = (
    select(Phone)
    .join(PhoneUse, PhoneUse.phone_id == Phone.id)
    .where(
        PhoneUse.patient_id == func.any(bindparam("patient_ids", type_=ARRAY(Uuid))),
        select(Conversation.id).where(Conversation.phone_id == Phone.id).exists(),
    )
    .distinct()
    .order_by(Phone.id)
)


def know_again(session: Session, patient_ids: Iterable[UUID], more: Iterable[UUID] = ()) -> None:
    """Whose numbers these are has changed: conversations that are there already follow."""
    wanted = sorted({*patient_ids, *more})
    if wanted:
        for phone in session.scalars(_WITH_CONVERSATIONS, {"patient_ids": wanted}).all():
            places.know_again(session, phone)
