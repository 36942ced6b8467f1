"""What one row of a file says about a patient, whatever the file looked like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from triage.domain.importing import columns, values
from triage.domain.importing.reading import Row
from triage.domain.importing.values import DateOrder, Unusable


@dataclass(frozen=True, slots=True)
class Contact:
    """A person on the patient's record. `relation` is empty where the file says none."""

    name: str
    relation: str = ""
    numbers: tuple[str, ...] = ()
    born_on: date | None = None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of the practice, as a file names one."""

    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """`given` holds what the row says of the patient by columns of the table, `facility` by its name.

    `of_patient` is False where the row only adds to a patient, who is then known by `patient` (a reference inside
    the file). `team` are references to colleagues, with what each does. Numbers are as they were written.
    """

    line: int
    chart_number: str = ""
    given: Mapping[str, object] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
    team: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    of_patient: bool = True
    patient: str = ""
    colleague: Colleague | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be imported, and why, in words that repeat nothing of it."""

    line: int
    reason: str
    chart_number: str = ""


@dataclass(frozen=True, slots=True)
class NotKept:
    """Something that the product has no place for yet: it is counted."""

    line: int


Record = Entry | Refusal | NotKept


@dataclass(frozen=True, slots=True)
class Reader:
    """How the rows of one file are read: a field for each column, what comes first in its dates, and today."""

    fields: Sequence[str]
    order: DateOrder | None
    today: date

    def read(self, rows: Iterator[Row]) -> Iterator[Record]:
        return (self.entry(row) for row in rows)

    def entry(self, row: Row) -> Record:
        if row.cells is None:
            return Refusal(row.line, "It is not a row of cells; a quote may be opened and not closed.")
        cells = dict(zip(self.fields, row.cells, strict=False))
        chart = ""
        try:
            chart = values.clean(cells.get(columns.CHART_NUMBER, ""), longest=values.LONGEST_WORD)
            return self._entry(row.line, chart, cells)
        except Unusable as problem:
            return Refusal(row.line, problem.args[0], chart)

    def _entry(self, line: int, chart: str, cells: Mapping[str, str]) -> Entry:
        if not chart:
            raise Unusable("It has no chart number.")
        notes: list[str] = []
        given = self._given(cells, notes)
        is_animal = bool(given.get("species"))
        numbers = tuple(number for field in ("number", "number_2") if (number := _number(cells, field)))
        contacts = tuple(contact for place in ("contact", "contact_2") if (contact := _contact(cells, place)))
        if is_animal and contacts:
            contacts = (_owner(contacts[0], numbers), *contacts[1:])
            # Nobody texts an animal: the number is its owner's.
            numbers = ()
        return Entry(line, chart, given, numbers, contacts, notes=tuple(notes))

    def _given(self, cells: Mapping[str, str], notes: list[str]) -> dict[str, object]:
        """What is empty is not said, so it changes nothing."""
        given: dict[str, object] = {}
        if whole := values.clean(cells.get(columns.FULL_NAME, ""), longest=2 * values.LONGEST_NAME):
            given["first_name"], given["last_name"] = values.split_name(whole)
        for name in ("first_name", "last_name"):
            if text := values.clean(cells.get(name, "")):
                given[name] = text
        if born := _said(cells, columns.BORN_ON):
            given["born_on"] = values.birth_date(born, self.order, today=self.today)
        if text := _said(cells, columns.SPECIES):
            given["species"] = values.species(text)
        if text := values.clean(cells.get("facility", "")):
            given["facility"] = text
        _note_words(given, _said(cells, "language"), _said(cells, "sex"), notes)
        return given


def _note_words(given: dict[str, object], language: str, sex: str, notes: list[str]) -> None:
    """Words that this product does not know are left out, and said."""
    if language and not _keep(given, "language", values.language(language)):
        notes.append("The language is not known here and was left out.")
    if sex and not _keep(given, "sex", values.sex(sex)):
        notes.append("The sex is not known here and was left out.")


def _keep(given: dict[str, object], name: str, value: str | None) -> bool:
    if value is not None:
        given[name] = value
    return value is not None


def _said(cells: Mapping[str, str], field: str) -> str:
    text = values.clean(cells.get(field, ""), longest=values.LONGEST_WORD)
    return "" if values.is_nothing(text) else text


def _number(cells: Mapping[str, str], field: str) -> str:
    return _said(cells, field)


def _contact(cells: Mapping[str, str], place: str) -> Contact | None:
    name = values.clean(cells.get(f"{place}_name", ""))
    number = _number(cells, f"{place}_number")
    relation = values.clean(cells.get(f"{place}_relation", ""), longest=values.LONGEST_WORD).lower()
    if not name:
        if number:
            raise Unusable("It has the number of a contact without a name.")
        return None
    return Contact(name, relation, (number,) if number else ())


def _owner(contact: Contact, numbers: tuple[str, ...]) -> Contact:
    return Contact(contact.name, contact.relation or "owner", (*contact.numbers, *numbers), contact.born_on)
