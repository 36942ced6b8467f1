"""What all pages of one patient share: who it is, the tabs, and the way back."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.patients.patient import Merged, Patient
from triage.domain.practice.member import Member, hue_of, initials_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock
from triage.web import errors, render
from triage.web.auth import current_member
from triage.web.render import NavLink, Toast

patients = Blueprint("patients", __name__)

# Each with what a member needs to open it.
TABS = [
    ("show", "Overview", "user-round", Privilege.SIGNED_IN),
    ("log", "Communication log", "messages-square", Privilege.MESSAGES),
    ("contacts", "Contacts", "users", Privilege.SIGNED_IN),
    ("agreements", "Consent", "shield-check", Privilege.SIGNED_IN),
    ("care_team", "Care team", "heart-handshake", Privilege.SIGNED_IN),
    ("access", "Access", "eye", Privilege.AUDIT),
]


def tabs(member: Member, patient_id: UUID) -> list[NavLink]:
    return [
        NavLink(slug, name, icon, url_for(f"patients.{slug}", patient_id=patient_id))
        for slug, name, icon, privilege in TABS
        if member.may(privilege)
    ]


def page(
    template: str,
    patient: Patient,
    tab: str,
    status: int = 200,
    *,
    owner_name: str | None = None,
    **context: Any,
) -> Response:
    """A page of a patient; `tab` is the entry of the tabs that it belongs to."""
    member = current_member()
    return render.page(
        template,
        status,
        patient=patient,
        initials=initials_of(patient.name),
        hue=hue_of(patient.id),
        owner_name=owner_name,
        tabs=tabs(member, patient.id),
        tab=tab,
        may_write=member.messages is Messages.ALL,
        may_change=member.may(Privilege.PATIENTS),
        **context,
    )


@patients.errorhandler(Merged)
def to_merged(moved: Merged) -> Response:
    """A link to a record that has become a part of another leads there; a form for it is refused."""
    if request.method != "GET" or "patient_id" not in (request.view_args or {}):
        return errors.answer(409, "Not possible now", moved.sentence)
    toast = Toast("This record was merged into the one that you see.")
    return render.changed(toast=toast, back=url_for("patients.show", patient_id=moved.into_id))


def note_look(session: Session, patient: Patient, what: str = "overview") -> None:
    """Whoever opens a page of a patient has looked at the record."""
    audit.record(
        session,
        patient.practice_id,
        audit.Action.READ_PATIENT,
        by=current_member().id,
        at=clock.now(session),
        patient_id=patient.id,
        what=what,
    )


def back_to(patient_id: UUID, said: str, *, to: str = "show") -> Response:
    """To the page that the form stood on, which says what was done."""
    default = url_for(f"patients.{to}", patient_id=patient_id)
    return render.changed(toast=Toast(said), back=request.form.get("back") or default)
