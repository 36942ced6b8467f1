"""Merging two records of one person, and undoing it."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.inbox import merging, record
from triage.domain.patients import details, directory
from triage.domain.patients.directory import Found
from triage.domain.patients.patient import Patient, find_patient
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import filters, once, render, seen
from triage.web.auth import current_member, needs
from triage.web.patients.details import CHANNELS
from triage.web.patients.finding import LONGEST_SEARCH, result_of
from triage.web.patients.pages import note_look, page, patients
from triage.web.render import Toast

LABELS = {
    "name": "Name",
    "born_on": "Birth date",
    "sex": "Sex",
    "species": "Species",
    "language": "Language",
    "time_zone": "Time zone",
    "prefers": "Prefers",
    "facility": "Location",
}
NOTHING, HIDDEN = "Not recorded", "Hidden"


class Field(NamedTuple):
    """A field in which the two differ, in words; `taken` is the one that is taken unless somebody says otherwise."""

    name: str
    label: str
    one: str
    other: str
    taken: str


class Side(NamedTuple):
    """One of the two records, with what tells it from the other."""

    patient: Patient
    numbers: list[record.Number]
    facts: list[tuple[str, str]]


@patients.get("/patients/<uuid:patient_id>/merge")
@needs(Privilege.PATIENTS)
def choose_other(patient_id: UUID) -> Response:
    """Find the other record; those that look alike are offered."""
    return _choose(patient_id, "", None, {})


@patients.post("/patients/<uuid:patient_id>/merge/search")
@needs(Privilege.PATIENTS)
def search_other(patient_id: UUID) -> Response:
    """The words travel in the form and stand in no address and no log."""
    member = current_member()
    words = request.form.get("q", "").strip()[:LONGEST_SEARCH]
    if len(words) < 2:
        return _choose(patient_id, words, None, {"q": "Type at least two letters or digits."}, 422)
    with db.transaction() as session:
        find_patient(session, member, patient_id)
        now = clock.now(session)
        wait = directory.wait_before_searching(session, member, now=now)
        found = [] if wait else directory.search(session, member, words)
        if wait is None:
            audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        return _choose(patient_id, words, None, {"q": f"Too many searches. Wait {minutes} min."}, 429)
    return _choose(patient_id, words, found, {})


def _choose(
    patient_id: UUID, words: str, found: list[Found] | None, errors: Mapping[str, str], status: int = 200
) -> Response:
    member = current_member()
    with db.reading() as session:
        patient = find_patient(session, member, patient_id)
        alike = [Found(one, ()) for one in merging.alike(session, member, patient)] if found is None else []
    results = [
        {
            **result_of(one, member),
            "url": url_for("patients.compare", patient_id=patient_id, other_id=one.patient.id),
        }
        for one in (alike if found is None else found)
        if one.patient.id != patient_id and one.patient.kind is patient.kind
    ]
    return page(
        "patients/merge.html",
        patient,
        "show",
        status,
        values={"q": words},
        errors=errors,
        results=results,
        is_search=found is not None,
    )


@patients.get("/patients/<uuid:patient_id>/merge/<uuid:other_id>")
@needs(Privilege.PATIENTS)
def compare(patient_id: UUID, other_id: UUID) -> Response:
    """Both side by side."""
    return _compare(patient_id, other_id)


@patients.post("/patients/<uuid:patient_id>/merge/<uuid:other_id>")
@needs(Privilege.PATIENTS)
def merge(patient_id: UUID, other_id: UUID) -> Response:
    """`keep` is the id of the record that stays; `take_...` names for each field the record it is taken from."""
    kept_id = [patient_id]

    def join(session: Session) -> str:
        member = current_member()
        one, other = merging.find_both(session, member, patient_id, other_id, lock=True)
        seen.check(_as_shown(session, one, other), _labels())
        by_word = {"one": one, "other": other}
        kept = by_word.get(request.form.get("keep", ""))
        if kept is None:
            raise Invalid(keep="Choose which record stays.")
        chosen = {name: by_word.get(request.form.get(f"take_{name}", "")) for name in merging.CHOICES}
        take = {name: patient.id for name, patient in chosen.items() if patient is not None}
        merging.merge(session, kept, other if kept is one else one, take=take, by=member)
        kept_id[0] = kept.id
        return "Merged. It can be undone here for 30 days."

    try:
        said = once.run(join)
    except Invalid as refusal:
        return _compare(patient_id, other_id, once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _compare(patient_id, other_id, {}, 409, overtaken=refusal.changes)
    return render.changed(toast=Toast(said), back=url_for("patients.show", patient_id=kept_id[0]))


@patients.post("/patients/<uuid:patient_id>/merges/<uuid:merge_id>/undo")
@needs(Privilege.PATIENTS)
def undo_merge(patient_id: UUID, merge_id: UUID) -> Response:
    def part(session: Session) -> str:
        member = current_member()
        made = merging.find_merge(session, member, patient_id, merge_id)
        merging.undo(session, made, by=member)
        return "The two records are apart again. What came since the merge stayed here."

    said = once.run(part)
    return render.changed(toast=Toast(said), back=url_for("patients.show", patient_id=patient_id))


def _compare(
    patient_id: UUID,
    other_id: UUID,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.transaction() as session:
        one, other = merging.find_both(session, member, patient_id, other_id)
        if request.method == "GET":
            for patient in (one, other):
                note_look(session, patient, "merge")
        sides = [_side(session, patient) for patient in (one, other)]
        fields = [_field(session, one, other, difference) for difference in merging.differences(one, other)]
        shown = seen.shown(_as_shown(session, one, other))
    return page(
        "patients/compare.html",
        one,
        "show",
        status,
        other=other,
        sides=sides,
        fields=fields,
        keep=request.form.get("keep") or ("other" if one.archived_at else "one"),
        shown=shown,
        errors=errors or {},
        overtaken_by=overtaken or [],
    )


def _side(session: Session, patient: Patient) -> Side:
    member = current_member()
    found = record.read_record(session, member, patient.id)
    written = len(found.conversations)
    facts = [
        ("Chart", patient.chart_number),
        ("Born", _say(session, "born_on", patient.born_on)),
        ("Since", filters.short_date(patient.created_at)),
        ("Programs", ", ".join(found.programs) or "None"),
        ("Care team", ", ".join(place.brief.name for place in found.care_team) or "Nobody"),
        ("Conversations", str(written)),
    ]
    return Side(patient, found.numbers, facts)


def _field(session: Session, one: Patient, other: Patient, difference: merging.Difference) -> Field:
    """What is recorded goes before what is not; else the record that the member came from."""
    asked = request.form.get(f"take_{difference.name}")
    is_empty = difference.one in (None, "") and difference.other not in (None, "")
    return Field(
        difference.name,
        LABELS[difference.name],
        _say(session, difference.name, difference.one),
        _say(session, difference.name, difference.other),
        asked if asked in ("one", "other") else "other" if is_empty else "one",
    )


def _say(session: Session, name: str, value: Any) -> str:
    """A value as staff read it."""
    if value in (None, ""):
        return NOTHING
    match name:
        case "born_on":
            return HIDDEN if current_member().role.birth_dates_masked else filters.short_date(value)
        case "facility":
            return record.name_of_facility(session, value) or NOTHING
        case "language":
            return LANGUAGES.get(value, value)
        case "sex":
            return details.SEXES.get(value, value)
        case "prefers":
            return CHANNELS[value]
    return str(value)


def _as_shown(session: Session, one: Patient, other: Patient) -> dict[str, object]:
    """What tells whoever merges what a colleague has changed meanwhile."""
    return {
        f"{side}_{name}": _say(session, name, merging.value_of(patient, name))
        for side, patient in (("one", one), ("other", other))
        for name in merging.CHOICES
    }


def _labels() -> dict[str, str]:
    sides = {"one": "of the first record", "other": "of the second record"}
    return {f"{side}_{name}": f"{label} {of}" for side, of in sides.items() for name, label in LABELS.items()}
