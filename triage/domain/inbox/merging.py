"""Two records of one person become one, and two again where that was wrong.

Everything that names the record which goes is moved to the one that stays, and the merge keeps the list: undoing
it puts exactly those rows back. What came after the merge stays where it is.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Table, and_, exists, func, or_, select, update
from sqlalchemy.orm import Mapped, Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import places
from triage.domain.inbox.task import Task, TaskMessage, is_open
from triage.domain.patients.patient import Merged, Patient, find_patient, visible_patients
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.practice.member import Member
from triage.kit import clock, db
from triage.kit.errors import NotFound, NotPossible

CAN_BE_UNDONE_FOR = timedelta(days=30)
# What may differ, with the columns that go together. Alerts are never chosen: those of both are kept.
CHOICES: dict[str, tuple[str, ...]] = {
    "name": ("first_name", "last_name", "name_key"),
    "born_on": ("born_on",),
    "sex": ("sex",),
    "species": ("species",),
    "language": ("language",),
    "time_zone": ("time_zone",),
    "prefers": ("prefers",),
    "facility": ("facility_id",),
}
# Rows with an id of their own that name a patient.
MOVED = ("message", "task", "conversation", "phone_use", "former_care_team_member")
# Links of a patient to something: at most one of each. The column is what is linked.
LINKED = {
    "patient_contact": "contact_id",
    "enrolment": "program_id",
    "care_team_member": "member_id",
    "patient_follower": "member_id",
}
# They say what was done to the record that they name, so they go on naming it.
STAY = ("audit", "consent_event", "import_row", "patient_choice")

CONSENT = ("consented_at", "consented_how", "consented_to")
CONFIRMED = ("verification", "verified_since", "asked_at", "asked_by_id", "wrong_dates", "unreadable_dates")

_TABLES = db.Base.metadata.tables
Values = dict[str, Any]


class PatientMerge(db.OfPractice, db.Base):
    """One merge. `moved` are ids by table; `changed` are rows with what was in them and what is now."""

    __tablename__ = "patient_merge"
    __table_args__ = (
        db.within_practice("kept_id", "patient"),
        db.within_practice("merged_id", "patient"),
        db.within_practice("member_id", "member"),
        db.within_practice("undone_by_id", "member"),
        Index("ix_patient_merge_kept", "practice_id", "kept_id"),
        Index("uq_patient_merge_merged", "merged_id", unique=True, postgresql_where="undone_at is null"),
        CheckConstraint("kept_id <> merged_id", name="two_records"),
        CheckConstraint("(undone_at is null) = (undone_by_id is null)", name="undone"),
    )

    kept_id: Mapped[UUID]
    merged_id: Mapped[UUID]
    member_id: Mapped[UUID]
    moved: Mapped[dict[str, Any]]
    changed: Mapped[list[dict[str, Any]]]
    merged_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[UUID | None]

    def can_be_undone(self, now: datetime) -> bool:
        return self.undone_at is None and now < self.merged_at + CAN_BE_UNDONE_FOR


class Difference(NamedTuple):
    """A field in which two records differ; `name` is one of `CHOICES`."""

    name: str
    one: object
    other: object


def find_both(
    session: Session, member: Member, one_id: UUID, other_id: UUID, *, lock: bool = False
) -> tuple[Patient, Patient]:
    """Both must be in the member's directory. Raises `NotFound`, `NotPossible`."""
    found = {id_: find_patient(session, member, id_, lock=lock) for id_ in sorted({one_id, other_id})}
    if len(found) != 2:
        raise NotPossible("A record cannot be merged with itself.")
    one, other = found[one_id], found[other_id]
    if one.kind is not other.kind:
        raise NotPossible("A person and an animal are never the same.")
    return one, other


