"""What becomes of each row: made, changed, left as it is, or refused, and everything that has to be written. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from triage.domain.importing.entries import Contact, Entry, NotKept, Record, Refusal
from triage.domain.importing.known import (
    FIELDS,
    Facts,
    Known,
    KnownContact,
    Referred,
    as_words,
    new_patient_values,
)
from triage.domain.importing.run import Outcome
from triage.domain.importing.values import Unusable
from triage.domain.patients.patient import PatientKind, sort_key
from triage.kit import db

Row = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """Rows for each table, as `writing` takes them."""

    patients: list[Row] = field(default_factory=list)
    updates: dict[UUID, Row] = field(default_factory=dict)
    phones: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    relations: list[Row] = field(default_factory=list)
    uses: list[Row] = field(default_factory=list)
    teams: list[Row] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    audits: list[Row] = field(default_factory=list)
    not_kept: int = 0
    # Patients whose location changed: their conversations go with them.
    moved: set[UUID] = field(default_factory=set)

    def count(self, outcome: Outcome) -> int:
        return sum(row["outcome"] is outcome for row in self.rows)


@dataclass(slots=True)
class _Deed:
    """What one row does, collected; nothing is written of a row that is refused."""

    entry: Entry
    notes: list[str]
    was: dict[str, list[str | None]] = field(default_factory=dict)
    uses: list[UUID] = field(default_factory=list)
    phones: list[UUID] = field(default_factory=list)
    contacts: list[list[str]] = field(default_factory=list)
    relations: list[list[str]] = field(default_factory=list)
    team: list[UUID] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The parts of a record that change, by name."""
        parts = {
            "number": self.uses,
            "contact": self.contacts,
            "relation": self.relations,
            "care team": self.team,
        }
        return [*self.was, *(name for name, made in parts.items() if made)]

    def former(self) -> Row:
        kept = {
            "was": self.was,
            "uses": [str(one) for one in self.uses],
            "phones": [str(one) for one in self.phones],
            "contacts": self.contacts,
            "relations": self.relations,
            "team": [str(one) for one in self.team],
        }
        return {name: value for name, value in kept.items() if value}


