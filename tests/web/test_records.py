"""Keeping records of patients: making, changing, archiving, contacts, birth dates, the log, the trail and merging."""

import html
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox.task import State
from triage.domain.patients.patient import Contact, Patient, PatientContact, PatientKind
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Kind, Practice

NEW: dict[str, Any] = {"first_name": "Nora", "last_name": "Newman", "language": "es", "born_on": "1984-03-12"}


def _found(session: Session, first_name: str = "Nora") -> Patient:
    session.expire_all()
    return session.scalars(select(Patient).where(Patient.first_name == first_name)).one()


def _noted(session: Session, action: audit.Action) -> list[audit.Audit]:
    return list(session.scalars(select(audit.Audit).where(audit.Audit.action == action)))


def _seen(page: str) -> str:
    """What the form on a page carries along."""
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


@pytest.fixture
def masked(browser_of: Callable[[Member], Browser], session: Session, cast: Cast) -> Browser:
    """May keep records, and sees birth dates on request alone."""
    role = builders.a_role(session, cast=cast, messages="all", patients=True, birth_dates_masked=True)
    return browser_of(builders.a_member(session, cast=cast, role=role))


# ---- making and changing ----


def test_ana_makes_a_record_that_can_be_reached_and_not_yet_texted(ana: Browser, session: Session) -> None:
    answer = ana.post("/patients/new", **NEW, number="(202) 555-0171")

    nora = _found(session)
    phone = session.scalars(select(Phone).where(Phone.number == "+12025550171")).one()
    page = ana.get(answer.location).text
    assert (nora.born_on, nora.language, nora.chart_number) == (date(1984, 3, 12), "es", "T-1")
    assert session.scalars(select(PhoneUse.patient_id).where(PhoneUse.phone_id == phone.id)).one() == nora.id
    assert "Not asked" in page
    assert "Nora Newman" in page


def test_every_record_gets_a_chart_number_of_its_own(ana: Browser, session: Session) -> None:
    ana.post("/patients/new", **NEW)
    ana.post("/patients/new", **{**NEW, "first_name": "Olga"})

    assert (_found(session).chart_number, _found(session, "Olga").chart_number) == ("T-1", "T-2")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"first_name": " "}, "Enter a name."),
        ({"born_on": "2990-01-01"}, "The birth date lies in the future."),
        ({"born_on": "yesterday"}, "Enter a date such as 1980-05-17."),
        ({"chart_number": "1001"}, "Another patient has this chart number."),
        ({"number": "12"}, "Enter a full phone number"),
        ({"language": "xx"}, "Choose one of those offered."),
        ({"time_zone": "Mars/Olympus"}, "Choose one of those offered."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    ana: Browser, session: Session, given: dict[str, str], sentence: str
) -> None:
    answer = ana.post("/patients/new", **{**NEW, "alerts": "Hard of hearing", **given})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Hard of hearing" in answer.text
    assert session.scalar(select(Patient.id).where(Patient.last_name == "Newman")) is None


def test_an_animal_has_an_owner_who_is_known_again(ana: Browser, session: Session, cast: Cast) -> None:
    session.get_one(Practice, cast.practice_id).kind = Kind.VETERINARY
    session.commit()
    pet = {"first_name": "Luna", "species": "Dog", "owner": "Maria Moss", "number": "202 555 0172"}

    ana.post("/patients/new", **pet)
    ana.post("/patients/new", **{**pet, "first_name": "Biscuit", "species": "cat"})

    luna = _found(session, "Luna")
    owners = session.scalars(select(PatientContact.contact_id).distinct()).all()
    assert (luna.kind, luna.species) == (PatientKind.ANIMAL, "dog")
    assert len(owners) == 1
    assert "Enter the owner&#39;s name." in ana.post("/patients/new", **{**pet, "owner": ""}).text


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("Nora Newman", "last_name", "Newman"),
        ("1984-03-12", "born_on", "1984-03-12"),
        ("(202) 555-0171", "number", "(202) 555-0171"),
        ("88123", "chart_number", "88123"),
    ],
)
def test_a_search_that_found_nobody_begins_the_form(ana: Browser, words: str, field: str, value: str) -> None:
    assert "New patient" in ana.post("/patients", q=words).text

    page = ana.post("/patients/new/from-search", q=words).text

    assert re.search(rf'name="{field}"[^>]* value="{re.escape(value)}"', page)


def test_a_record_is_changed_and_only_names_of_fields_are_noted(
    ana: Browser, session: Session, cast: Cast
) -> None:
    answer = ana.post(
        f"/patients/{cast.pat.id}/details",
        first_name="Patty",
        last_name="Porter",
        born_on="1980-05-17",
        prefers="phone",
        time_zone="Asia/Tokyo",
        language="en",
    )

    noted = _noted(session, audit.Action.PATIENT_CHANGED)[0]
    page = ana.get(answer.location).text
    assert "Phone calls" in page
    assert "in Tokyo" in page
    assert _found(session, "Patty").chart_number == "1001"
    assert noted.detail == {"fields": "first_name, time_zone, prefers, facility_id"}


