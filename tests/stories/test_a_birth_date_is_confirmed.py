"""A practice asks who reads a number: every way in which that ends, over the carrier, and who is told."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, text, update

from tests import builders
from tests.cast import NORTH_NUMBER, SOUTH_NUMBER, Cast
from tests.stories.clinic import Browser, Clinic
from tests.stories.desk import Desk
from triage.domain.conversations.conversation import Conversation
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.practice.practice import Practice

DeskOf = Callable[..., Desk]
BORN, RIGHT = date(1990, 3, 4), "March 4, 1990"
WRONG = ("03/05/1990", "3-6-90", "7 de marzo de 1990")


class Asked:
    """A new patient whom Ana asks, with a phone to answer on."""

    def __init__(self, clinic: Clinic, people: Cast, ana: Browser) -> None:
        self.clinic, self.ana, self.number = clinic, ana, builders.a_number()
        session = clinic.session
        patient = builders.a_patient(
            session, cast=people, first_name="Ines", last_name=self.number[-4:], number=self.number
        )
        patient.born_on, patient.facility_id = BORN, people.north.id
        session.commit()
        self.patient_id = patient.id
        self.use_id = session.scalars(select(PhoneUse.id).where(PhoneUse.patient_id == patient.id)).one()

    def ask(self) -> None:
        answer = self.ana.post(f"/patients/{self.patient_id}/numbers/{self.use_id}/verification")
        assert answer.status_code == 303, answer.status_code

    def page(self) -> str:
        return self.ana.get(f"/patients/{self.patient_id}").text

    def got(self) -> list[str]:
        """What the phone got, oldest first."""
        texts = self.clinic.house.control("GET", "texts?direction=outbound&limit=100000")["texts"]
        return [one["body"] for one in texts if one["to"] == self.number]

    def gets(self, words: str) -> None:
        self.clinic.soon(lambda: [body for body in self.got() if words in body])

    def gets_texts(self, count: int) -> None:
        self.clinic.soon(lambda: len(self.got()) == count)

    def says(self, body: str, *, to: str = NORTH_NUMBER) -> None:
        self.clinic.text(body, from_number=self.number, to=to)

    def use(self) -> PhoneUse:
        return self.clinic.session.get_one(PhoneUse, self.use_id, populate_existing=True)

    def becomes(self, state: Verification) -> None:
        self.clinic.soon(lambda: self.use().verification is state)

    def conversation(self) -> Conversation:
        query = select(Conversation).join(Phone, Phone.id == Conversation.phone_id)
        return self.clinic.session.scalars(query.where(Phone.number == self.number)).one()

    def may_again(self) -> None:
        """A minute has passed since it was asked."""
        self.clinic.session.execute(text("delete from throttle"))
        self.clinic.session.commit()


@pytest.fixture(autouse=True)
def asking(clinic: Clinic) -> Iterator[None]:
    _switch(clinic, on=True)
    yield
    _switch(clinic, on=False)


def _switch(clinic: Clinic, *, on: bool) -> None:
    clinic.session.rollback()
    clinic.session.execute(
        update(Practice).where(Practice.name == "Elm Street Clinic").values(verification_on=on)
    )
    clinic.session.commit()


@pytest.fixture
def ana(clinic: Clinic) -> Browser:
    return clinic.sign_in("ana")


@pytest.fixture
def asked(clinic: Clinic, people: Cast, ana: Browser) -> Asked:
    return Asked(clinic, people, ana)


def test_the_right_date_opens_the_composer(clinic: Clinic, asked: Asked) -> None:
    assert "Ask for birth date" in asked.page()
    asked.ask()
    asked.gets("Please send your date of birth (MM/DD/YYYY)")
    assert "Send again" in asked.page()
    path = f"/conversations/{asked.conversation().id}/messages"
    refused = asked.ana.post(path, body="Too early, Ines")
    assert refused.status_code == 409

    asked.says(RIGHT)
    asked.gets("Thank you, this is confirmed.")

    assert "Birth date: enabled" in asked.page()
    assert clinic.task_of(RIGHT) is None and clinic.message(RIGHT)
    assert asked.ana.post(path, body="Welcome, Ines").status_code == 303
    asked.gets("Welcome, Ines")


def test_three_wrong_dates_fail_and_asking_again_begins_anew(asked: Asked) -> None:
    asked.ask()
    for heard, wrong in enumerate(WRONG, start=1):
        asked.says(wrong)
        asked.gets_texts(1 + heard)

    asked.becomes(Verification.FAILED)
    assert "That date does not match either." in asked.got()[-1]
    assert "Ask again" in asked.page()
    asked.may_again()
    asked.ask()
    asked.becomes(Verification.PENDING)
    asked.says(RIGHT)
    asked.becomes(Verification.ENABLED)


def test_an_impossible_date_is_asked_for_again(asked: Asked) -> None:
    asked.ask()

    asked.says("02/30/1990")
    asked.gets("We could not read that date.")

    assert asked.use().wrong_dates == 0


def test_two_weeks_without_an_answer_fail_by_themselves(clinic: Clinic, asked: Asked) -> None:
    asked.ask()
    clinic.session.execute(
        text("update phone_use set verified_since = now() - interval '15 days' where id = :id"),
        {"id": asked.use_id},
    )
    clinic.session.commit()

    asked.becomes(Verification.FAILED)
    assert "none in two weeks" in asked.page()


@pytest.mark.parametrize("who", ["patient", "staff"])
def test_an_opt_out_while_it_is_pending_closes_the_number(clinic: Clinic, asked: Asked, who: str) -> None:
    asked.ask()
    asked.gets("date of birth")
    if who == "patient":
        asked.says("STOP")
    else:
        asked.ana.post(f"/patients/{asked.patient_id}/numbers/{asked.use_id}/opt-out")
    clinic.soon(lambda: "Birth date: opted out" in asked.page())
    before = len(asked.got())

    asked.says("03/04/1990 is mine")
    clinic.soon(lambda: clinic.task_of("03/04/1990 is mine"))

    assert asked.use().verification is Verification.PENDING
    assert len([body for body in asked.got() if "confirmed" in body]) == 0
    assert len(asked.got()) <= before + 1


def test_of_two_wrong_dates_at_once_each_counts(clinic: Clinic, asked: Asked) -> None:
    asked.ask()

    with ThreadPoolExecutor(2) as pool:
        at_once = [pool.submit(asked.says, WRONG[0]), pool.submit(asked.says, WRONG[1], to=SOUTH_NUMBER)]
        assert all(sent.result() is None for sent in at_once)

    clinic.soon(lambda: asked.use().wrong_dates == 2)


def test_whoever_asked_is_told_and_the_open_page_lets_her_write(
    clinic: Clinic, asked: Asked, desk_of: DeskOf
) -> None:
    asked.ask()
    ana = desk_of("ana").open(f"/inbox/all/c/{asked.conversation().id}")
    banner = ana.page.locator("#banner")
    expect(banner).to_contain_text("Not confirmed by birth date")
    expect(banner.get_by_role("button", name="Send again")).to_be_visible()
    expect(ana.page.locator("#composer")).to_contain_text("Nobody at this number has confirmed")

    asked.says(RIGHT)

    expect(ana.page.locator("#reply")).to_be_visible()
    expect(ana.page.locator("#toasts")).to_contain_text("A birth date was confirmed")


def test_without_scripts_the_banner_s_button_asks(asked: Asked, ana: Browser) -> None:
    asked.ask()
    asked.may_again()

    sent = ana.post(f"/conversations/{asked.conversation().id}/verification", use_id=asked.use_id)

    assert sent.status_code == 303
    asked.clinic.soon(lambda: len(asked.got()) == 2)


def test_where_the_practice_does_not_ask_there_is_no_button(clinic: Clinic, asked: Asked) -> None:
    _switch(clinic, on=False)

    assert "Ask for birth date" not in asked.page()
    assert clinic.session.get_one(Patient, asked.patient_id)
