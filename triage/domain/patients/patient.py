"""Patients, and the people who are texted about them."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    CompoundSelect,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
    true,
    union,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.patients import names
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages, Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import db
from triage.kit.errors import Invalid, NotFound


class PatientKind(StrEnum):
    PERSON = "person"
    ANIMAL = "animal"


class Channel(StrEnum):
    """How somebody would rather be reached; texts are sent all the same where they are allowed."""

    TEXT = "text"
    PHONE = "phone"


class Merged(NotFound):
    """Asked for a record that has become a part of another; `into_id` is that one."""

    def __init__(self, into_id: UUID) -> None:
        super().__init__("This record was merged into another one.")
        self.into_id = into_id


def sort_key(*parts: str | None) -> str:
    """A name as it sorts and is searched: no case, no accents, the same on every database."""
    plain = unicodedata.normalize("NFKD", " ".join(part for part in parts if part))
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


class Patient(db.OfPractice, db.Base):
    """Whom the practice cares for: a person, or an animal whose owner is texted."""

    __tablename__ = "patient"
    __table_args__ = (
        db.referable(),
        db.within_practice("facility_id", "facility"),
        UniqueConstraint("practice_id", "chart_number"),
        Index("ix_patient_practice_id_name_key", "practice_id", "name_key", "id"),
        Index(
            "ix_patient_name_key_words",
            "name_key",
            postgresql_using="gin",
            postgresql_ops={"name_key": "gin_trgm_ops"},
        ),
        Index("ix_patient_facility", "practice_id", "facility_id"),
        Index("ix_patient_born_on", "practice_id", "born_on", postgresql_where="born_on is not null"),
        db.within_practice("merged_into_id", "patient"),
        Index(
            "ix_patient_merged_into",
            "practice_id",
            "merged_into_id",
            postgresql_where="merged_into_id is not null",
        ),
        CheckConstraint("kind = 'animal' or species is null", name="species_of_animals"),
        CheckConstraint("merged_into_id is null or archived_at is not null", name="merged_is_archived"),
    )

    facility_id: Mapped[UUID | None]
    kind: Mapped[PatientKind] = mapped_column(db.choice(PatientKind, "kind"))
    first_name: Mapped[str]
    last_name: Mapped[str] = mapped_column(default="")
    name_key: Mapped[str]
    chart_number: Mapped[str]
    born_on: Mapped[date | None]
    sex: Mapped[str | None]
    species: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="en")
    time_zone: Mapped[str | None]
    prefers: Mapped[Channel | None] = mapped_column(db.choice(Channel, "prefers"))
    alerts: Mapped[str | None]
    texting_on: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    # The record that this one has become a part of; see `inbox/merging.py`.
    merged_into_id: Mapped[UUID | None]

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Contact(db.OfPractice, db.Base):
    """A person on a patient's record: owner, parent, guardian, alternate contact."""

    __tablename__ = "contact"
    __table_args__ = (
        db.referable(),
        Index(
            "ix_contact_name_key_words",
            "name_key",
            postgresql_using="gin",
            postgresql_ops={"name_key": "gin_trgm_ops"},
        ),
        Index("ix_contact_born_on", "practice_id", "born_on", postgresql_where="born_on is not null"),
    )

    name: Mapped[str]
    name_key: Mapped[str]
    born_on: Mapped[date | None]
    language: Mapped[str] = mapped_column(default="en")
    created_at: Mapped[datetime]