def test_whoever_saves_after_a_colleague_is_told(ana: Browser, admin: Browser, cast: Cast) -> None:
    address = f"/patients/{cast.pat.id}/details"
    seen = _seen(ana.get(address).text)
    admin.post(address, first_name="Patty", last_name="Porter", born_on="1980-05-17", language="en")

    answer = ana.post(address, first_name="Pat", last_name="Potter", language="en", seen=seen)

    assert answer.status_code == 409
    assert "First name is now <bdi>Patty</bdi>" in answer.text
    assert "Potter" in answer.text


def test_an_archived_patient_s_texts_still_become_tasks(ana: Browser, session: Session, cast: Cast) -> None:
    address = f"/patients/{cast.pat.id}/archive"

    ana.post(address, on="yes")
    row = builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="Are you there?")

    task = builders.task_of(session, row)
    assert task is not None
    assert task.state is State.PENDING
    assert "Pat Porter" not in ana.post("/patients", q="porter").text
    assert "archived since" in ana.get(f"/patients/{cast.pat.id}").text
    ana.post(address, on="no")
    session.expire_all()
    assert session.get_one(Conversation, task.conversation_id).patient_id == cast.pat.id


# ---- contacts ----


def test_a_contact_is_added_and_reached_at_a_number_in_any_form(
    ana: Browser, session: Session, cast: Cast
) -> None:
    address = f"/patients/{cast.pat.id}/contacts"
    ana.post(address, name="Cora Porter", relation="Mother", number="202.555.0173", born_on="1955-01-02")

    contact = session.scalars(select(Contact)).one()
    assert (contact.name, contact.born_on) == ("Cora Porter", date(1955, 1, 2))
    page = ana.get(address).text
    assert "Cora Porter" in page
    assert "(202) 555-0173" in page
    again = ana.post(address, name="cora porter", relation="mother", number="+12025550173")
    assert again.status_code == 422
    assert "on the record already" in again.text
    wrong = ana.post(f"{address}/{contact.id}/numbers", number="12")
    assert wrong.status_code == 422
    assert "Enter a full phone number" in wrong.text


def test_a_contact_with_messages_is_archived_and_one_without_is_removed(
    ana: Browser, session: Session, cast: Cast
) -> None:
    address = f"/patients/{cast.pat.id}/contacts"
    ana.post(address, name="Cora Porter", relation="mother", number="2025550173")
    contact = session.scalars(select(Contact)).one()
    assert "Remove contact" in ana.get(address).text
    builders.an_inbound(session, cast=cast, number="+12025550173", body="I am her mother")

    page = ana.get(address).text
    refused = ana.post(f"{address}/{contact.id}/removal")
    ana.post(f"{address}/{contact.id}/archive", on="yes")

    assert "Archive this contact" in page
    assert "Remove contact" not in page
    assert refused.status_code == 409
    assert "I am her mother" in ana.get(f"/patients/{cast.pat.id}/log").text
    assert "Cora Porter" not in ana.get("/inbox/all").text
    assert "(202) 555-0173" in ana.get("/inbox/all").text
    ana.post(f"{address}/{contact.id}/archive", on="no")
    assert "Cora Porter" in ana.get("/inbox/all").text


def test_a_contact_whom_nobody_wrote_to_goes_for_good(ana: Browser, session: Session, cast: Cast) -> None:
    address = f"/patients/{cast.pat.id}/contacts"
    ana.post(address, name="Cora Porter", relation="mother", number="2025550173")
    contact = session.scalars(select(Contact)).one()

    ana.post(f"{address}/{contact.id}/removal")

    assert session.scalar(select(Contact.id)) is None
    assert session.scalar(select(PhoneUse.id).where(PhoneUse.contact_id.is_not(None))) is None


def test_a_number_that_is_no_longer_theirs_keeps_what_was_written(
    ana: Browser, session: Session, cast: Cast
) -> None:
    row = builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="From my old number")
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == cast.pat.id)).one()

    ana.post(f"/patients/{cast.pat.id}/numbers/{use.id}/end")

    message = session.get_one(Message, row.message_id)
    log = ana.get(f"/patients/{cast.pat.id}/log").text
    assert "From my old number" in log
    assert "No longer linked" in log
    assert "no longer linked" in ana.get(f"/inbox/all/c/{message.conversation_id}").text


# ---- birth dates ----


def test_a_birth_date_is_hidden_until_it_is_asked_for_and_the_look_is_noted(
    masked: Browser, session: Session, cast: Cast
) -> None:
    row = builders.an_inbound(session, cast=cast, number=PAT_NUMBER)
    conversation_id = session.get_one(Message, row.message_id).conversation_id
    address = f"/patients/{cast.pat.id}"
    hidden = [
        masked.get(address).text,
        masked.get(f"{address}/details").text,
        masked.get(f"/conversations/{conversation_id}/panel").text,
        masked.post("/patients", q="porter").text,
        masked.get(f"{address}/merge").text,
    ]

    shown = masked.post(f"{address}/birth-date")

    assert not [page for page in hidden if "May 1980" in page or "1980-05-17" in page]
    assert "17 May 1980" in shown.text
    assert [one.patient_id for one in _noted(session, audit.Action.BIRTH_DATE_SHOWN)] == [cast.pat.id]
    assert "Pat Porter" in masked.post("/patients", q="5/17/1980").text


