"""Finding a patient."""

from collections.abc import Mapping

from flask import Response, request, url_for

from triage.domain import audit
from triage.domain.patients import directory
from triage.domain.patients.directory import Found
from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Member, hue_of, initials_of
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.web import render
from triage.web.auth import current_member, needs
from triage.web.patients.pages import patients

LONGEST_SEARCH = 100


@patients.get("/patients")
@needs(Privilege.SIGNED_IN)
def search() -> Response:
    directory.require(current_member())
    return _results("", None, {})


@patients.post("/patients")
@needs(Privilege.SIGNED_IN)
def search_now() -> Response:
    """The words travel in the form and stand in no address and no log."""
    member = current_member()
    directory.require(member)
    words = request.form.get("q", "").strip()[:LONGEST_SEARCH]
    if len(words) < 2:
        return _results(words, None, {"q": "Type at least two letters or digits."}, 422)
    with db.transaction() as session:
        now = clock.now(session)
        wait = directory.wait_before_searching(session, member, now=now)
        if wait is None:
            found = directory.search(session, member, words)
            audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        return _results(words, None, {"q": f"Too many searches. Wait {minutes} min."}, 429)
    return _results(words, [result_of(one, member) for one in found], {})


def _results(
    words: str, results: list[dict[str, object]] | None, errors: Mapping[str, str], status: int = 200
) -> Response:
    return render.page(
        "patients/search.html",
        status,
        values={"q": words} if words else {},
        errors=errors,
        results=results,
        may_change=current_member().may(Privilege.PATIENTS),
        is_cut=results is not None and len(results) >= directory.MOST_FOUND,
    )


def result_of(found: Found, member: Member) -> dict[str, object]:
    """A patient as a line of what was found."""
    patient = found.patient
    is_shown = patient.born_on and not member.role.birth_dates_masked
    born = f"born {_date(patient)}" if is_shown else ""
    notes = [patient.species or "", born, *found.owners[:2], f"no. {patient.chart_number}"]
    return {
        "patient_id": patient.id,
        "url": url_for("patients.show", patient_id=patient.id),
        "name": patient.name,
        "initials": initials_of(patient.name),
        "hue": hue_of(patient.id),
        "is_animal": bool(patient.species),
        "note": " · ".join(note for note in notes if note),
    }


def _date(patient: Patient) -> str:
    assert patient.born_on is not None
    return f"{patient.born_on.day} {patient.born_on:%b %Y}"