class Decider:
    """Decides the rows of one chunk in their order; `as_e164` reads a number in the practice's region."""

    def __init__(
        self, facts: Facts, *, now: datetime, is_trial: bool, as_e164: Callable[[str], str | None]
    ) -> None:
        self.facts, self.now, self._is_trial, self._as_e164 = facts, now, is_trial, as_e164
        self.plan = Plan()

    def decide(self, record: Record, place: int) -> None:
        if isinstance(record, NotKept):
            self.plan.not_kept += 1
            return
        if isinstance(record, Refusal):
            self._row(place, record.line, Outcome.REFUSED, record.reason, record.chart_number)
            return
        try:
            self._decide(record, place)
        except Unusable as problem:
            self._row(place, record.line, Outcome.REFUSED, problem.args[0], record.chart_number)

    def _decide(self, entry: Entry, place: int) -> None:
        if entry.colleague is not None:
            self._meet_colleague(entry, place)
            return
        chart = self._chart_of(entry)
        known = self.facts.patients.get(chart)
        if known is not None and known.archived_at is not None:
            raise Unusable("The patient with this chart number is archived here.")
        values = self._values(entry)
        deed = _Deed(entry, list(entry.notes))
        if known is None:
            known = self._make(chart, values)
            outcome = Outcome.MADE
        else:
            deed.was = self._change(known, values)
            outcome = Outcome.UNCHANGED
        self._add_people(known, entry, deed)
        if outcome is not Outcome.MADE and deed.names:
            outcome = Outcome.CHANGED
        if entry.of_patient:
            self.facts.lines[chart] = entry.line
        self._note(place, outcome, chart, known, deed)

    def _chart_of(self, entry: Entry) -> str:
        if entry.of_patient:
            if (line := self.facts.lines.get(entry.chart_number)) is not None:
                raise Unusable(f"Line {line} has the same chart number.")
            return entry.chart_number
        referred = self.facts.references.get(entry.patient)
        chart = referred.chart_number if referred else None
        if chart is None or (chart not in self.facts.patients and not self._is_trial):
            raise Unusable("The patient that it belongs to is not in this file, or was refused.")
        # In a trial the patient of an earlier chunk has not been made.
        if chart not in self.facts.patients:
            self._make(chart, {"first_name": "-"})
        return chart

    def _values(self, entry: Entry) -> dict[str, object]:
        values = {name: value for name, value in entry.given.items() if name != "facility"}
        if facility := entry.given.get("facility"):
            facility_id = self.facts.facilities.get(str(facility).casefold())
            if facility_id is None:
                # Without one, members of every location would see the patient.
                raise Unusable("There is no location of this name here.")
            values["facility_id"] = facility_id
        if values.get("species"):
            values["kind"] = PatientKind.ANIMAL
        return values

    def _make(self, chart: str, values: dict[str, object]) -> Known:
        if not values.get("first_name"):
            raise Unusable("It has no first name.")
        known = Known(db.new_id(), new_patient_values() | values, is_new=True)
        self.facts.patients[chart] = known
        self.plan.patients.append(
            {
                "id": known.id,
                "practice_id": self.facts.practice_id,
                "chart_number": chart,
                "name_key": _name_key(known.values),
                # The default of the product for every new patient; what says yes or no is consent, and is not here.
                "texting_on": True,
                "created_at": self.now,
                **known.values,
            }
        )
        return known

    def _change(self, known: Known, values: Mapping[str, object]) -> dict[str, list[str | None]]:
        """What differs, as [former, new] by field."""
        if values.get("species") and known.values["kind"] is not PatientKind.ANIMAL:
            raise Unusable("The patient with this chart number is a person here, and no animal.")
        differing = {name: value for name, value in values.items() if known.values[name] != value}
        if not differing:
            return {}
        before, after = as_words(known.values), as_words(known.values | differing)
        known.values.update(differing)
        if not known.is_new:
            self.plan.updates[known.id] = updated(known)
        if "facility_id" in differing:
            self.plan.moved.add(known.id)
        return {name: [before[name], after[name]] for name in differing}

    def _add_people(self, known: Known, entry: Entry, deed: _Deed) -> None:
        for number in entry.numbers:
            self._reach(known, number, None, deed)
        for contact in entry.contacts:
            self._add_contact(known, contact, deed)
        for reference, role in entry.team:
            self._add_to_team(known, reference, role, deed)

    def _add_contact(self, known: Known, contact: Contact, deed: _Deed) -> None:
        """The person of this name on the record; else the one of this name at one of the numbers; else a new one."""
        key = sort_key(contact.name)
        relation = contact.relation or "contact"
        found = self.facts.contacts.get((known.id, key))
        if found is None:
            contact_id = self._person(contact, key, deed)
            self.plan.links.append(
                {
                    "practice_id": self.facts.practice_id,
                    "patient_id": known.id,
                    "contact_id": contact_id,
                    "relation": relation,
                }
            )
            self.facts.contacts[known.id, key] = found = KnownContact(contact_id, relation, False)
            deed.contacts.append([str(contact_id), contact.name, relation])
        elif found.is_archived:
            deed.notes.append("A contact of this name was archived here and stays so.")
            return
        elif contact.relation and found.relation != relation:
            deed.relations.append([str(found.id), found.relation, relation])
            self.plan.relations.append({"patient_id": known.id, "contact_id": found.id, "relation": relation})
            self.facts.contacts[known.id, key] = found._replace(relation=relation)
        for number in contact.numbers:
            self._reach(known, number, found.id, deed, key)

    def _person(self, contact: Contact, key: str, deed: _Deed) -> UUID:
        for number in contact.numbers:
            e164 = self._as_e164(number)
            if e164 and (same := self.facts.people.get((key, e164))):
                return same
        contact_id = db.new_id()
        self.plan.contacts.append(
            {
                "id": contact_id,
                "practice_id": self.facts.practice_id,
                "name": contact.name,
                "name_key": key,
                "born_on": contact.born_on,
                "language": "en",
                "created_at": self.now,
            }
        )
        return contact_id

    def _reach(self, known: Known, written: str, contact_id: UUID | None, deed: _Deed, key: str = "") -> None:
        """A number that is there, also one that staff have ended, stays as it is."""
        number = self._as_e164(written)
        if number is None:
            deed.notes.append("A phone number cannot be read and was left out.")
            return
        if (known.id, number, contact_id) in self.facts.uses:
            return
        if number in self.facts.switched_off:
            deed.notes.append("Staff have turned texts off for who has this number; link it by hand.")
            return
        if number not in self.facts.phones:
            self.facts.phones[number] = phone_id = db.new_id()
            deed.phones.append(phone_id)
            self.plan.phones.append(
                {
                    "id": phone_id,
                    "practice_id": self.facts.practice_id,
                    "number": number,
                    "texting_on": True,
                    "is_landline": False,
                    "created_at": self.now,
                }
            )
        use_id = db.new_id()
        deed.uses.append(use_id)
        self.facts.uses.add((known.id, number, contact_id))
        if contact_id is not None:
            self.facts.people.setdefault((key, number), contact_id)
        self.plan.uses.append(
            {
                "id": use_id,
                "practice_id": self.facts.practice_id,
                "number": number,
                "patient_id": known.id,
                "contact_id": contact_id,
            }
        )

    def _add_to_team(self, known: Known, reference: str, role: str, deed: _Deed) -> None:
        referred = self.facts.references.get(reference)
        if referred is None or referred.member_id is None:
            deed.notes.append("Somebody of the care team is no member here and was left out.")
        elif (known.id, referred.member_id) not in self.facts.teams:
            self.facts.teams.add((known.id, referred.member_id))
            deed.team.append(referred.member_id)
            self.plan.teams.append(
                {
                    "practice_id": self.facts.practice_id,
                    "patient_id": known.id,
                    "member_id": referred.member_id,
                    "role": role,
                    "is_primary": False,
                }
            )

    def _meet_colleague(self, entry: Entry, place: int) -> None:
        """Whoever signs in here is made in the settings; a file only says whom it means."""
        assert entry.colleague is not None
        members = self.facts.members
        member_id = members.get(entry.colleague.email) or members.get(entry.colleague.name.lower())
        reason = (
            None if member_id else "This practitioner is no member here; members are added in the settings."
        )
        row = self._row(place, entry.line, Outcome.SEEN, reason, references=entry.references)
        row["member_id"] = member_id
        self._remember(entry, Referred(None, None, member_id))

    def _remember(self, entry: Entry, meant: Referred) -> None:
        """For rows of this chunk that speak of it."""
        for name in entry.references:
            self.facts.references[name] = meant

    def _note(self, place: int, outcome: Outcome, chart: str, known: Known, deed: _Deed) -> None:
        entry = deed.entry
        reason = " ".join(dict.fromkeys(deed.notes)) or None
        row = self._row(place, entry.line, outcome, reason, chart, entry.references)
        row["patient_id"] = known.id
        self._remember(entry, Referred(chart, known.id, None))
        if outcome in (Outcome.MADE, Outcome.CHANGED):
            row["former"] = deed.former()
            self.plan.audits.append(
                {
                    "patient_id": known.id,
                    "detail": {"what": outcome.value, "fields": ", ".join(deed.names)},
                }
            )

    def _row(
        self,
        place: int,
        line: int,
        outcome: Outcome,
        reason: str | None = None,
        chart: str = "",
        references: tuple[str, ...] = (),
    ) -> Row:
        names = [*references, None, None]
        row: Row = {
            "place": place,
            "line": line,
            "outcome": outcome,
            "reason": reason,
            "chart_number": chart or None,
            "reference": names[0],
            "second_reference": names[1],
        }
        self.plan.rows.append(row)
        return row


def updated(known: Known) -> Row:
    """All fields of a patient as they are to be."""
    return {
        "id": known.id,
        "name_key": _name_key(known.values),
        **{name: known.values[name] for name in FIELDS},
    }


def _name_key(values: Mapping[str, object]) -> str:
    return sort_key(str(values["first_name"]), str(values["last_name"]))