def test_saving_what_one_has_not_seen_leaves_it(masked: Browser, session: Session, cast: Cast) -> None:
    address = f"/patients/{cast.pat.id}/details"
    given = {"first_name": "Pat", "last_name": "Porter", "language": "en", "born_on": ""}

    masked.post(address, **given)
    session.expire_all()
    assert session.get_one(Patient, cast.pat.id).born_on == date(1980, 5, 17)

    masked.post(address, **given, forget_born_on="yes")
    session.expire_all()
    assert session.get_one(Patient, cast.pat.id).born_on is None


def test_ben_asks_for_the_birth_date_of_whom_he_answers(ben: Browser, session: Session, cast: Cast) -> None:
    assert ben.post(f"/patients/{cast.pat.id}/birth-date").status_code == 404

    builders.a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])

    assert "17 May 1980" in ben.post_part(f"/patients/{cast.pat.id}/birth-date").text


# ---- the log and the trail ----


def test_the_log_holds_all_numbers_and_only_what_one_may_see(
    ana: Browser, browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    patient = session.get_one(Patient, cast.pat.id)
    builders.a_use(session, patient=patient, number="+12025550174")
    session.commit()
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="From the first")
    task = builders.a_task(session, cast=cast, number="+12025550174", body="From the second")
    builders.a_reply(session, by=cast.ana, task=task, body="To the second")
    role = builders.a_role(session, cast=cast, messages="assigned", patients=True)
    some = browser_of(builders.a_member(session, cast=cast, role=role))
    address = f"/patients/{cast.pat.id}/log"

    page = ana.get(address).text

    assert page.index("To the second") < page.index("From the second") < page.index("From the first")
    assert f"#m-{task.last_message_id}" in page
    assert "From the first" not in some.get(address).text


def test_the_log_goes_on_to_older_pages(ana: Browser, session: Session, cast: Cast) -> None:
    for place in range(52):
        builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body=f"Text number {place}.")
    first = ana.get(f"/patients/{cast.pat.id}/log").text
    older = re.search(r'href="([^"]*before=[^"]*)">Older', first)
    assert older

    second = ana.get(html.unescape(older[1])).text

    assert "Text number 51." in first
    assert "Text number 1." not in first
    assert "Text number 0." in second
    assert "Text number 1." in second


def test_the_trail_says_who_looked_and_who_changed(
    ana: Browser, admin: Browser, session: Session, cast: Cast
) -> None:
    ana.post(f"/patients/{cast.pat.id}/language", language="es")
    ana.get(f"/patients/{cast.pat.id}")

    page = admin.get(f"/patients/{cast.pat.id}/access").text
    changes = admin.get(f"/patients/{cast.pat.id}/access?only=changes").text

    assert "Looked at the record (overview)" in page
    assert "Changed the record (language)" in page
    assert "Looked at" not in changes
    assert ana.get(f"/patients/{cast.pat.id}/access").status_code == 403
    assert "Access</a>" not in ana.get(f"/patients/{cast.pat.id}").text


# ---- merging ----


def test_two_records_are_compared_merged_and_parted_again(ana: Browser, session: Session, cast: Cast) -> None:
    second = builders.a_patient(
        session, cast=cast, first_name="Pat", last_name="Porter", number="+12025550175"
    )
    second.sex = "female"
    session.commit()
    builders.an_inbound(session, cast=cast, number="+12025550175", body="From my other number")
    first, other = f"/patients/{cast.pat.id}", f"/patients/{second.id}"
    offered = ana.get(f"{first}/merge").text
    page = ana.get(f"{first}/merge/{second.id}").text

    answer = ana.post(f"{first}/merge/{second.id}", keep="one", take_sex="other", seen=_seen(page))

    assert f"{first}/merge/{second.id}" in offered
    assert "Which record stays?" in page
    assert answer.location == first
    assert ana.get(other).location == first
    assert "From my other number" in ana.get(f"{first}/log").text
    assert "Pat Porter" in ana.post("/patients", q=second.chart_number).text
    assert ana.post(f"{other}/archive", on="no").status_code == 409
    undo = re.search(r'action="([^"]*/undo)"', ana.get(first).text)
    assert undo
    ana.post(undo[1])
    assert ana.get(other).status_code == 200
    assert "From my other number" not in ana.get(f"{first}/log").text


def test_a_merge_of_what_a_colleague_has_just_changed_is_shown_again(
    ana: Browser, session: Session, cast: Cast
) -> None:
    second = builders.a_patient(session, cast=cast, first_name="Patricia", last_name="Porter")
    session.commit()
    address = f"/patients/{cast.pat.id}/merge/{second.id}"
    seen = _seen(ana.get(address).text)
    second.first_name = "Trish"
    session.commit()

    answer = ana.post(address, keep="one", seen=seen)

    assert answer.status_code == 409
    assert "Trish Porter" in answer.text
    assert session.get_one(Patient, second.id).merged_into_id is None
