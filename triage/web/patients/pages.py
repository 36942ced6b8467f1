"""What all pages of one patient share: who it is, the tabs, and the way back."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Member, hue_of, initials_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.web import render
from triage.web.auth import current_member
from triage.web.render import NavLink, Toast

patients = Blueprint("patients", __name__)

# Each with what a member needs to open it.
TABS = [
    ("show", "Overview", "user-round", Privilege.SIGNED_IN),
    ("agreements", "Consent", "shield-check", Privilege.SIGNED_IN),
    ("care_team", "Care team", "heart-handshake", Privilege.SIGNED_IN),
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
        **context,
    )


def back_to(patient_id: UUID, said: str) -> Response:
    """To the page that the form stood on, which says what was done."""
    default = url_for("patients.show", patient_id=patient_id)
    return render.changed(toast=Toast(said), back=request.form.get("back") or default)
