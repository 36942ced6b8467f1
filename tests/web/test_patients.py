"""Patients: finding one, the page, consent and texting, and who may do it."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests import cast as cast_numbers
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.patients import directory
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.patient import Patient, PatientKind
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice


@pytest.mark.parametrize(
    "words",
    [
        "porter",
        "Pat",
        "PÖRTER",
        "por pat",
        "1001",
        "(202) 555-0150",
        "+12025550150",
        "0150",
        "1980-05-17",
        "5/17/1980",
    ],
)
def test_ana_finds_pat_by_whatever_she_knows(ana: Browser, words: str) -> None:
    answer = ana.post("/patients", q=words)

    assert answer.status_code == 200
    assert "Pat Porter" in answer.text


@pytest.mark.parametrize("words", ["nobody", "0199", "1980-05-18", "%%", "__", "17.5.1980"])
def test_what_fits_nobody_finds_nobody(ana: Browser, words: str) -> None:
    answer = ana.post("/patients", q=words)

    assert "Pat Porter" not in answer.text
    assert "Nobody matches that" in answer.text


def test_an_animal_is_found_by_its_owner(ana: Browser, session: Session, cast: Cast) -> None:
    dog = builders.a_patient(session, cast=cast, first_name="Biscuit", last_name="", kind=PatientKind.ANIMAL)
    builders.a_contact(session, of=[dog], name="Maria Moss")
    session.commit()

    page = ana.post("/patients", q="moss").text

    assert "Biscuit" in page
    assert "owner Maria Moss" in page


def test_one_letter_is_not_enough(ana: Browser) -> None:
    answer = ana.post("/patients", q="p")

    assert answer.status_code == 422
    assert "Type at least two letters or digits." in answer.text


def test_a_search_is_noted_without_what_was_searched(ana: Browser, session: Session, cast: Cast) -> None:
    ana.post("/patients", q="porter")

    noted = session.scalars(select(audit.Audit).where(audit.Audit.action == "searched_patients")).one()
    assert noted.member_id == cast.ana.id
    assert noted.detail == {}


def test_the_directory_cannot_be_copied_by_searching(ana: Browser) -> None:
    for _ in range(directory.SEARCHES.tries):
        assert ana.post("/patients", q="nobody").status_code == 200

    answer = ana.post("/patients", q="porter")

    assert answer.status_code == 429
    assert "Pat Porter" not in answer.text


def test_dan_finds_nobody_of_another_practice(dan: Browser) -> None:
    assert "Pat Porter" not in dan.post("/patients", q="porter").text


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_for_who_may_not_use_the_directory_there_is_none(
    request: pytest.FixtureRequest, who: str, cast: Cast
) -> None:
    browser: Browser = request.getfixturevalue(who)

    assert browser.get("/patients").status_code == 404
    assert browser.post("/patients", q="porter").status_code == 404
    assert browser.get(f"/patients/{cast.pat.id}").status_code == 404


def test_a_role_with_the_privilege_finds_patients_without_seeing_messages(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    builders.an_inbound(session, cast=cast, body="A private matter")
    role = builders.a_role(session, cast=cast, messages="none", patients=True)
    clerk = browser_of(builders.a_member(session, cast=cast, role=role))

    page = clerk.get(f"/patients/{cast.pat.id}")

    assert "Pat Porter" in clerk.post("/patients", q="porter").text
    assert page.status_code == 200
    assert "A private matter" not in page.text


def test_a_wall_between_locations_hides_patients(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    role = builders.a_role(session, cast=cast, messages="all", own_facilities_only=True)
    south = browser_of(builders.a_member(session, cast=cast, role=role, facilities=[cast.south]))

    assert "Pat Porter" not in south.post("/patients", q="porter").text
    assert south.get(f"/patients/{cast.pat.id}").status_code == 404


def test_the_page_shows_who_pat_is_and_what_was_written(ana: Browser, session: Session, cast: Cast) -> None:
    builders.an_inbound(session, cast=cast, body="Can I come at nine?")
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben, is_primary=True)
    session.commit()

    page = ana.get(f"/patients/{cast.pat.id}").text

    for shown in ("Pat Porter", "(202) 555-0150", "17 May 1980", "North", "Ben Brook", "Can I come at nine?"):
        assert shown in page
    assert "Pat" not in page[page.index("<title>") : page.index("</title>")].replace("Patient", "")


def test_looking_at_a_patient_is_noted(ana: Browser, session: Session, cast: Cast) -> None:
    ana.get(f"/patients/{cast.pat.id}")

    noted = session.scalars(select(audit.Audit).where(audit.Audit.action == "read_patient")).one()
    assert (noted.member_id, noted.patient_id) == (cast.ana.id, cast.pat.id)


def test_a_patient_of_another_practice_does_not_exist(dan: Browser, session: Session, cast: Cast) -> None:
    assert dan.get(f"/patients/{cast.pat.id}").status_code == 404
    assert session.scalar(select(audit.Audit.id).where(audit.Audit.action == "read_patient")) is None


def test_a_number_that_nobody_asked_can_be_asked_for(ana: Browser, session: Session, cast: Cast) -> None:
    use = _use(session)
    assert "Not asked" in ana.get(f"/patients/{cast.pat.id}").text

    answer = ana.post(f"/patients/{cast.pat.id}/numbers/{use.id}/consent", how="paper")

    session.expire_all()
    assert answer.location == f"/patients/{cast.pat.id}"
    assert use.consented_how == "paper"
    assert "Enabled" in ana.get(f"/patients/{cast.pat.id}").text
    assert "Consent to texts was recorded" in ana.get(f"/patients/{cast.pat.id}").text


def test_consent_is_recorded_once(ana: Browser, session: Session, cast: Cast) -> None:
    use = _use(session)

    for how in ("paper", "phone"):
        ana.post(f"/patients/{cast.pat.id}/numbers/{use.id}/consent", how=how)

    kinds = session.scalars(select(ConsentEvent.kind).where(ConsentEvent.phone_id == use.phone_id))
    assert list(kinds) == [ConsentKind.RECORDED]


def test_texting_to_a_number_is_turned_off_and_on(ana: Browser, session: Session, cast: Cast) -> None:
    use = _use(session)
    address = f"/patients/{cast.pat.id}/numbers/{use.id}/texting"

    ana.post(address, on="no")
    assert session.get_one(Phone, use.phone_id).texting_on is False
    assert "Turned off" in ana.get(f"/patients/{cast.pat.id}").text

    ana.post(address, on="yes")
    session.expire_all()
    assert session.get_one(Phone, use.phone_id).texting_on is True


def test_a_number_is_opted_out_and_in_again_as_the_patient_said(
    ana: Browser, session: Session, cast: Cast
) -> None:
    address = f"/patients/{cast.pat.id}/numbers/{_use(session).id}"
    builders.an_inbound(session, cast=cast, number=cast_numbers.PAT_NUMBER)

    ana.post(f"{address}/opt-out")
    page = ana.get(f"/patients/{cast.pat.id}").text
    assert "Opted out" in page
    assert "Opt in again" in page

    ana.post(f"{address}/opt-in", how="phone")
    page = ana.get(f"/patients/{cast.pat.id}").text
    assert "Enabled" in page
    assert "Opted in again: this number may be texted" in page
    assert "Ana Alvarez" in page


def test_after_a_stop_the_page_says_that_only_start_helps(ana: Browser, session: Session, cast: Cast) -> None:
    builders.an_inbound(session, cast=cast, number=cast_numbers.PAT_NUMBER, body="STOP")

    page = ana.get(f"/patients/{cast.pat.id}").text
    answer = ana.post(f"/patients/{cast.pat.id}/numbers/{_use(session).id}/opt-in", how="phone")

    assert "START from that phone opens it" in page
    assert "Opt in again" not in page
    assert answer.status_code == 409
    assert "carrier blocks this number" in answer.text


@pytest.mark.parametrize("deed", ["consent", "texting", "opt-out", "opt-in"])
@pytest.mark.parametrize("who", ["ben", "cleo", "dan"])
def test_who_has_no_such_patient_changes_nothing(
    request: pytest.FixtureRequest, session: Session, cast: Cast, who: str, deed: str
) -> None:
    browser: Browser = request.getfixturevalue(who)
    use = _use(session)

    answer = browser.post(f"/patients/{cast.pat.id}/numbers/{use.id}/{deed}", on="no", how="paper")

    session.expire_all()
    assert answer.status_code == 404
    assert use.consented_at is None
    assert session.get_one(Phone, use.phone_id).texting_on is True


def test_the_language_of_a_patient_is_chosen_and_noted(ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post(f"/patients/{cast.pat.id}/language", language="es")
    ana.post(f"/patients/{cast.pat.id}/language", language="es")

    session.expire_all()
    noted = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.PATIENT_CHANGED)
    ).one()
    assert answer.location == f"/patients/{cast.pat.id}"
    assert session.get_one(Patient, cast.pat.id).language == "es"
    assert (noted.patient_id, noted.detail) == (cast.pat.id, {"fields": "language"})
    assert '<option value="es" selected>Spanish</option>' in ana.get(f"/patients/{cast.pat.id}").text


def test_a_language_without_automatic_texts_is_refused(ana: Browser, session: Session, cast: Cast) -> None:
    assert ana.post(f"/patients/{cast.pat.id}/language", language="fr").status_code == 422
    assert session.get_one(Patient, cast.pat.id).language == "en"


def test_who_may_not_see_patients_chooses_no_language(cleo: Browser, session: Session, cast: Cast) -> None:
    assert cleo.post(f"/patients/{cast.pat.id}/language", language="es").status_code == 404
    assert session.get_one(Patient, cast.pat.id).language == "en"


def test_a_number_of_another_patient_cannot_be_reached_through_this_one(
    ana: Browser, session: Session, cast: Cast
) -> None:
    robin = builders.a_patient(session, cast=cast, number=builders.a_number())
    session.commit()

    answer = ana.post(f"/patients/{robin.id}/numbers/{_use(session).id}/texting", on="no")

    assert answer.status_code == 404


def test_an_archived_patient_is_not_found_by_searching(ana: Browser, session: Session, cast: Cast) -> None:
    robin = builders.a_patient(session, cast=cast)
    robin.archived_at = builders.ago(session, days=1)
    session.commit()

    assert "Robin Reed" not in ana.post("/patients", q="reed").text


@pytest.mark.parametrize(
    ("words", "region", "meant"),
    [
        ("1980-05-17", "US", date(1980, 5, 17)),
        ("5/17/1980", "US", date(1980, 5, 17)),
        ("17.5.1980", "DE", date(1980, 5, 17)),
        ("17/5/1980", "GB", date(1980, 5, 17)),
        ("2/30/1980", "US", None),
        ("5/17/80", "US", None),
        ("yesterday", "US", None),
    ],
)
def test_a_date_is_read_as_the_country_writes_it(words: str, region: str, meant: date | None) -> None:
    assert directory.read_date(words, region) == meant


def _use(session: Session) -> PhoneUse:
    """Pat's number."""
    query = select(PhoneUse).join(Phone, Phone.id == PhoneUse.phone_id).where(Phone.number == PAT_NUMBER)
    return session.scalars(query.join(Patient, Patient.id == PhoneUse.patient_id)).one()


