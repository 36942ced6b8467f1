"""Who looks after a patient, who did before, and who is notified when the patient writes."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.inbox import record
from triage.domain.patients import care_team as teams
from triage.domain.patients import directory, following, told
from triage.domain.patients.care_team import CareTeamMember, Wanted
from triage.domain.patients.patient import Patient, find_patient
from triage.domain.practice.member import briefs
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, render, seen
from triage.web.auth import current_member, needs
from triage.web.patients.pages import back_to, page, patients
from triage.web.render import Toast

LABELS = {"role": "Role in the team", "since_on": "First day", "is_primary": "Primary member"}
# What the list of roles offers; any other can be written.
ROLES = ("Physician", "Nurse", "Care coordinator", "Social worker", "Pharmacist", "Therapist")
ROLES_OF_ANIMALS = ("Veterinarian", "Technician", "Care coordinator")


@patients.get("/patients/<uuid:patient_id>/care-team")
@needs(Privilege.SIGNED_IN)
def care_team(patient_id: UUID) -> Response:
    return _team_page(patient_id, {}, {})


@patients.post("/patients/<uuid:patient_id>/care-team")
@needs(Privilege.PATIENTS)
def join_care_team(patient_id: UUID) -> Response:
    member = current_member()

    def join(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        chosen = _uuid(request.form.get("member_ids", ""))
        if chosen is None:
            raise Invalid(member_ids="Choose a member.")
        teams.join(session, patient, chosen, _wanted(), by=member, now=clock.now(session))
        return f"{_name(session, patient, chosen)} is in the care team."

    try:
        said = once.run(join)
    except Invalid as refusal:
        return _team_page(patient_id, _given(), once.errors_of(refusal), 422)
    return render.changed(toast=Toast(said), back=_team_url(patient_id))


@patients.get("/patients/<uuid:patient_id>/care-team/<uuid:member_id>")
@needs(Privilege.PATIENTS)
def place_in_care_team(patient_id: UUID, member_id: UUID) -> Response:
    return _place_page(patient_id, member_id, {}, {})


@patients.post("/patients/<uuid:patient_id>/care-team/<uuid:member_id>")
@needs(Privilege.PATIENTS)
def change_place_in_care_team(patient_id: UUID, member_id: UUID) -> Response:
    member = current_member()

    def change(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        seen.check(_values_of(teams.find_place(session, patient, member_id)), LABELS)
        teams.change(session, patient, member_id, _wanted(), by=member, now=clock.now(session))
        return "Care team saved."

    try:
        said = once.run(change)
    except Invalid as refusal:
        return _place_page(patient_id, member_id, _given(), once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _place_page(patient_id, member_id, _given(), {}, 409, overtaken=refusal.changes)
    return render.changed(toast=Toast(said), back=_team_url(patient_id))


@patients.post("/patients/<uuid:patient_id>/care-team/<uuid:member_id>/end")
@needs(Privilege.PATIENTS)
def end_place_in_care_team(patient_id: UUID, member_id: UUID) -> Response:
    """The place is kept among those of before."""
    member = current_member()

    def leave(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        last = _date(request.form.get("until_on", ""), "until_on")
        teams.leave(session, patient, member_id, until_on=last, by=member, now=clock.now(session))
        return f"{_name(session, patient, member_id)} is in the care team no longer."

    try:
        said = once.run(leave)
    except Invalid as refusal:
        given = {"until_on": request.form.get("until_on", "")}
        return _place_page(patient_id, member_id, given, once.errors_of(refusal), 422)
    return render.changed(toast=Toast(said), back=_team_url(patient_id))


@patients.post("/patients/<uuid:patient_id>/following")
@needs(Privilege.ALL_MESSAGES)
def follow(patient_id: UUID) -> Response:
    """`answer` is yes or no (ThoroughCare, C88)."""
    member, yes = current_member(), request.form.get("answer") == "yes"

    def answer(session: Session) -> str:
        patient = find_patient(session, member, patient_id)
        following.answer(session, patient, yes=yes, by=member, now=clock.now(session))
        return SAID[yes]

    return back_to(patient_id, once.run(answer))


SAID = {True: "You are notified when this patient writes.", False: "You are not notified about this patient."}


def _team_page(
    patient_id: UUID, values: Mapping[str, Any], errors: Mapping[str, str], status: int = 200
) -> Response:
    member = current_member()
    directory.require(member)
    with db.transaction() as session:
        now = clock.now(session)
        patient = find_patient(session, member, patient_id)
        may_change = member.may(Privilege.PATIENTS)
        context: dict[str, Any] = {
            "told": told.panel_of(session, patient, facility_id=patient.facility_id, to=member, now=now),
            "team": {
                place.brief.id: place for place in teams.team_of(session, member.practice_id, patient.id)
            },
            "former": teams.former_of(session, member.practice_id, patient.id),
            "candidates": teams.candidates(session, patient) if may_change else [],
            "owner_name": record.owner_name(session, patient),
        }
        if status == 200:
            audit.record(
                session,
                member.practice_id,
                audit.Action.READ_PATIENT,
                by=member.id,
                at=now,
                patient_id=patient_id,
                what="care_team",
            )
    return page(
        "patients/care_team.html",
        patient,
        "care_team",
        status,
        values={"since_on": teams.today(member, now).isoformat(), **values},
        errors=errors,
        roles=_roles(patient),
        **context,
    )


def _place_page(
    patient_id: UUID,
    member_id: UUID,
    given: Mapping[str, Any],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.reading() as session:
        patient = find_patient(session, member, patient_id)
        values = _values_of(teams.find_place(session, patient, member_id))
        person = briefs(session, member.practice_id, {member_id})[member_id]
        owner_name = record.owner_name(session, patient)
        today = teams.today(member, clock.now(session))
    return page(
        "patients/place.html",
        patient,
        "care_team",
        status,
        owner_name=owner_name,
        person=person,
        shown=seen.shown(values),
        values={**values, "until_on": today.isoformat(), **given},
        errors=errors,
        overtaken_by=overtaken or [],
        roles=_roles(patient),
        team_url=_team_url(patient_id),
    )


def _values_of(place: CareTeamMember) -> dict[str, object]:
    return {
        "role": place.role,
        "since_on": place.since_on.isoformat() if place.since_on else "",
        "is_primary": place.is_primary,
    }


def _wanted() -> Wanted:
    """Raises `Invalid`."""
    return Wanted(
        request.form.get("role", ""),
        "is_primary" in request.form,
        _date(request.form.get("since_on", ""), "since_on"),
    )


def _given() -> dict[str, Any]:
    """What was typed, as it was typed."""
    typed = {name: request.form.get(name, "") for name in ("member_ids", "role", "since_on")}
    return {**typed, "is_primary": "is_primary" in request.form}


def _date(words: str, field: str) -> date | None:
    """Raises `Invalid`, naming the field."""
    if not words.strip():
        return None
    found = directory.read_date(words, current_member().practice.region)
    if found is None:
        raise Invalid(**{field: "Enter a date such as 2025-03-31, or none."})
    return found


def _roles(patient: Patient) -> tuple[str, ...]:
    return ROLES_OF_ANIMALS if patient.species else ROLES


def _name(session: Session, patient: Patient, member_id: UUID) -> str:
    return briefs(session, patient.practice_id, {member_id})[member_id].name


def _team_url(patient_id: UUID) -> str:
    return url_for("patients.care_team", patient_id=patient_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