def alike(session: Session, member: Member, patient: Patient, *, most: int = 10) -> list[Patient]:
    """Records that may well be of the same person: the same name, or the birth date and a part of the name."""
    same = Patient.name_key == patient.name_key
    if patient.born_on is not None:
        same_part = [func.lower(Patient.first_name) == patient.first_name.lower()]
        if patient.last_name:
            same_part.append(func.lower(Patient.last_name) == patient.last_name.lower())
        same = or_(same, and_(Patient.born_on == patient.born_on, or_(*same_part)))
    query = visible_patients(member).where(
        Patient.id != patient.id, Patient.kind == patient.kind, Patient.merged_into_id.is_(None), same
    )
    return list(session.scalars(query.order_by(Patient.archived_at.is_not(None), Patient.id).limit(most)))


def differences(one: Patient, other: Patient) -> list[Difference]:
    """Pure. Fields with another value, in the order of `CHOICES`."""
    return [
        Difference(name, value_of(one, name), value_of(other, name))
        for name, columns in CHOICES.items()
        if any(getattr(one, column) != getattr(other, column) for column in columns)
    ]


def value_of(patient: Patient, name: str) -> object:
    """What stands in one of the fields of `CHOICES`."""
    return patient.name if name == "name" else getattr(patient, CHOICES[name][0])


def merge(
    session: Session, kept: Patient, merged: Patient, *, take: Mapping[str, UUID], by: Member
) -> PatientMerge:
    """`merged` becomes a part of `kept`; `take` says by field from which of the two. Both are locked.

    A text that arrives meanwhile is filed before, and moves along, or after, with the record that stays.
    """
    if kept.archived_at is not None:
        raise NotPossible("The record that stays is archived. Bring it back first.")
    now = clock.now(session)
    session.flush()
    phone_ids = _locked_phones(session, kept, merged)
    before = _belongings(session, phone_ids, kept, merged)
    work = _Work(session, kept, merged)
    work.take_fields(take, now)
    work.take_links()
    work.take_uses()
    work.take_choices()
    moved = {name: work.move(name) for name in MOVED if name != "phone_use"}
    session.expire_all()
    places.follow(session, by.practice_id, phone_ids)
    after = _belongings(session, phone_ids, kept, merged)
    work.note_differences(before, after)
    made = PatientMerge(
        practice_id=by.practice_id,
        kept_id=kept.id,
        merged_id=merged.id,
        member_id=by.id,
        moved={**moved, **{name: _but(moved[name], before[name]) for name in before}},
        changed=work.changed,
        merged_at=now,
    )
    session.add(made)
    session.flush()
    audit.record(
        session,
        by.practice_id,
        audit.Action.PATIENTS_MERGED,
        by=by.id,
        at=now,
        subject_id=made.id,
        patient_id=kept.id,
        merged=merged.id,
    )
    return made


def _but(ids: list[str], others: Mapping[str, Values]) -> list[str]:
    """What is not among the rows whose every change is written down."""
    return [id_ for id_ in ids if id_ not in others]


def _locked_phones(session: Session, kept: Patient, merged: Patient) -> list[UUID]:
    """The numbers of both, with all their conversations; until the end nobody files a text of them.

    Conversations first, as intake does; then the numbers, so that no new conversation begins; then those that
    began while we waited for the numbers.
    """
    both = (kept.id, merged.id)
    uses = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == kept.practice_id, PhoneUse.patient_id.in_(both)
    )
    phone_ids = sorted(set(session.scalars(uses)))
    talks = (
        select(Conversation.id)
        .where(
            Conversation.practice_id == kept.practice_id,
            or_(Conversation.phone_id.in_(phone_ids), Conversation.patient_id.in_(both)),
        )
        .order_by(Conversation.id)
        .with_for_update()
    )
    session.execute(talks).all()
    session.execute(
        select(Phone.id).where(Phone.id.in_(phone_ids)).order_by(Phone.id).with_for_update()
    ).all()
    session.execute(talks).all()
    return phone_ids


