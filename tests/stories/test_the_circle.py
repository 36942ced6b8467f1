"""A text comes, somebody takes it, answers and completes it: by mouse, by keys, by touch, and without script."""

import re
from collections.abc import Callable
from functools import partial

from playwright.sync_api import Route, expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import PHONE, Desk
from triage.domain.inbox.task import State

DeskOf = Callable[..., Desk]


def state_of(clinic: Clinic, body: str) -> Callable[[], State | None]:
    def look() -> State | None:
        task = clinic.task_of(body)
        return task.state if task else None

    return look


def becomes(clinic: Clinic, body: str, state: State) -> None:
    clinic.soon(lambda: state_of(clinic, body)() is state)


def test_by_mouse_and_without_ever_loading_the_page_again(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    ana.stay()

    clinic.text("May I come at nine?", from_number=builders.a_number())
    ana.row("May I come at nine?").click()
    expect(ana.bubble("May I come at nine?")).to_be_visible()

    ana.button("Assign").click()
    ana.page.get_by_label("Ben Brook").check()
    ana.open_popover.get_by_role("button", name="Assign to Ben Brook", exact=True).click()
    expect(ana.toasts).to_contain_text("Assigned to Ben Brook")
    expect(ana.row("May I come at nine?")).to_contain_text("Assigned to Ben Brook")

    ana.reply.fill("Nine is fine.")
    ana.button("Send text").click()
    expect(ana.bubble("Nine is fine.")).to_contain_text("Delivered")
    expect(ana.reply).to_have_value("")

    ana.button("Star").click()
    expect(ana.button("Star")).to_have_attribute("aria-pressed", "true")

    ana.button("Complete").click()
    expect(ana.button("Reopen")).to_be_visible()
    ana.toast("Completed").get_by_role("button", name="Undo").click()
    expect(ana.button("Complete")).to_be_visible()
    becomes(clinic, "May I come at nine?", State.ASSIGNED)
    ana.button("Complete").click()
    ana.button("Reopen").click()
    expect(ana.toast("Reopened")).to_be_visible()
    expect(ana.button("Complete")).to_be_visible()

    becomes(clinic, "May I come at nine?", State.ASSIGNED)
    assert len(clinic.at_carrier("Nine is fine.")) == 1
    ana.has_stayed()


def test_by_keys_alone(clinic: Clinic, desk_of: DeskOf) -> None:
    for place in range(3):
        words = f"Question {place} for the keyboard"
        clinic.text(words, from_number=builders.a_number())
        # Texts of one second may be filed in any order.
        clinic.soon(partial(clinic.task_of, words))
    ana = desk_of("ana")
    press = ana.page.keyboard.press
    ana.stay()

    press("g")
    press("a")
    expect(ana.heading).to_have_text("All pending")
    while not ana.row("Question 0 for the keyboard").locator(":focus").count():
        press("j")
    press("Enter")
    ana.has_opened("Question 0 for the keyboard")

    press("s")
    expect(ana.button("Star")).to_have_attribute("aria-pressed", "true")
    press("m")
    expect(ana.toast("Assigned to you")).to_be_visible()
    press("r")
    expect(ana.reply).to_be_focused()
    ana.page.keyboard.type("Answered by key.")
    press("Control+Enter")
    expect(ana.bubble("Answered by key.")).to_contain_text("Delivered")
    press("Escape")
    press("e")
    expect(ana.toast("Completed")).to_be_visible()
    # Completing opened the next one.
    ana.has_opened("Question 1 for the keyboard")
    press("z")
    expect(ana.toast("Undone")).to_be_visible()
    becomes(clinic, "Question 0 for the keyboard", State.ASSIGNED)

    press("a")
    expect(ana.open_popover.get_by_label("Find a colleague")).to_be_focused()
    ana.page.keyboard.type("ben")
    press("Enter")
    expect(ana.toast("Assigned to Ben Brook")).to_be_visible()
    press("i")
    expect(ana.toast("Marked unread")).to_be_visible()
    press("j")
    ana.has_opened("Question 2 for the keyboard")
    press("#")
    expect(ana.toast("Deleted")).to_be_visible()
    becomes(clinic, "Question 2 for the keyboard", State.DELETED)
    press("?")
    expect(ana.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    press("Escape")
    expect(ana.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()

    press("g")
    press("m")
    expect(ana.heading).to_have_text("For me")
    expect(ana.row("Question 0 for the keyboard")).to_be_visible()
    ana.has_stayed()


def test_on_a_phone_by_touch(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana", **PHONE)
    ana.stay()

    clinic.text("From one phone to another", from_number=builders.a_number())
    ana.row("From one phone to another").tap()
    expect(ana.bubble("From one phone to another")).to_be_visible()
    expect(ana.page.locator("#queue-scroll")).to_be_hidden()

    ana.reply.tap()
    ana.page.keyboard.type("Read on a phone.")
    ana.button("Send text").tap()
    expect(ana.bubble("Read on a phone.")).to_contain_text("Delivered")
    ana.button("Complete").tap()
    expect(ana.button("Reopen")).to_be_visible()
    becomes(clinic, "From one phone to another", State.COMPLETED)

    ana.page.get_by_role("link", name="Back to Unassigned").tap()
    expect(ana.page.locator("#queue-scroll")).to_be_visible()
    expect(ana.page.locator("#conversation")).to_be_hidden()
    ana.has_stayed()
    ana.button("More").tap()
    ana.open_popover.get_by_role("button", name="Sign out").tap()
    expect(ana.page).to_have_url(re.compile("/sign-in"))


def test_without_script_everything_essential_works(clinic: Clinic, desk_of: DeskOf) -> None:
    clinic.text("No script here", from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of("No script here"))
    ana = desk_of("ana", java_script_enabled=False)

    ana.page.get_by_role("link", name="No script here").click()
    expect(ana.bubble("No script here")).to_be_visible()
    ana.reply.fill("Sent as a plain form.")
    ana.button("Send text").click()
    expect(ana.bubble("Sent as a plain form.")).to_be_visible()
    expect(ana.toast("Queued")).to_be_visible()
    becomes(clinic, "No script here", State.ASSIGNED)

    ana.page.get_by_role("button", name="Assigned to Ana Alvarez").click()
    ana.page.get_by_label("Ben Brook").check()
    ana.button("Assign").click()
    expect(ana.toast("Assigned to you, Ben Brook")).to_be_visible()
    ana.button("Star").click()
    expect(ana.button("Star")).to_have_attribute("aria-pressed", "true")

    ana.button("More actions").click()
    ana.button("Mark unread").click()
    expect(ana.toast("Marked unread")).to_be_visible()
    ana.button("Complete").click()
    ana.toast("Completed").get_by_role("button", name="Undo").click()
    expect(ana.toast("Undone")).to_be_visible()
    becomes(clinic, "No script here", State.ASSIGNED)
    ana.button("Complete").click()
    expect(ana.button("Reopen")).to_be_visible()
    becomes(clinic, "No script here", State.COMPLETED)


def test_the_last_click_wins(clinic: Clinic, desk_of: DeskOf) -> None:
    """A folder that takes its time does not come over the message that was opened meanwhile."""
    clinic.text("Opened while waiting", from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of("Opened while waiting"))
    ana = desk_of("ana")
    unanswered: list[Route] = []
    ana.page.route("**/inbox/completed", lambda route: unanswered.append(route))

    ana.page.get_by_role("link", name="Completed").click()
    with ana.page.expect_event("requestfailed", lambda request: request.url.endswith("/inbox/completed")):
        ana.row("Opened while waiting").click()

    expect(ana.bubble("Opened while waiting")).to_be_visible()
    expect(ana.heading).to_have_text("Unassigned")
    assert len(unanswered) == 1
