"""Whether a number of a patient, or all of them, may be texted: what members say of it."""

from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.inbox import deciding, reached, record, requesting
from triage.domain.patients import consent, consent_form, directory, troubles
from triage.domain.patients.consent import Agreement
from triage.domain.patients.patient import find_patient
from triage.domain.practice.privileges import Privilege
from triage.kit import clock
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.patients.pages import back_to, patients

# Whether nothing had to be asked.
ASKED = {
    False: "Asked for the birth date by text.",
    True: "Confirmed: the same person has done so about another patient.",
}
HOW = {"staff": "in person", "phone": "by phone", "paper": "on paper"}


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/consent")
@needs(Privilege.SIGNED_IN)
def record_consent(patient_id: UUID, use_id: UUID) -> Response:
    """The patient agreed to be texted, and a member says how."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        use, phone = record.find_use(session, member, patient_id, use_id)
        how = request.form.get("how", "")
        agreed = Agreement(
            how if how in HOW else "staff", consent_form.categories_of(request.form.getlist("covers"))
        )
        consent.record_consent(session, phone, use, agreed, by=member.id, now=clock.now(session))
        return "Consent recorded."

    return back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/texting")
@needs(Privilege.SIGNED_IN)
def switch_number(patient_id: UUID, use_id: UUID) -> Response:
    """`on` is yes or no; a number that staff turned off stays off whatever the patient texts."""
    member = current_member()
    directory.require(member)
    on = request.form.get("on") == "yes"

    def switch(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        consent.switch_number(session, phone, on=on, by=member.id, now=clock.now(session))
        return "Texting to this number is on." if on else "Texting to this number is off."

    return back_to(patient_id, once.run(switch))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/opt-out")
@needs(Privilege.SIGNED_IN)
def opt_out(patient_id: UUID, use_id: UUID) -> Response:
    """The patient told a member, by whatever means, that no texts are wanted (ThoroughCare, C95)."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        deciding.opt_out_number(session, phone, by=member)
        return "Opted out. This number gets no more texts."

    return back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/opt-in")
@needs(Privilege.SIGNED_IN)
def opt_in(patient_id: UUID, use_id: UUID) -> Response:
    """The patient wants texts again, and a member says how they said so."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        how = request.form.get("how", "")
        consent.opt_in(
            session, phone, how=how if how in HOW else "staff", by=member.id, now=clock.now(session)
        )
        return "Opted in again. This number may be texted."

    return back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/unmarked")
@needs(Privilege.SIGNED_IN)
def remove_mark(patient_id: UUID, use_id: UUID) -> Response:
    """A member knows better than the carrier, which took it for a landline or could not reach it."""
    member = current_member()
    directory.require(member)

    def remove(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        troubles.clear(session, phone, by=member.id, now=clock.now(session))
        return "The mark is gone. Texts are tried again."

    return back_to(patient_id, once.run(remove))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/end")
@needs(Privilege.SIGNED_IN)
def end_number(patient_id: UUID, use_id: UUID) -> Response:
    """The patient is not reached at it any more; what was written stays readable (Instinct, B71)."""
    member = current_member()
    directory.require(member)

    def end(session: Session) -> str:
        use, phone = record.find_use(session, member, patient_id, use_id)
        reached.end(session, use, phone, by=member)
        return "No longer linked. What was written stays readable here."

    return back_to(patient_id, once.run(end))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/again")
@needs(Privilege.SIGNED_IN)
def number_again(patient_id: UUID, use_id: UUID) -> Response:
    """The number was the patient's after all, or is once more."""
    member = current_member()
    directory.require(member)

    def begin_again(session: Session) -> str:
        use, phone = record.find_use(session, member, patient_id, use_id, is_ended=True)
        reached.begin_again(session, use, phone, by=member)
        return "Linked again."

    return back_to(patient_id, once.run(begin_again))


@patients.post("/patients/<uuid:patient_id>/texting")
@needs(Privilege.SIGNED_IN)
def switch_patient(patient_id: UUID) -> Response:
    """`on` is yes or no, for all of the patient's numbers (CharmHealth's "Text Notification", A24)."""
    member = current_member()
    directory.require(member)
    on = request.form.get("on") == "yes"

    def switch(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        consent.switch_patient(session, patient, on=on, by=member.id, now=clock.now(session))
        return "Texts to this patient are on." if on else "Texts to this patient are off."

    return back_to(patient_id, once.run(switch))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/verification")
@needs(Privilege.SIGNED_IN)
def ask_birth_date(patient_id: UUID, use_id: UUID) -> Response:
    """Ask by text who reads the number, or ask once more (ThoroughCare, C90 and C93)."""
    member = current_member()
    directory.require(member)

    def ask(session: Session) -> str:
        return ASKED[requesting.request_from_patient(session, patient_id, use_id, by=member) is None]

    return back_to(patient_id, once.run(ask))