def _belongings(
    session: Session, phone_ids: Sequence[UUID], kept: Patient, merged: Patient
) -> dict[str, dict[str, Values]]:
    """Whose the conversations, their open tasks and the texts of these are, by id."""
    conversations = select(Conversation.id).where(
        Conversation.practice_id == kept.practice_id,
        or_(Conversation.phone_id.in_(phone_ids), Conversation.patient_id.in_((kept.id, merged.id))),
    )
    found: dict[str, dict[str, Values]] = {}
    for table, wanted in (
        (Conversation, Conversation.id.in_(conversations)),
        (Task, and_(Task.conversation_id.in_(conversations), is_open())),
    ):
        rows = session.execute(select(table.id, table.patient_id, table.facility_id).where(wanted))
        found[table.__tablename__] = {
            str(row.id): {"patient_id": _plain(row.patient_id), "facility_id": _plain(row.facility_id)}
            for row in rows
        }
    waiting = select(TaskMessage.message_id).join(Task, Task.id == TaskMessage.task_id).where(is_open())
    texts = waiting.where(Task.conversation_id.in_(conversations))
    found["message"] = {
        str(row.id): {"patient_id": _plain(row.patient_id)}
        for row in session.execute(select(Message.id, Message.patient_id).where(Message.id.in_(texts)))
    }
    return found


class _Work:
    """One merge on its way; `changed` grows with every row that is not simply moved."""

    def __init__(self, session: Session, kept: Patient, merged: Patient) -> None:
        self._session = session
        self._kept = kept
        self._merged = merged
        self.changed: list[dict[str, Any]] = []

    def take_fields(self, take: Mapping[str, UUID], now: datetime) -> None:
        kept, merged = self._kept, self._merged
        wanted: Values = {}
        for name, columns in CHOICES.items():
            if take.get(name) == merged.id:
                wanted |= {column: getattr(merged, column) for column in columns}
        lines = [*(kept.alerts or "").splitlines(), *(merged.alerts or "").splitlines()]
        wanted["alerts"] = "\n".join(dict.fromkeys(line for line in lines if line.strip())) or None
        # Whoever was switched off stays so.
        wanted["texting_on"] = kept.texting_on and merged.texting_on
        self._change("patient", {"id": kept.id}, {name: getattr(kept, name) for name in wanted}, wanted)
        self._change(
            "patient",
            {"id": merged.id},
            {"archived_at": merged.archived_at, "merged_into_id": None},
            {"archived_at": merged.archived_at or now, "merged_into_id": kept.id},
        )

    def take_links(self) -> None:
        """A link that both have stays with the record that goes; what it alone says is taken over."""
        for name, column in LINKED.items():
            theirs, ours = self._rows(name, self._merged), self._rows(name, self._kept)
            known = {row[column]: row for row in ours}
            has_primary = any(row.get("is_primary") for row in ours)
            for row in theirs:
                key = {"patient_id": row["patient_id"], column: row[column]}
                if row[column] in known:
                    self._take_over_link(name, key, known[row[column]], row)
                    continue
                was: Values = {"patient_id": self._merged.id}
                now: Values = {"patient_id": self._kept.id}
                if row.get("is_primary") and has_primary:
                    was["is_primary"], now["is_primary"] = True, False
                self._change(name, key, was, now)

    def _take_over_link(self, name: str, key: Values, ours: Values, theirs: Values) -> None:
        """Somebody who is on one of the records, or follows one of them, does so with the one that stays."""
        key = {**key, "patient_id": self._kept.id}
        if name == "patient_contact" and ours["archived_at"] and not theirs["archived_at"]:
            self._change(name, key, {"archived_at": ours["archived_at"]}, {"archived_at": None})
        if name == "patient_follower" and theirs["is_on"] and not ours["is_on"]:
            self._change(name, key, {"is_on": False}, {"is_on": True})

    def take_uses(self) -> None:
        """A number that both have is current where one of them is, and has what one of them has agreed to and confirmed."""
        ours = {(row["phone_id"], row["contact_id"]): row for row in self._rows("phone_use", self._kept)}
        for theirs in self._rows("phone_use", self._merged):
            mine = ours.get((theirs["phone_id"], theirs["contact_id"]))
            if mine is None:
                now = {"patient_id": self._kept.id}
                self._change("phone_use", {"id": theirs["id"]}, {"patient_id": self._merged.id}, now)
                continue
            wanted: Values = {}
            if mine["consented_at"] is None and theirs["consented_at"] is not None:
                wanted |= {name: theirs[name] for name in CONSENT}
            if _is_further(theirs["verification"], mine["verification"]):
                wanted |= {name: theirs[name] for name in CONFIRMED}
            if mine["ended_at"] is not None and theirs["ended_at"] is None:
                wanted["ended_at"] = None
            self._change("phone_use", {"id": mine["id"]}, {name: mine[name] for name in wanted}, wanted)

    def take_choices(self) -> None:
        """Where a member had said that a number is this patient's, it is the record that stays."""
        chosen = select(Conversation.id).where(Conversation.chosen_patient_id == self._merged.id)
        for conversation_id in self._session.scalars(chosen.order_by(Conversation.id)):
            was, now = {"chosen_patient_id": self._merged.id}, {"chosen_patient_id": self._kept.id}
            self._change("conversation", {"id": conversation_id}, was, now)

    def move(self, name: str) -> list[str]:
        table = _TABLES[name]
        moved = self._session.execute(
            update(table)
            .where(table.c.practice_id == self._kept.practice_id, table.c.patient_id == self._merged.id)
            .values(patient_id=self._kept.id)
            .returning(table.c.id)
        )
        return [str(row.id) for row in moved]

    def note_differences(
        self, before: dict[str, dict[str, Values]], after: dict[str, dict[str, Values]]
    ) -> None:
        """Whose conversations and open tasks are follows from the numbers; write down what came of it."""
        for name, rows in before.items():
            for id_, was in rows.items():
                now = after[name].get(id_, was)
                if now != was:
                    self.changed.append({"table": name, "key": {"id": id_}, "was": was, "now": now})

    def _rows(self, name: str, patient: Patient) -> list[Values]:
        table = _TABLES[name]
        query = select(table).where(
            table.c.practice_id == patient.practice_id, table.c.patient_id == patient.id
        )
        return [dict(row) for row in self._session.execute(query.with_for_update()).mappings()]

    def _change(self, name: str, key: Values, was: Values, now: Values) -> None:
        """Write `now`, and write down what was there under the key that the row has afterwards."""
        differing = {column for column in now if was[column] != now[column]}
        if not differing:
            return
        was = {column: value for column, value in was.items() if column in differing}
        now = {column: value for column, value in now.items() if column in differing}
        table = _TABLES[name]
        where = [table.c[column] == value for column, value in key.items()]
        self._session.execute(update(table).where(*where).values(now))
        key = {column: now.get(column, value) for column, value in key.items()}
        self.changed.append(
            {
                "table": name,
                **{part: _all_plain(given) for part, given in (("key", key), ("was", was), ("now", now))},
            }
        )


