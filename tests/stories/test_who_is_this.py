"""From the first text of a number that several people share, or nobody has, to the right patient."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests import builders
from tests.cast import PASSWORD, Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.inbox.task import State, Task
from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.practice import sign_in
from triage.domain.practice.member import load_member
from triage.kit import clock

DeskOf = Callable[..., Desk]


class Family:
    """Two children behind one number."""

    def __init__(self, clinic: Clinic, people: Cast, surname: str) -> None:
        self.clinic, self.number = clinic, builders.a_number()
        self.nia, self.tom = (self._child(people, name, surname) for name in ("Nia", "Tom"))
        clinic.session.commit()

    def _child(self, people: Cast, name: str, surname: str) -> Patient:
        return builders.a_patient(
            self.clinic.session, cast=people, first_name=name, last_name=surname, number=self.number
        )

    def texts(self, body: str) -> Task:
        self.clinic.text(body, from_number=self.number)
        return self.clinic.soon(lambda: self.clinic.task_of(body))


def whose(clinic: Clinic, body: str) -> object:
    message = clinic.message(body)
    return message.patient_id if message else None


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without"])
def test_a_shared_number_from_the_first_text_to_the_right_child(
    clinic: Clinic, people: Cast, desk_of: DeskOf, has_scripts: bool
) -> None:
    family = Family(clinic, people, "Quill" if has_scripts else "Quarry")
    said = f"Ear ache since Monday {has_scripts}"
    task = family.texts(said)
    window = {} if has_scripts else {"java_script_enabled": False}
    ana = desk_of("ana", **window).open(f"/inbox/all/c/{task.conversation_id}")

    expect(ana.page.locator("#banner")).to_contain_text("Several people share this number")
    ana.page.get_by_role("link", name="Who is this?").click()
    ana.button(f"Choose {family.nia.name}").click()

    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.nia.name}")
    expect(ana.page.locator("#thread")).to_contain_text(
        f"Ana Alvarez chose {family.nia.name} for these texts"
    )
    clinic.soon(lambda: whose(clinic, said) == family.nia.id)
    later = f"She slept better {has_scripts}"
    family.texts(later)
    clinic.soon(lambda: whose(clinic, later) == family.nia.id)

    ana.page.get_by_role("link", name="Change who this is").click()
    ana.page.get_by_role("radio", name=f"Also what is filed for {family.nia.name}").check()
    ana.button(f"Choose {family.tom.name}").click()
    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.tom.name}")
    clinic.soon(lambda: {whose(clinic, said), whose(clinic, later)} == {family.tom.id})

    ana.page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.nia.name}")
    clinic.soon(lambda: {whose(clinic, said), whose(clinic, later)} == {family.nia.id})


def test_nobody_is_named_before_it_is_known_who_writes(clinic: Clinic, people: Cast, desk_of: DeskOf) -> None:
    family = Family(clinic, people, "Marsh")
    task = family.texts("Are the results there?")
    ana = desk_of("ana").open(f"/inbox/all/c/{task.conversation_id}")

    ana.reply.fill("The results of Nia are good")
    ana.button("Send text").click()

    expect(ana.page.locator("#composer")).to_contain_text("Your text names somebody")
    expect(ana.reply).to_have_value("The results of Nia are good")
    assert clinic.message("The results of Nia are good") is None


def test_of_two_who_choose_at_once_the_second_is_told(clinic: Clinic, people: Cast, desk_of: DeskOf) -> None:
    family = Family(clinic, people, "Rowe")
    task = family.texts("Which of my two?")
    who = f"/conversations/{task.conversation_id}/who"
    ana, ada = desk_of("ana").open(who), desk_of("admin").open(who)

    ana.button(f"Choose {family.nia.name}").click()
    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.nia.name}")
    ada.button(f"Choose {family.tom.name}").click()

    expect(ada.page.get_by_role("alert")).to_contain_text("Ana Alvarez has said who this is in the meantime")
    assert whose(clinic, "Which of my two?") == family.nia.id
    ada.button(f"Choose {family.tom.name}").click()
    expect(ada.page.locator("#banner")).to_contain_text(f"Chosen: {family.tom.name}")
    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.tom.name}")


def test_an_unknown_number_becomes_a_new_patients(clinic: Clinic, desk_of: DeskOf) -> None:
    number = builders.a_number()
    clinic.text("Do you take new people?", from_number=number)
    task = clinic.soon(lambda: clinic.task_of("Do you take new people?"))
    ana = desk_of("ana").open(f"/inbox/all/c/{task.conversation_id}")

    ana.page.get_by_role("link", name="Who is this?").click()
    ana.page.get_by_text("New patient", exact=True).click()
    ana.page.get_by_label("First name").fill("Ottoline")
    ana.page.get_by_label("Last name").fill("Vesper")
    ana.button("Add and choose").click()

    expect(ana.page.locator("#conversation-head")).to_contain_text("Ottoline Vesper")
    clinic.text("Thank you so much", from_number=number)
    clinic.soon(lambda: clinic.task_of("Thank you so much"))
    assert whose(clinic, "Thank you so much") == whose(clinic, "Do you take new people?") is not None


def test_who_is_kept_from_the_chosen_patient_loses_the_thread(
    clinic: Clinic, people: Cast, desk_of: DeskOf
) -> None:
    family = Family(clinic, people, "Thorne")
    program = builders.a_program(clinic.session, cast=people)
    clinic.session.add(
        Enrolment(practice_id=people.practice_id, patient_id=family.nia.id, program_id=program.id)
    )
    member = builders.a_member(
        clinic.session, cast=people, role=people.roles["Care team"], kept_out_of=[program], name="Kay Kept"
    )
    loaded = load_member(clinic.session, member.id)
    assert loaded is not None
    sign_in.set_password(clinic.session, loaded, PASSWORD, now=clock.now(clinic.session))
    clinic.session.commit()
    task = family.texts("Only for those who may")
    address = f"/inbox/all/c/{task.conversation_id}"
    kay = desk_of(member.login).open(address)
    expect(kay.bubble("Only for those who may")).to_be_visible()
    expect(kay.page.locator("#conversation-head")).not_to_contain_text("Nia")

    ana = desk_of("ana").open(f"/conversations/{task.conversation_id}/who")
    ana.button(f"Choose {family.nia.name}").click()
    expect(ana.page.locator("#banner")).to_contain_text(f"Chosen: {family.nia.name}")

    answer = kay.page.goto(address)
    assert answer is not None
    assert answer.status == 404
    kay.open("/inbox/all")
    expect(kay.row("Only for those who may")).to_have_count(0)
    assert clinic.soon(lambda: clinic.task_of("Only for those who may")).state is State.PENDING
