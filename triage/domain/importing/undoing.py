"""Takes an import back, row by row from the last: what nobody has used or changed since goes, the rest is named."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, String, and_, delete, exists, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.importing import writing
from triage.domain.importing.decide import updated
from triage.domain.importing.known import FIELDS, PLAN_ANEW, Known, as_words
from triage.domain.importing.run import ImportRow, ImportRun, Outcome, Undo
from triage.domain.inbox import places
from triage.domain.inbox.task import Task, TaskMessage, is_open
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.consent import ConsentEvent
from triage.domain.patients.patient import Contact, Patient, PatientContact, PatientKind
from triage.domain.patients.phones import Phone, PhoneUse
from triage.kit import db
from triage.kit.bulk import Addition, Rows

CHUNK = 200
IN_USE = "It is in use."
EDITED = "It was edited since."
# The texts of an open task are whoever's number it is, and go with the number.
_WAITS = exists().where(TaskMessage.message_id == Message.id, TaskMessage.task_id == Task.id, is_open())
TEXTED = "There are messages or tasks since."
AGREED = "Consent was recorded, or a number changed, since."
CONTACT_EDITED = "A contact was edited since."
NAMES = {
    "facility_id": "location",
    "first_name": "first name",
    "last_name": "last name",
    "born_on": "birth date",
}

Row = ImportRow
Result = dict[int, str | None]


class _Link(NamedTuple):
    patient_id: UUID
    contact_id: UUID


_RESULTS = Rows("result", {"place": Integer(), "undo": String(), "undo_reason": String()})
_KEEP_RESULTS = (
    update(ImportRow)
    .where(ImportRow.is_trial.is_(False), ImportRow.place == _RESULTS.table.c.place)
    .values(undo=_RESULTS.table.c.undo, undo_reason=_RESULTS.table.c.undo_reason)
    .execution_options(synchronize_session=False)
)
_ADD_AUDITS = Addition(
    writing.table_of(audit.Audit), "id practice_id member_id action subject_id patient_id detail at".split()
)


def undo_chunk(session: Session, run: ImportRun, *, now: datetime) -> bool:
    """The next rows from the end; False when there is none. Safe to repeat: the place is kept with it."""
    session.execute(PLAN_ANEW)
    rows = session.scalars(
        select(ImportRow)
        .where(
            ImportRow.run_id == run.id,
            ImportRow.is_trial.is_(False),
            ImportRow.place < run.place,
            ImportRow.outcome.in_((Outcome.MADE, Outcome.CHANGED)),
        )
        .order_by(ImportRow.place.desc())
        .limit(CHUNK)
    ).all()
    if not rows:
        return False
    for row in rows:
        session.expunge(row)
    results = _undo(session, run, rows)
    run.undone += sum(reason is None for reason in results.values())
    run.kept += sum(reason is not None for reason in results.values())
    run.place = rows[-1].place
    _keep(session, run, rows, results, now)
    return True


def _undo(session: Session, run: ImportRun, rows: Sequence[Row]) -> Result:
    """Together, or each alone where the database knows of a use that nobody thought of."""
    try:
        with session.begin_nested():
            return _undo_together(session, run, rows)
    except IntegrityError:
        if len(rows) == 1:
            return {rows[0].place: IN_USE}
    results: Result = {}
    for row in rows:
        results |= _undo(session, run, [row])
    return results


def _undo_together(session: Session, run: ImportRun, rows: Sequence[Row]) -> Result:
    changed = [row for row in rows if row.outcome is Outcome.CHANGED]
    made = [row for row in rows if row.outcome is Outcome.MADE]
    edited = _edited_links(session, rows)
    results: Result = _give_back(session, changed, edited)
    used = _used(session, run, made)
    going = []
    for row in made:
        reason = used.get(_id(row)) or (CONTACT_EDITED if _links(row) & edited else None)
        results[row.place] = reason
        if reason is None:
            going.append(row)
    left = _take_away(session, run, changed, edited)
    for row in changed:
        if _id(row) in left:
            results[row.place] = results.get(row.place) or left[_id(row)]
    _take_away(session, run, going, set())
    if going:
        session.execute(delete(Patient).where(Patient.id.in_([_id(row) for row in going])))
        session.flush()
    return results


def _id(row: Row) -> UUID:
    assert row.patient_id is not None
    return row.patient_id


def _of(row: Row, name: str) -> list[Any]:
    found: list[Any] = (row.former or {}).get(name, [])
    return found


def _ids(rows: Iterable[Row], name: str) -> list[UUID]:
    return [UUID(one) for row in rows for one in _of(row, name)]


def _links(row: Row) -> set[_Link]:
    return {_Link(_id(row), UUID(contact_id)) for contact_id, _, _ in _of(row, "contacts")}


def _edited_links(session: Session, rows: Iterable[Row]) -> set[_Link]:
    """Contacts of these rows that are not any more as the import made them."""
    made = {
        _Link(_id(row), UUID(contact_id)): (name, relation)
        for row in rows
        for contact_id, name, relation in _of(row, "contacts")
    }
    if not made:
        return set()
    relations = _current_relations(session, {link.patient_id for link in made})
    names = select(Contact.id, Contact.name).where(Contact.id.in_({link.contact_id for link in made}))
    named = {row.id: row.name for row in session.execute(names)}
    return {
        link
        for link, (name, relation) in made.items()
        if named.get(link.contact_id) != name or relations.get(link) not in (relation, *_later(rows, link))
    }


def _later(rows: Iterable[Row], link: _Link) -> list[str]:
    """What later rows of the same import made of the relation."""
    return [
        new
        for row in rows
        if row.patient_id == link.patient_id
        for contact_id, _, new in _of(row, "relations")
        if UUID(contact_id) == link.contact_id
    ]


def _current_relations(session: Session, patient_ids: Iterable[UUID]) -> dict[_Link, str | None]:
    """None for a contact that is archived."""
    found = session.execute(
        select(
            PatientContact.patient_id,
            PatientContact.contact_id,
            PatientContact.relation,
            PatientContact.archived_at,
        ).where(PatientContact.patient_id.in_(list(patient_ids)))
    )
    return {_Link(row.patient_id, row.contact_id): None if row.archived_at else row.relation for row in found}


def _used(session: Session, run: ImportRun, made: Sequence[Row]) -> dict[UUID, str | None]:
    """Patients that the import made and somebody has worked with since, with the reason."""
    if not made:
        return {}
    prints = {_id(row): row.fingerprint for row in made}
    since = run.started_at
    texted = or_(
        exists().where(Message.patient_id == Patient.id, or_(Message.at >= since, ~_WAITS)),
        exists().where(Task.patient_id == Patient.id, Task.opened_at >= since),
        exists().where(Conversation.patient_id == Patient.id, Conversation.last_message_at >= since),
    )
    agreed = or_(
        exists().where(ConsentEvent.patient_id == Patient.id),
        exists().where(
            PhoneUse.patient_id == Patient.id,
            or_(
                PhoneUse.consented_at.is_not(None),
                PhoneUse.ended_at.is_not(None),
                PhoneUse.verified_since.is_not(None),
            ),
        ),
    )
    found = session.execute(
        select(
            Patient.id,
            writing.fingerprint().label("fingerprint"),
            texted.label("texted"),
            agreed.label("agreed"),
        )
        .where(Patient.id.in_(prints))
        .order_by(Patient.id)
        .with_for_update(of=Patient)
    )
    reasons: dict[UUID, str | None] = dict.fromkeys(prints, "It is not there any more.")
    for row in found:
        is_edited = row.fingerprint != prints[row.id]
        reasons[row.id] = TEXTED if row.texted else AGREED if row.agreed else EDITED if is_edited else None
    return reasons


def _give_back(session: Session, rows: Sequence[Row], edited: set[_Link]) -> Result:
    """Former values of fields and relations that are still as the import left them."""
    results: Result = dict.fromkeys((row.place for row in rows), None)
    patients = _patients(session, {_id(row) for row in rows})
    relations = _current_relations(session, patients)
    back: dict[UUID, dict[str, Any]] = {}
    relations_back = []
    for row in rows:
        known = patients.get(_id(row))
        if known is None:
            results[row.place] = "It is not there any more."
            continue
        kept = _give_fields_back(known, (row.former or {}).get("was", {}))
        back[known.id] = updated(known)
        for contact_id, old, new in _of(row, "relations"):
            link = _Link(known.id, UUID(contact_id))
            if relations.get(link) == new:
                relations[link] = old
                relations_back.append(
                    {"patient_id": link.patient_id, "contact_id": link.contact_id, "relation": old}
                )
            else:
                kept.append("contact")
        if _links(row) & edited:
            kept.append("contact")
        if kept:
            results[row.place] = f"Edited since: {', '.join(dict.fromkeys(kept))}."
    if back:
        writing.change_patients(session, back.values())
    if relations_back:
        writing.change_relations(session, relations_back)
    return results


def _patients(session: Session, ids: set[UUID]) -> dict[UUID, Known]:
    rows = session.execute(
        select(Patient.id, *(getattr(Patient, name) for name in FIELDS))
        .where(Patient.id.in_(ids))
        .order_by(Patient.id)
        .with_for_update(key_share=True)
    )
    return {row.id: Known(row.id, {name: getattr(row, name) for name in FIELDS}) for row in rows}


def _give_fields_back(known: Known, was: dict[str, list[str | None]]) -> list[str]:
    """Names of the fields that somebody has changed since, which stay."""
    now = as_words(known.values)
    for name, (old, new) in was.items():
        if now[name] == new:
            known.values[name] = _value(name, old)
    return [NAMES.get(name, name) for name, (_, new) in was.items() if now[name] != new]


def _value(name: str, word: str | None) -> object:
    if word is None:
        return None
    if name == "facility_id":
        return UUID(word)
    if name == "kind":
        return PatientKind(word)
    return date.fromisoformat(word) if name == "born_on" else word


def _take_away(session: Session, run: ImportRun, rows: Sequence[Row], edited: set[_Link]) -> dict[UUID, str]:
    """Numbers, contacts and places in care teams that these rows added; what is left of a patient, with the reason."""
    left: dict[UUID, str] = {}
    uses, phone_ids = _ids(rows, "uses"), []
    if uses:
        active = exists().where(
            Conversation.phone_id == PhoneUse.phone_id, Conversation.last_message_at >= run.started_at
        )
        is_unused = and_(
            PhoneUse.consented_at.is_(None),
            PhoneUse.ended_at.is_(None),
            PhoneUse.verified_since.is_(None),
            ~active,
        )
        gone = session.execute(
            delete(PhoneUse).where(PhoneUse.id.in_(uses), is_unused).returning(PhoneUse.phone_id)
        )
        phone_ids = [row.phone_id for row in gone]
        still = session.scalars(select(PhoneUse.patient_id).where(PhoneUse.id.in_(uses)))
        left = dict.fromkeys(still, TEXTED)
    _take_contacts_away(session, [link for row in rows for link in _links(row) if link not in edited])
    for row in rows:
        if _of(row, "team"):
            session.execute(
                delete(CareTeamMember).where(
                    CareTeamMember.patient_id == _id(row), CareTeamMember.member_id.in_(_ids([row], "team"))
                )
            )
    _let_numbers_go(session, phone_ids, _ids(rows, "phones"))
    _follow_locations(session, rows)
    return left


def _take_contacts_away(session: Session, links: Sequence[_Link]) -> None:
    """A contact who is still reached at a number about the patient stays."""
    if not links:
        return
    reached = exists().where(
        PhoneUse.patient_id == PatientContact.patient_id, PhoneUse.contact_id == PatientContact.contact_id
    )
    of_links = tuple_(PatientContact.patient_id, PatientContact.contact_id).in_(links)
    session.execute(
        delete(PatientContact).where(of_links, ~reached).execution_options(synchronize_session=False)
    )
    session.execute(
        delete(Contact).where(
            Contact.id.in_([link.contact_id for link in links]),
            ~exists().where(PatientContact.contact_id == Contact.id),
            ~exists().where(PhoneUse.contact_id == Contact.id),
        )
    )


def _let_numbers_go(session: Session, phone_ids: Sequence[UUID], made: Sequence[UUID]) -> None:
    """Conversations are of whoever has the number now; one that the import made and nobody uses goes."""
    with_conversations = select(Phone).where(
        Phone.id.in_(phone_ids), exists().where(Conversation.phone_id == Phone.id)
    )
    for phone in session.scalars(with_conversations.order_by(Phone.id)).all():
        places.know_again(session, phone)
    session.execute(
        delete(Phone)
        .where(
            Phone.id.in_(made),
            Phone.texting_on,
            Phone.opted_out_at.is_(None),
            ~exists().where(PhoneUse.phone_id == Phone.id),
            ~exists().where(Conversation.phone_id == Phone.id),
            ~exists().where(ConsentEvent.phone_id == Phone.id),
        )
        .execution_options(synchronize_session=False)
    )


def _follow_locations(session: Session, rows: Iterable[Row]) -> None:
    moved = [_id(row) for row in rows if "facility_id" in (row.former or {}).get("was", {})]
    writing.know_again(session, moved)


def _keep(session: Session, run: ImportRun, rows: Sequence[Row], results: Result, now: datetime) -> None:
    told = [
        (place, (Undo.KEPT if reason else Undo.UNDONE).value, reason) for place, reason in results.items()
    ]
    session.execute(_KEEP_RESULTS.where(ImportRow.run_id == run.id), _RESULTS.given(told))
    shared = {
        "practice_id": run.practice_id,
        "member_id": run.member_id,
        "action": audit.Action.PATIENTS_IMPORTED,
        "subject_id": run.id,
        "at": now,
        "detail": {"what": "undone"},
    }
    deeds = [
        {"id": db.new_id(), "patient_id": row.patient_id, **shared}
        for row in rows
        if results[row.place] is None
    ]
    if deeds:
        session.execute(_ADD_AUDITS.statement, _ADD_AUDITS.given(deeds))