# ---- and back ----


def find_merge(session: Session, member: Member, kept_id: UUID, merge_id: UUID) -> PatientMerge:
    """Locked, of a record in the member's directory that stayed. Raises `NotFound`."""
    kept = find_patient(session, member, kept_id)
    query = select(PatientMerge).where(
        PatientMerge.practice_id == member.practice_id,
        PatientMerge.kept_id == kept.id,
        PatientMerge.id == merge_id,
    )
    found = session.scalar(db.locked(query))
    if found is None:
        raise NotFound("There is no such merge.")
    return found


def open_merges(session: Session, member: Member, patient: Patient, *, now: datetime) -> list[PatientMerge]:
    """What this record was merged from and may still be parted from, the latest first."""
    seen = visible_patients(member).with_only_columns(Patient.id)
    query = select(PatientMerge).where(
        PatientMerge.practice_id == patient.practice_id,
        PatientMerge.kept_id == patient.id,
        PatientMerge.undone_at.is_(None),
        PatientMerge.merged_at > now - CAN_BE_UNDONE_FOR,
        PatientMerge.merged_id.in_(seen),
    )
    return list(session.scalars(query.order_by(PatientMerge.merged_at.desc())))


def charts_of(session: Session, patient_ids: Sequence[UUID]) -> dict[UUID, str]:
    query = select(Patient.id, Patient.chart_number).where(Patient.id.in_(patient_ids))
    return {row.id: row.chart_number for row in session.execute(query)}


