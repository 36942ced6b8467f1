"""What staff enter of a patient: the fields, what they may hold, and making and changing a record by them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from triage.domain.patients.directory import read_date
from triage.domain.patients.patient import Channel, Patient, PatientKind, sort_key
from triage.domain.practice.practice import Practice, ids_of_facilities
from triage.domain.wording import LANGUAGES
from triage.kit.errors import Invalid

LONGEST_NAME, LONGEST_WORD, LONGEST_ALERTS = 80, 40, 500
EARLIEST_YEAR = 1880
SEXES = {"female": "Female", "male": "Male", "other": "Other", "unknown": "Not known"}
# Charts that the practice does not number itself: T-1, T-2, ...
OWN_NUMBERS, _TRIES = "T-", 5
TAKEN = "Another patient has this chart number."


class Details(NamedTuple):
    """A patient's fields. An animal has one name, a person no species."""

    kind: PatientKind
    first_name: str
    last_name: str
    chart_number: str
    born_on: date | None
    sex: str | None
    species: str | None
    language: str
    time_zone: str | None
    prefers: Channel | None
    facility_id: UUID | None
    alerts: str | None


def details_of(patient: Patient) -> Details:
    return Details(*(getattr(patient, name) for name in Details._fields))


def read(
    given: Mapping[str, str], kind: PatientKind, practice: Practice, facility_ids: set[UUID], *, today: date
) -> Details:
    """What a form says, as its fields were typed. Raises `Invalid`, naming each field that is wrong."""
    wrong: dict[str, str] = {}
    is_animal = kind is PatientKind.ANIMAL
    first_name = _words(given, "first_name", LONGEST_NAME, wrong)
    if not first_name:
        wrong["first_name"] = "Enter a name."
    details = Details(
        kind=kind,
        first_name=first_name,
        last_name="" if is_animal else _words(given, "last_name", LONGEST_NAME, wrong),
        chart_number=_words(given, "chart_number", LONGEST_WORD, wrong),
        born_on=read_birth_date(given.get("born_on", ""), practice.region, wrong, today=today),
        sex=_one_of(given, "sex", SEXES, wrong),
        species=(_words(given, "species", LONGEST_WORD, wrong).lower() or None) if is_animal else None,
        language=_one_of(given, "language", LANGUAGES, wrong) or practice.languages[0],
        time_zone=_one_of(given, "time_zone", available_timezones(), wrong),
        prefers=Channel(found) if (found := _one_of(given, "prefers", set(Channel), wrong)) else None,
        facility_id=_facility(given, facility_ids, wrong),
        alerts=_alerts(given, wrong),
    )
    if is_animal and not details.species:
        wrong.setdefault("species", "Enter what animal it is, such as dog or cat.")
    if wrong:
        raise Invalid(**wrong)
    return details


def _words(given: Mapping[str, str], name: str, longest: int, wrong: dict[str, str]) -> str:
    words = " ".join(given.get(name, "").split())
    if len(words) > longest:
        wrong[name] = f"Use at most {longest} characters."
    return words


def _one_of(
    given: Mapping[str, str], name: str, offered: Mapping[str, str] | set[str], wrong: dict[str, str]
) -> str | None:
    word = given.get(name, "")
    if word and word not in offered:
        wrong[name] = "Choose one of those offered."
    return word if word in offered else None


def _facility(given: Mapping[str, str], facility_ids: set[UUID], wrong: dict[str, str]) -> UUID | None:
    found = next((one for one in facility_ids if str(one) == given.get("facility_id")), None)
    if given.get("facility_id") and found is None:
        wrong["facility_id"] = "Choose one of those offered."
    return found


def _alerts(given: Mapping[str, str], wrong: dict[str, str]) -> str | None:
    lines = [" ".join(line.split()) for line in given.get("alerts", "").splitlines()]
    alerts = "\n".join(line for line in lines if line)
    if len(alerts) > LONGEST_ALERTS:
        wrong["alerts"] = f"Use at most {LONGEST_ALERTS} characters."
    return alerts or None


def read_birth_date(words: str, region: str, wrong: dict[str, str], *, today: date) -> date | None:
    """As the country writes it, or as a browser's date field does; what is wrong with it goes into `wrong`."""
    if not words.strip():
        return None
    born_on = read_date(words, region)
    if born_on is None:
        wrong["born_on"] = "Enter a date such as 1980-05-17."
    elif born_on > today:
        wrong["born_on"] = "The birth date lies in the future."
    elif born_on.year < EARLIEST_YEAR:
        wrong["born_on"] = "The birth date lies too far back. Check the year."
    return born_on


def add(session: Session, practice_id: UUID, details: Details, *, now: datetime) -> Patient:
    """A new record; without a chart number it gets the next of the practice's own. Raises `Invalid`."""
    for _ in range(_TRIES):
        number = details.chart_number or _next_number(session, practice_id)
        patient = Patient(practice_id=practice_id, created_at=now, texting_on=True)
        _put(patient, details._replace(chart_number=number))
        if _is_kept(session, patient):
            return patient
        if details.chart_number:
            break
    raise Invalid(chart_number=TAKEN)


def change(session: Session, patient: Patient, details: Details) -> list[str]:
    """The names of the fields that are different now. Raises `Invalid`. The patient is locked."""
    details = details._replace(chart_number=details.chart_number or patient.chart_number)
    was = details_of(patient)
    changed = [name for name in Details._fields if getattr(was, name) != getattr(details, name)]
    _put(patient, details)
    if changed and not _is_kept(session, patient):
        raise Invalid(chart_number=TAKEN)
    return changed


def _put(patient: Patient, details: Details) -> None:
    for name, value in details._asdict().items():
        setattr(patient, name, value)
    patient.name_key = sort_key(details.first_name, details.last_name)


def _is_kept(session: Session, patient: Patient) -> bool:
    """False where the chart number is somebody's; whoever was a moment earlier has it."""
    try:
        with session.begin_nested():
            session.add(patient)
    except IntegrityError as error:
        if "chart_number" not in str(error.orig):
            raise
        return False
    return True


def _next_number(session: Session, practice_id: UUID) -> str:
    place = cast(func.substr(Patient.chart_number, len(OWN_NUMBERS) + 1), Integer)
    highest = session.scalar(
        select(func.max(place)).where(
            Patient.practice_id == practice_id,
            Patient.chart_number.regexp_match(f"^{OWN_NUMBERS}[0-9]{{1,8}}$"),
        )
    )
    return f"{OWN_NUMBERS}{(highest or 0) + 1}"


def facilities_for(session: Session, practice_id: UUID, own: list[UUID] | None) -> set[UUID]:
    """Where a member may put a patient: `own` are the only sites of somebody behind a wall."""
    every = ids_of_facilities(session, practice_id)
    return every if own is None else every & set(own)
