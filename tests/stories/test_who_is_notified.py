"""Followers hear of a patient's messages and of nobody else's; each member has their own mark of what is unread."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from tests import builders
from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from tests.stories.test_what_is_new_is_told import choose, listening, sounds
from triage.domain.patients.patient import Patient

DeskOf = Callable[..., Desk]


@pytest.fixture
def robin(clinic: Clinic, people: Cast) -> Iterator[tuple[Patient, str]]:
    """A patient nobody looks after yet, and the number."""
    number = builders.a_number()
    patient = builders.a_patient(
        clinic.session, cast=people, first_name="Robin", last_name="Redd", number=number
    )
    clinic.session.commit()
    yield patient, number


def a_text(clinic: Clinic, body: str, number: str) -> None:
    clinic.text(body, from_number=number)
    clinic.soon(lambda: clinic.task_of(body))


def shows(clinic: Clinic, badge: str) -> None:
    clinic.session.execute(text("update practice set unread_badge = :badge"), {"badge": badge})
    clinic.session.commit()


def test_who_says_yes_is_told_of_the_patient_and_not_of_a_colleague(
    clinic: Clinic, desk_of: DeskOf, robin: tuple[Patient, str]
) -> None:
    _, number = robin
    choose(clinic, "ana", notify_sound="patients", notify_popup="patients")
    a_text(clinic, "Robin's first words", number)
    ana = listening(desk_of("ana").open("/inbox/all"))
    ana.row("Robin's first words").click()
    ana.stay()
    question = ana.page.locator("#panel-team")
    expect(question).to_contain_text("Notify me about this patient?")

    question.get_by_role("button", name="Yes").click()
    expect(question).to_contain_text("Notification user")
    expect(question.get_by_role("button", name="Turn off notifications")).to_be_visible()
    ana.has_stayed()

    ana.open("/settings")
    ana.page.locator("h1").click()
    counts = ana.page.locator("#counts")
    waiting = int(counts.get_attribute("data-total") or 0)
    admin = desk_of("admin").open("/inbox/all")
    admin.row("Robin's first words").click()
    admin.reply.fill("What a colleague writes")
    admin.button("Send text").click()
    expect(admin.bubble("What a colleague writes")).to_contain_text("Delivered")
    # Whoever answers a waiting task has it.
    expect(counts).to_have_attribute("data-total", str(waiting - 1))
    a_text(clinic, "Of nobody that Ana follows", builders.a_number())
    expect(counts).to_have_attribute("data-total", str(waiting))
    assert sounds(ana.page) == 0
    expect(ana.toasts).to_have_count(0)

    a_text(clinic, "Robin writes again", number)
    expect(ana.toast("New message of one of your patients")).to_be_visible()
    ana.page.wait_for_function("() => window.sounds === 1")


def test_who_turns_it_off_hears_no_more(clinic: Clinic, desk_of: DeskOf, robin: tuple[Patient, str]) -> None:
    patient, number = robin
    choose(clinic, "ana", notify_sound="patients", notify_popup="patients")
    browser = clinic.sign_in("ana")
    browser.post(f"/patients/{patient.id}/following", answer="yes")
    a_text(clinic, "While it is on", number)
    ana = listening(desk_of("ana").open("/inbox/my-patients"))
    expect(ana.row("While it is on")).to_be_visible()
    ana.open("/inbox/all")

    browser.post(f"/patients/{patient.id}/following", answer="no")
    ana.page.locator("h1").click()
    a_text(clinic, "After it was turned off", number)
    expect(ana.row("After it was turned off")).to_be_visible()
    assert sounds(ana.page) == 0
    expect(ana.toasts).to_have_count(0)


def test_the_red_mark_goes_for_one_and_stays_for_the_other(
    clinic: Clinic, desk_of: DeskOf, robin: tuple[Patient, str]
) -> None:
    _, number = robin
    shows(clinic, "both")
    a_text(clinic, "Who has read this?", number)
    ana, admin = desk_of("ana").open("/inbox/all"), desk_of("admin").open("/inbox/all")
    for desk in (ana, admin):
        expect(desk.row("Who has read this?").locator(".row-mine")).to_be_visible()

    ana.row("Who has read this?").click()
    expect(ana.bubble("Who has read this?")).to_be_visible()

    expect(ana.row("Who has read this?").locator(".row-mine")).to_have_count(0)
    expect(
        admin.row("Who has read this?").locator("xpath=self::*[contains(@class, 'is-unread')]")
    ).to_have_count(0)
    expect(admin.row("Who has read this?").locator(".row-mine")).to_be_visible()
    admin.row("Who has read this?").click()
    expect(admin.row("Who has read this?").locator(".row-mine")).to_have_count(0)
    shows(clinic, "shared")


def test_without_scripts_the_question_is_answered_too(
    clinic: Clinic, desk_of: DeskOf, robin: tuple[Patient, str]
) -> None:
    _, number = robin
    a_text(clinic, "Asked without scripts", number)
    ana = desk_of("ana", java_script_enabled=False).open("/inbox/all")
    ana.row("Asked without scripts").click()
    team = ana.page.locator("#panel-team")

    team.get_by_role("button", name="Yes").click()
    expect(team).to_contain_text("Notification user")
    team.get_by_role("button", name="Turn off notifications").click()
    expect(team).not_to_contain_text("Notification user")
    expect(team.get_by_role("button", name="Notify me")).to_be_visible()


def test_a_reminder_is_told_on_the_page_and_not_in_quiet_hours(clinic: Clinic, desk_of: DeskOf) -> None:
    choose(clinic, "ana", notify_popup="patients", notify_unread="yes")
    ana = desk_of("ana").open("/preferences")
    remind = "document.dispatchEvent(new CustomEvent('live:reminder', { detail: { count: '1' } }))"

    ana.page.evaluate(remind)
    expect(ana.toast("Unread for a day: a patient's message")).to_be_visible()

    ana.page.reload()
    ana.page.evaluate("document.querySelector('#app').dataset.quiet = '00:00-24:00'")
    ana.page.evaluate(remind)
    expect(ana.toasts).to_have_count(0)
