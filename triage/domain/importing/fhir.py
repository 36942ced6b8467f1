"""FHIR R4 as a source of patients: bundles and NDJSON, read one resource after the other.

Sources: the R4 definitions of Patient, RelatedPerson, Practitioner and CareTeam, the `patient-animal` extension, and
the codes of v3-RoleCode.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import ijson

from triage.domain.importing import reading, values
from triage.domain.importing.entries import Colleague, Contact, Entry, NotKept, Record, Refusal
from triage.domain.importing.reading import Format
from triage.domain.importing.values import Unusable

Resource = Mapping[str, Any]

# Who a patient is comes before what hangs on patients: the file is gone through once for each.
PASSES = (frozenset({"Patient", "Practitioner", "Appointment"}), frozenset({"RelatedPerson", "CareTeam"}))
KEPT = frozenset.union(*PASSES)
# Parts of one resource: more than any patient has.
MOST_PARTS = 20_000
MOST_CONTACTS = 10
LONGEST_REFERENCE = 200
ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_RELATIONS = {
    "MTH": "mother", "FTH": "father", "PRN": "parent", "GUARD": "guardian", "SPS": "spouse", "WIFE": "wife",
    "HUSB": "husband", "CHILD": "child", "DAU": "daughter", "SON": "son", "SIB": "sibling", "SIS": "sister",
    "BRO": "brother", "GRPRN": "grandparent", "GRMTH": "grandmother", "GRFTH": "grandfather", "DOMPART": "partner",
    "FRND": "friend", "NBOR": "neighbor", "CHLDADOPT": "child", "PRNFOST": "foster parent", "STPPRN": "stepparent",
    "C": "emergency contact", "N": "next of kin", "E": "employer", "O": "contact", "U": "contact", "ECON": "emergency contact",
}  # fmt: skip


class Broken(Exception):
    """The file ends, or stops being JSON, in the middle."""


def records(
    open_file: Callable[[], io.BufferedReader],
    format_: Format,
    *,
    today: date,
    passed_over: Callable[[], object],
) -> Iterator[Record]:
    """Everything in the file that a practice keeps. Raises `Broken`. Other resources are counted by `passed_over`."""
    for number, wanted in enumerate(PASSES):
        for line, reference, resource in _resources(open_file(), format_):
            kind = resource.get("resourceType") if resource is not None else None
            if resource is None or not isinstance(kind, str):
                if number == 0:
                    yield Refusal(line, "It is no FHIR resource, or larger than any patient's.")
            elif kind in wanted:
                yield _record(line, reference, kind, resource, today)
            elif number == 0 and kind not in KEPT:
                passed_over()


def _resources(opened: io.BufferedReader, format_: Format) -> Iterator[tuple[int, str, Resource | None]]:
    if format_ is Format.BUNDLE:
        yield from _of_bundle(opened)
        return
    for line, content in reading.byte_lines(opened):
        try:
            found = json.loads(content) if content is not None else None
        except (ValueError, RecursionError):
            found = None
        yield line, "", found if isinstance(found, dict) else None


def _of_bundle(opened: io.BufferedReader) -> Iterator[tuple[int, str, Resource | None]]:
    """Every entry with its number; nothing but the entry at hand is held."""
    entry, parts, builder = 0, 0, None
    try:
        for prefix, event, value in ijson.parse(opened, use_float=True):
            if prefix == "entry.item" and event == "start_map":
                entry, parts, builder = entry + 1, 0, ijson.ObjectBuilder()
            if builder is None:
                continue
            parts += 1
            if parts <= MOST_PARTS:
                builder.event(event, value)
            if prefix == "entry.item" and event == "end_map":
                whole = builder.value if parts <= MOST_PARTS else {}
                builder = None
                resource = whole.get("resource")
                yield entry, _text(whole.get("fullUrl")), resource if isinstance(resource, dict) else None
    except ijson.JSONError as problem:
        raise Broken(entry + 1) from problem
    if entry == 0:
        raise Broken(0)


def _record(line: int, reference: str, kind: str, resource: Resource, today: date) -> Record:
    references = tuple(
        _reference(name) for name in (reference, f"{kind}/{_text(resource.get('id'))}") if name
    )
    try:
        if kind == "Patient":
            return _patient(line, references, resource, today)
        if kind == "Practitioner":
            return Entry(line, of_patient=False, references=references, colleague=_colleague(resource))
        if kind == "RelatedPerson":
            return _related(line, resource, today)
        if kind == "CareTeam":
            return _team(line, resource)
    except Unusable as problem:
        return Refusal(line, problem.args[0])
    return NotKept(line)


def _patient(line: int, references: tuple[str, ...], resource: Resource, today: date) -> Entry:
    if resource.get("active") is False:
        raise Unusable("The patient is not active any more.")
    if resource.get("deceasedBoolean") is True or resource.get("deceasedDateTime"):
        raise Unusable("The patient has died.")
    chart = values.clean(_chart_number(resource), longest=values.LONGEST_WORD)
    if not chart:
        raise Unusable("It has no identifier.")
    first, last = _name(resource)
    notes: list[str] = []
    given: dict[str, object] = {"first_name": first, "last_name": last}
    born = _born_on(resource, today, notes)
    said = {
        "born_on": born,
        "sex": values.sex(_text(resource.get("gender"))),
        "language": _language(resource),
    }
    said["species"] = _species(resource)
    given |= {name: value for name, value in said.items() if value is not None}
    embedded = [one for one in _maps(resource.get("contact")) if _maps([one.get("name")])]
    contacts = tuple(_embedded(one) for one in embedded[:MOST_CONTACTS])
    return Entry(line, chart, given, _numbers(resource), contacts, notes=tuple(notes), references=references)


def _chart_number(resource: Resource) -> str:
    """The medical record number, else the first identifier that is no social security or passport number, else the id."""
    found = [one for one in _maps(resource.get("identifier")) if one.get("use") != "old" and one.get("value")]
    codes = [{code.get("code") for code in _maps(_map(one.get("type")).get("coding"))} for one in found]
    for one, kinds in zip(found, codes, strict=True):
        if "MR" in kinds:
            return _text(one["value"])
    for one, kinds in zip(found, codes, strict=True):
        if not kinds & {"SS", "SB", "PPN", "DL", "TAX"}:
            return _text(one["value"])
    return _text(resource.get("id"))


def _name(resource: Resource) -> tuple[str, str]:
    names = [one for one in _maps(resource.get("name")) if one.get("use") not in ("old", "maiden")]
    names.sort(key=lambda one: {"official": 0, "usual": 1, None: 2}.get(_use(one), 3))
    if not names:
        raise Unusable("It has no name.")
    first, last = _first_and_last(names[0])
    if not first and not last:
        raise Unusable("It has no name.")
    return (first, last) if first else (last, "")


def _use(one: Resource) -> str | None:
    use = one.get("use")
    return use if isinstance(use, str) else None


def _first_and_last(name: Resource) -> tuple[str, str]:
    given = name.get("given")
    first = values.clean(" ".join(_text(one) for one in given) if isinstance(given, list) else "")
    last = values.clean(_text(name.get("family")))
    if first or last:
        return first, last
    return values.split_name(values.clean(_text(name.get("text"))))


def _born_on(resource: Resource, today: date, notes: list[str]) -> date | None:
    text = _text(resource.get("birthDate"))
    if text and len(text) < 10:
        notes.append("Only a part of the birth date is given; it was left out.")
        return None
    return values.birth_date(text, None, today=today) if text else None


def _language(resource: Resource) -> str | None:
    spoken = sorted(_maps(resource.get("communication")), key=lambda one: one.get("preferred") is not True)
    for one in spoken:
        language = _map(one.get("language"))
        for code in [*_maps(language.get("coding")), {"code": language.get("text")}]:
            if found := values.language(_text(code.get("code"))):
                return found
    return None


def _species(resource: Resource) -> str | None:
    """Extension `patient-animal`, of which the species is a part."""
    for animal in (one for one in _maps(resource.get("extension")) if one.get("url") == ANIMAL):
        for part in (one for one in _maps(animal.get("extension")) if one.get("url") == "species"):
            concept = _map(part.get("valueCodeableConcept"))
            words = [code.get("display") for code in _maps(concept.get("coding"))]
            text = next((_text(word) for word in (concept.get("text"), *words) if word), "animal")
            return values.species(values.clean(text, longest=values.LONGEST_WORD))
    return None


def _numbers(resource: Resource) -> tuple[str, ...]:
    """Mobile first, then by rank; old ones and faxes are none."""
    found = [
        one
        for one in _maps(resource.get("telecom"))
        if one.get("system") in ("phone", "sms")
        and one.get("use") != "old"
        and not _map(one.get("period")).get("end")
    ]
    found.sort(
        key=lambda one: (one.get("use") != "mobile", rank if isinstance(rank := one.get("rank"), int) else 99)
    )
    numbers = (values.clean(_text(one.get("value")), longest=values.LONGEST_WORD) for one in found)
    return tuple(dict.fromkeys(number for number in numbers if number))[:4]


def _embedded(one: Resource) -> Contact:
    """A contact that stands inside the patient."""
    first, last = _first_and_last(_map(one.get("name")))
    return Contact(f"{first} {last}".strip() or "Contact", _relation(one), _numbers(one))


def _related(line: int, resource: Resource, today: date) -> Entry:
    if resource.get("active") is False or _map(resource.get("period")).get("end"):
        raise Unusable("The person is no longer a contact.")
    first, last = _name(resource)
    born = _born_on(resource, today, [])
    contact = Contact(f"{first} {last}".strip(), _relation(resource), _numbers(resource), born)
    patient = _reference(_map(resource.get("patient")).get("reference"))
    return Entry(line, contacts=(contact,), of_patient=False, patient=patient)


def _relation(resource: Resource) -> str:
    concepts = resource.get("relationship")
    for concept in _maps(concepts if isinstance(concepts, list) else [concepts]):
        for code in _maps(concept.get("coding")):
            if known := _RELATIONS.get(_text(code.get("code"))):
                return known
        words = [concept.get("text"), *(code.get("display") for code in _maps(concept.get("coding")))]
        for word in words:
            if text := values.clean(_text(word), longest=values.LONGEST_WORD):
                return text.lower()
    return ""


def _colleague(resource: Resource) -> Colleague:
    first, last = _name(resource)
    mail = (one.get("value") for one in _maps(resource.get("telecom")) if one.get("system") == "email")
    return Colleague(f"{first} {last}".strip(), values.clean(_text(next(mail, ""))).lower())


def _team(line: int, resource: Resource) -> Entry:
    if resource.get("status") not in (None, "active", "proposed"):
        raise Unusable("The care team is no longer at work.")
    places = []
    for one in _maps(resource.get("participant")):
        role = next((text for concept in _maps(one.get("role")) if (text := _word(concept))), "")
        if not _map(one.get("period")).get("end"):
            places.append((_reference(_map(one.get("member")).get("reference")), role))
    patient = _reference(_map(resource.get("subject")).get("reference"))
    return Entry(line, team=tuple(places[:50]), of_patient=False, patient=patient)


def _word(concept: Resource) -> str:
    words = [concept.get("text"), *(code.get("display") for code in _maps(concept.get("coding")))]
    return next((values.clean(_text(word)[:60], longest=60) for word in words if word), "")


def _reference(value: object) -> str:
    """By which rows of a file mean one another; nobody reads it, but it must be possible to keep it."""
    return "".join(sign for sign in _text(value) if sign.isprintable())[:LONGEST_REFERENCE]


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _map(value: object) -> Resource:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