class PatientContact(db.Base):
    """This person is, to this patient, an `owner`, `mother`, ... until `archived_at`."""

    __tablename__ = "patient_contact"
    __table_args__ = (
        db.within_practice("patient_id", "patient"),
        db.within_practice("contact_id", "contact"),
        Index("ix_patient_contact_contact", "practice_id", "contact_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    relation: Mapped[str]
    archived_at: Mapped[datetime | None]


class Enrolment(db.Base):
    __tablename__ = "enrolment"
    __table_args__ = (
        db.within_practice("program_id", "program"),
        db.within_practice("patient_id", "patient"),
        Index("ix_enrolment_program", "practice_id", "program_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    program_id: Mapped[UUID] = mapped_column(primary_key=True)


def add_patient(
    session: Session,
    practice_id: UUID,
    *,
    first_name: str,
    last_name: str,
    chart_number: str,
    now: datetime,
    born_on: date | None = None,
    species: str | None = None,
    language: str = "en",
) -> Patient:
    """A person, or an animal where a species is given. Raises `Invalid`, naming each field."""
    first_name, last_name = " ".join(first_name.split()), " ".join(last_name.split())
    chart_number = chart_number.strip()
    wrong = {}
    if not first_name:
        wrong["first_name"] = "Enter a name."
    if not chart_number:
        wrong["chart_number"] = "Enter the number of the chart."
    elif by_chart_number(session, practice_id, chart_number) is not None:
        wrong["chart_number"] = "Another patient has this chart number."
    if born_on is not None and born_on > now.date():
        wrong["born_on"] = "The birth date lies in the future."
    if wrong:
        raise Invalid(**wrong)
    patient = Patient(
        practice_id=practice_id,
        kind=PatientKind.ANIMAL if species else PatientKind.PERSON,
        first_name=first_name,
        last_name=last_name,
        name_key=sort_key(first_name, last_name),
        chart_number=chart_number,
        born_on=born_on,
        species=species,
        language=language,
        created_at=now,
    )
    session.add(patient)
    session.flush()
    return patient


def change_language(session: Session, patient: Patient, language: str, *, by: UUID, now: datetime) -> None:
    """In which language automatic texts are written to the patient. Raises `Invalid`. Safe to repeat."""
    if patient.language == language:
        return
    if language not in LANGUAGES:
        raise Invalid(language="Choose one of the languages offered.")
    patient.language = language
    audit.record(
        session,
        patient.practice_id,
        audit.Action.PATIENT_CHANGED,
        by=by,
        at=now,
        subject_id=patient.id,
        patient_id=patient.id,
        fields="language",
    )


def by_chart_number(session: Session, practice_id: UUID, chart_number: str) -> Patient | None:
    """For the system: no member is asking."""
    query = select(Patient).where(Patient.practice_id == practice_id, Patient.chart_number == chart_number)
    return session.scalar(query)


def count_patients(session: Session, practice_id: UUID) -> int:
    query = select(func.count()).where(Patient.practice_id == practice_id, Patient.archived_at.is_(None))
    return session.scalar(query) or 0


def open_to(
    member: Member, patient_id: ColumnElement[UUID] | ColumnElement[UUID | None]
) -> ColumnElement[bool]:
    """Whether programs let this member see the patient; needs no query for members without restrictions."""
    if not member.kept_out_of:
        return true()
    kept_out = [restriction.program_id for restriction in member.kept_out_of]
    enrolled = exists().where(Enrolment.patient_id == patient_id)
    enrolled_elsewhere = exists().where(
        Enrolment.patient_id == patient_id, Enrolment.program_id.not_in(kept_out)
    )
    return or_(patient_id.is_(None), ~enrolled, enrolled_elsewhere)


def at_own_facility(member: Member, facility_id: ColumnElement[UUID | None]) -> ColumnElement[bool]:
    """A wall for roles with `own_facilities_only`; what belongs to no facility is everybody's."""
    if not member.role.own_facilities_only:
        return true()
    own = [place.facility_id for place in member.at_facilities]
    return or_(facility_id.is_(None), facility_id.in_(own))


def visible_patients(member: Member) -> Select[Patient]:
    """The patient directory as this member may search it: all or nothing, less facilities and programs."""
    patients = select(Patient).where(Patient.practice_id == member.practice_id)
    if member.messages is not Messages.ALL and not member.may(Privilege.PATIENTS):
        return patients.where(false())
    return patients.where(*within_walls(member))


def within_walls(member: Member) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What must be true of a patient for this member, whatever the role may search."""
    return at_own_facility(member, Patient.facility_id.expression), open_to(member, Patient.id.expression)


def find_patient(session: Session, member: Member, patient_id: UUID, *, lock: bool = False) -> Patient:
    """Raises `NotFound`, also for a patient of another practice, and `Merged` where there is another record now."""
    query = visible_patients(member).where(Patient.id == patient_id)
    patient = session.scalar(db.locked(query, of=Patient) if lock else query)
    if patient is None:
        raise NotFound("There is no such patient.")
    if patient.merged_into_id is not None:
        raise Merged(patient.merged_into_id)
    return patient


def named(
    practice_id: UUID, words: str, also: Mapping[str, Sequence[str]] | None = None
) -> CompoundSelect[UUID]:
    """Ids of patients whose own, or a contact's, name holds every word, or whose chart number is `words`.

    A word may be a nickname, or stand for one of the words that `also` has for it. The chart number of a record that
    became a part of another finds that one. Sets of ids joined together, and not conditions joined by "or": so each
    has an index to look into.
    """
    of_practice = select(Patient.id).where(Patient.practice_id == practice_id)
    chart = Patient.chart_number == words.strip()
    by_chart = of_practice.where(chart)
    of_merged = select(Patient.merged_into_id).where(
        Patient.practice_id == practice_id, chart, Patient.merged_into_id.is_not(None)
    )
    parts = words_of(words)
    by_name = of_practice.where(
        *[Patient.id.in_(_with_name_like(practice_id, part, (also or {}).get(part, ()))) for part in parts]
    )
    return union(by_chart, of_merged, by_name) if parts else union(by_chart, of_merged)


def words_of(words: str) -> list[str]:
    """The words of a search that are looked for, as names are kept."""
    return sort_key(words.strip()).split()[:4]


def _with_name_like(practice_id: UUID, word: str, also: Sequence[str] = ()) -> CompoundSelect[UUID]:
    """Anywhere in a name; one or two letters, and what else the word may mean, only where a name begins."""
    plain = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    likes = [f"%{plain}%"] if len(word) > 2 else [f"{plain}%", f"% {plain}%"]
    for other in (*names.meanings(word)[1:], *also):
        likes += [f"{other}%", f"% {other}%"]
    own = select(Patient.id).where(
        Patient.practice_id == practice_id, or_(*[Patient.name_key.like(like) for like in likes])
    )
    of_contact = (
        select(PatientContact.patient_id)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .where(
            Contact.practice_id == practice_id,
            PatientContact.archived_at.is_(None),
            or_(*[Contact.name_key.like(like) for like in likes]),
        )
    )
    return union(own, of_contact)


# Less alike is another name; the slips of the finger are counted afterwards.
_LEAST_ALIKE, _MOST_ALIKE, _SHORTEST = 0.3, 200, 4


def meant(session: Session, practice_id: UUID, words: str) -> dict[str, list[str]]:
    """For each word of a search the words of names that it may have been meant to be; none for short ones."""
    parts = [part for part in words_of(words) if len(part) >= _SHORTEST and part.isalpha()]
    if not parts:
        return {}
    session.execute(text(f"set local pg_trgm.word_similarity_threshold = {_LEAST_ALIKE}"))
    found = {part: names.misspelt(part, _words_like(session, practice_id, part)) for part in parts}
    return {part: words for part, words in found.items() if words}


def _words_like(session: Session, practice_id: UUID, word: str) -> set[str]:
    keys: set[str] = set()
    for table in (Patient, Contact):
        likeness = func.word_similarity(word, table.name_key)
        query = (
            select(table.name_key)
            .where(
                table.practice_id == practice_id, literal(word).op("<%", is_comparison=True)(table.name_key)
            )
            .order_by(likeness.desc(), table.name_key)
            .limit(_MOST_ALIKE)
        )
        keys |= set(session.scalars(query))
    return {part for key in keys for part in key.split()}


def search(session: Session, member: Member, words: str, *, limit: int = 20) -> list[Patient]:
    """Patients whose name or owner's name contains every word, or whose chart number is `words`."""
    if not words.strip():
        return []
    ids = named(member.practice_id, words)
    visible = visible_patients(member).where(Patient.archived_at.is_(None))
    in_order = visible.order_by(Patient.name_key, Patient.id).limit(limit)
    found = list(session.scalars(in_order.where(Patient.id.in_(ids))))
    if not found and (also := meant(session, member.practice_id, words)):
        found = list(session.scalars(in_order.where(Patient.id.in_(named(member.practice_id, words, also)))))
    return found
