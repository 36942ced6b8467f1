"""The consent of a patient: recorded, signed on a device that was handed over, and proven."""

import csv
import io
import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain.audit import Action, Audit
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.phones import PhoneUse
from triage.kit import clock


def number_of(session: Session, cast: Cast) -> str:
    """The address of Pat's number."""
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == cast.pat.id)).one()
    return f"/patients/{cast.pat.id}/numbers/{use.id}"


def handed_over(ana: Browser, session: Session, cast: Cast, language: str = "en") -> str:
    """The address of the form that the patient now has."""
    answer = ana.post(f"{number_of(session, cast)}/signing", language=language)
    assert answer.status_code == 303
    return str(answer.location)


def recorded(session: Session) -> list[ConsentEvent]:
    query = select(ConsentEvent).where(ConsentEvent.kind == ConsentKind.RECORDED)
    return list(session.scalars(query.order_by(ConsentEvent.at)))


def test_what_a_patient_agreed_to_is_recorded_with_how_and_by_whom(
    ana: Browser, session: Session, cast: Cast
) -> None:
    ana.post(f"{number_of(session, cast)}/consent", how="phone", covers=["reminders", "nonsense"])

    (event,) = recorded(session)
    assert (event.categories, event.source, event.member_id) == (["care", "reminders"], "phone", cast.ana.id)
    page = ana.get(f"/patients/{cast.pat.id}/consent").text
    assert "Consent to texts was recorded, by phone" in page
    assert "Reminders" in page


def test_who_agrees_to_more_later_is_recorded_again(ana: Browser, session: Session, cast: Cast) -> None:
    for covers in ([], ["notices"], ["notices"]):
        ana.post(f"{number_of(session, cast)}/consent", how="phone", covers=covers)

    assert [event.categories for event in recorded(session)] == [["care"], ["care", "notices"]]


def test_the_form_says_which_practice_and_which_number(ana: Browser, session: Session, cast: Cast) -> None:
    page = ana.get(f"{number_of(session, cast)}/consent-form?language=es").text

    assert "Elm Street Clinic puede enviar mensajes de texto al (202) 555-0150" in page
    assert "Handing over locks this screen" in page


def test_a_patient_signs_on_a_device_that_opens_nothing_else(
    ana: Browser, session: Session, cast: Cast
) -> None:
    form = handed_over(ana, session, cast)

    assert "Consent to text messages" in ana.get(form).text
    assert ana.get("/inbox/all").location.startswith("/locked")
    drawn = [[10, 20, 30, 40], [5, 5]]
    answer = ana.post(form, name="  Pat   Porter ", covers=["reminders"], signature=json.dumps(drawn))

    assert "Please hand this device back." in answer.text
    (event,) = recorded(session)
    assert (event.signed_by, event.signature, event.source) == ("Pat Porter", drawn, "signed")
    assert event.categories == ["care", "reminders"]
    assert event.wording is not None and event.wording.startswith(
        "Elm Street Clinic may send text messages to"
    )
    assert event.member_id == cast.ana.id


def test_a_form_is_signed_once(ana: Browser, session: Session, cast: Cast) -> None:
    form = handed_over(ana, session, cast)

    ana.post(form, name="Pat Porter")
    again = ana.post(form, name="Somebody Else")

    assert again.status_code == 200
    assert [event.signed_by for event in recorded(session)] == ["Pat Porter"]
    assert ana.get(form).status_code == 404


def test_a_form_without_a_name_says_so_in_its_language(ana: Browser, session: Session, cast: Cast) -> None:
    form = handed_over(ana, session, cast, "es")

    answer = ana.post(form, name=" ")

    assert answer.status_code == 422
    assert "Escriba su nombre completo." in answer.text
    assert recorded(session) == []


@pytest.mark.parametrize("token", ["x", "eyJ.x.y", "W10.AAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_an_address_that_nobody_made_opens_nothing(ana: Browser, token: str) -> None:
    assert ana.get(f"/consent-form/{token}").status_code == 404


def test_a_form_is_over_when_the_number_is_no_longer_theirs(
    ana: Browser, session: Session, cast: Cast
) -> None:
    form = handed_over(ana, session, cast)
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == cast.pat.id)).one()
    use.ended_at = clock.now(session)
    session.commit()

    assert ana.post(form, name="Pat Porter").status_code == 404
    assert recorded(session) == []


def test_the_proof_is_a_table_of_everything_with_its_words(
    ana: Browser, session: Session, cast: Cast
) -> None:
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, sent_at=clock.now(session) - timedelta(days=1))
    ana.post(f"{number_of(session, cast)}/consent", how="paper", covers=["notices"])
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="STOP")

    answer = ana.post(f"{number_of(session, cast)}/proof", reason="Asked by the carrier")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["event"] for row in rows] == [
        "STOP received: this number gets no more texts",
        "Consent to texts was recorded",
        "The patient texted first",
    ]
    assert {row["number"] for row in rows} == {"(202) 555-0150"}
    assert (rows[1]["how"], rows[1]["covers"], rows[1]["by"]) == ("on paper", "care, notices", "Ana Alvarez")
    noted = session.scalars(select(Audit).where(Audit.action == Action.CONSENT_EXPORTED)).one()
    assert (noted.member_id, noted.detail) == (cast.ana.id, {"reason": "Asked by the carrier"})


def test_a_proof_holds_no_formula(ana: Browser, admin: Browser, session: Session, cast: Cast) -> None:
    form = handed_over(ana, session, cast)
    ana.post(form, name="=HYPERLINK(1)")

    answer = admin.post(f"{number_of(session, cast)}/proof", reason="Test")

    assert "'=HYPERLINK(1)" in answer.text


def test_a_proof_needs_a_reason(ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post(f"{number_of(session, cast)}/proof", reason="  ")

    assert answer.status_code == 422
    assert "Say what the export is for." in answer.text
    assert session.scalar(select(Audit.id).where(Audit.action == Action.CONSENT_EXPORTED)) is None