def undo(session: Session, made: PatientMerge, *, by: Member) -> Patient:
    """Every row that the merge moved goes back, but for what somebody has changed since. Raises `NotPossible`."""
    now = clock.now(session)
    if made.undone_at is not None:
        raise NotPossible("This merge was undone already.")
    if not made.can_be_undone(now):
        raise NotPossible("A merge can be undone for 30 days.")
    kept, merged = _both_of(session, made, by)
    phone_ids = _locked_phones(session, kept, merged)
    for change in reversed(made.changed):
        _put_back(session, change)
    for name, ids in made.moved.items():
        table = _TABLES[name]
        session.execute(
            update(table)
            .where(table.c.id.in_([UUID(id_) for id_ in ids]), table.c.patient_id == kept.id)
            .values(patient_id=merged.id)
        )
    made.undone_at, made.undone_by_id = now, by.id
    session.flush()
    session.expire_all()
    places.follow(session, by.practice_id, phone_ids)
    audit.record(
        session,
        by.practice_id,
        audit.Action.MERGE_UNDONE,
        by=by.id,
        at=now,
        subject_id=made.id,
        patient_id=kept.id,
        merged=merged.id,
    )
    return merged


def _both_of(session: Session, made: PatientMerge, by: Member) -> tuple[Patient, Patient]:
    """In the order in which everybody locks them."""
    found = {}
    for id_ in sorted((made.kept_id, made.merged_id)):
        query = visible_patients(by).where(Patient.id == id_)
        patient = session.scalar(db.locked(query, of=Patient))
        if patient is None:
            raise NotFound("There is no such merge.")
        found[id_] = patient
    kept = found[made.kept_id]
    if kept.merged_into_id is not None:
        raise Merged(kept.merged_into_id)
    return kept, found[made.merged_id]


def _is_further(one: Verification, other: Verification) -> bool:
    """Whether a number is confirmed, or asked, on one of two records and not on the other."""
    if one is Verification.ENABLED:
        return other is not Verification.ENABLED
    return one is Verification.PENDING and other is Verification.NOT_STARTED


def _put_back(session: Session, change: Mapping[str, Any]) -> None:
    """Fields of a patient one by one; of everything else a row is as the merge left it, or it stays."""
    table = _TABLES[change["table"]]
    key = {table.c[name]: _typed(table, name, value) for name, value in change["key"].items()}
    of_row = [column == value for column, value in key.items()]
    was = {name: _typed(table, name, value) for name, value in change["was"].items()}
    now = {name: _typed(table, name, value) for name, value in change["now"].items()}
    groups = [[name] for name in now] if _is_kept_patient(change) else [list(now)]
    for names in groups:
        as_left = [table.c[name].is_not_distinct_from(now[name]) for name in names]
        session.execute(
            update(table)
            .where(*of_row, *as_left, *_free(table, change, was))
            .values({name: was[name] for name in names})
        )


def _is_kept_patient(change: Mapping[str, Any]) -> bool:
    return change["table"] == "patient" and "merged_into_id" not in change["now"]


def _free(table: Table, change: Mapping[str, Any], was: Values) -> list[Any]:
    """A link goes back where nobody has made the same one meanwhile."""
    if "patient_id" not in was or table.name not in LINKED:
        return []
    column = LINKED[table.name]
    there = table.alias()
    linked = _typed(table, column, change["key"][column])
    return [~exists().where(there.c.patient_id == was["patient_id"], there.c[column] == linked)]


def _all_plain(values: Values) -> Values:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _typed(table: Table, name: str, value: Any) -> Any:
    if value is None:
        return None
    kind = table.c[name].type.python_type
    if kind in (datetime, date):
        return kind.fromisoformat(value)
    return value if kind in (bool, str) else kind(value)