class TestBirthDates:
    """The button that asks who reads a number (ThoroughCare, C90 to C93)."""

    ASK, AGAIN = "Ask for birth date", "Send again"

    @pytest.fixture
    def asking(self, session: Session, cast: Cast) -> None:
        practice = session.get_one(Practice, cast.practice_id)
        practice.verification_on = True
        session.commit()

    def use(self, session: Session, cast: Cast) -> PhoneUse:
        return session.scalars(select(PhoneUse).where(PhoneUse.patient_id == cast.pat.id)).one()

    def test_it_is_absent_where_the_practice_does_not_ask(self, ana: Browser, cast: Cast) -> None:
        assert self.ASK not in ana.get(f"/patients/{cast.pat.id}").text

    @pytest.mark.usefixtures("asking")
    def test_it_asks_and_the_page_says_how_far_it_has_come(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        assert self.ASK in ana.get(f"/patients/{cast.pat.id}").text

        answer = ana.post(f"/patients/{cast.pat.id}/numbers/{self.use(session, cast).id}/verification")

        assert answer.status_code == 303
        page = ana.get(f"/patients/{cast.pat.id}").text
        assert self.AGAIN in page and "Birth date: pending" in page and "3 tries left" in page

    @pytest.mark.usefixtures("asking")
    def test_it_is_disabled_until_there_is_a_mobile_number(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        session.get_one(Phone, cast.pat_phone.id).is_landline = True
        nobody = builders.a_patient(session, cast=cast)
        session.commit()

        for patient_id in (cast.pat.id, nobody.id):
            page = ana.get(f"/patients/{patient_id}").text
            assert "This needs a valid mobile number." in page
            assert re.search(rf"<button[^>]* disabled[^>]*>{self.ASK}", page)

    @pytest.mark.usefixtures("asking")
    def test_pressing_too_soon_again_is_told(self, ana: Browser, session: Session, cast: Cast) -> None:
        path = f"/patients/{cast.pat.id}/numbers/{self.use(session, cast).id}/verification"
        ana.post(path)

        answer = ana.post(path)

        assert answer.status_code == 409
        assert "Wait 1 min" in answer.text

    @pytest.mark.usefixtures("asking")
    def test_the_conversation_says_so_above_the_closed_composer(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        task = builders.a_task(session, cast=cast, number=PAT_NUMBER)

        page = ana.get(f"/inbox/all/c/{task.conversation_id}").text

        assert "Not confirmed by birth date" in page and self.ASK in page
        assert "Nobody at this number has confirmed their birth date yet." in page
        assert 'id="reply"' not in page
