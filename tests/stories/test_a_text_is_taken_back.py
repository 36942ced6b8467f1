"""The seconds after sending: Undo withdraws the text, gives its words back, and undoes completing with it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.inbox.task import State
from triage.domain.practice.practice import Practice

DeskOf = Callable[..., Desk]


def hold(clinic: Clinic, seconds: int) -> None:
    clinic.session.execute(update(Practice).values(hold_seconds=seconds))
    clinic.session.commit()


@pytest.fixture(autouse=True)
def _a_long_hold(clinic: Clinic) -> Iterator[None]:
    hold(clinic, 30)
    yield
    hold(clinic, 0)


def a_waiting_text(clinic: Clinic, body: str) -> None:
    clinic.text(body, from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of(body))


def at(desk: Desk, words: str) -> Desk:
    desk.row(words).click()
    expect(desk.bubble(words)).to_be_visible()
    return desk


def test_undo_gives_the_words_back(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Too fast")
    ana, ada = at(desk_of("ana"), "Too fast"), at(desk_of("admin"), "Too fast")

    ana.reply.fill("Come at nnie.")
    ana.button("Send text").click()
    expect(ana.bubble("Come at nnie.")).to_contain_text("Queued")
    expect(ada.bubble("Come at nnie.")).to_be_visible()
    ana.toast("Queued").get_by_role("button", name="Undo").click()

    expect(ana.toast("Taken back")).to_be_visible()
    expect(ana.reply).to_have_value("Come at nnie.")
    expect(ana.bubble("Come at nnie.")).to_have_count(0)
    expect(ada.bubble("Come at nnie.")).to_have_count(0)
    expect(ada.reply).to_have_value("")
    assert clinic.messages("Come at nnie.") == []
    assert clinic.at_carrier("Come at nnie.") == []


def test_words_that_were_written_meanwhile_stand_behind(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Both are kept")
    ana = at(desk_of("ana"), "Both are kept")

    ana.reply.fill("Come at nine.")
    ana.button("Send text").click()
    expect(ana.bubble("Come at nine.")).to_contain_text("Queued")
    ana.reply.press_sequentially("z")
    ana.toast("Queued").get_by_role("button", name="Undo").click()

    expect(ana.toast("Taken back")).to_be_visible()
    expect(ana.reply).to_have_value("Come at nine.\n\nz")


def test_send_complete_and_next_are_undone_as_one(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "First in line")
    a_waiting_text(clinic, "Second in line")
    ana = at(desk_of("ana"), "First in line")

    ana.reply.fill("All done.")
    ana.reply.press("Control+Shift+Enter")
    expect(ana.toast("Queued and completed")).to_be_visible()
    expect(ana.bubble("All done.")).to_have_count(0)
    clinic.soon(lambda: (task := clinic.task_of("First in line")) and task.state is State.COMPLETED)
    ana.page.locator("#conversation").focus()
    ana.page.keyboard.press("z")

    expect(ana.toast("Taken back. Your text is kept there as a draft.")).to_be_visible()
    clinic.soon(lambda: (task := clinic.task_of("First in line")) and task.state is State.PENDING)
    expect(ana.row("First in line").locator(".row-draft")).to_be_visible()
    at(ana, "First in line")
    expect(ana.reply).to_have_value("All done.")


def test_the_offer_ends_when_the_text_leaves(clinic: Clinic, desk_of: DeskOf) -> None:
    hold(clinic, 2)
    a_waiting_text(clinic, "In a moment")
    ana = at(desk_of("ana"), "In a moment")

    ana.reply.fill("Leaves in two seconds.")
    ana.button("Send text").click()
    toast = ana.toast("Queued")
    expect(toast).to_be_visible()
    toast.hover()

    expect(toast).to_have_count(0)
    expect(ana.bubble("Leaves in two seconds.")).to_contain_text("Delivered")
    assert len(clinic.at_carrier("Leaves in two seconds.")) == 1


def test_without_scripts_undo_is_a_button(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Plain forms")
    ana = at(desk_of("ana", java_script_enabled=False), "Plain forms")

    ana.reply.fill("Oh no.")
    ana.button("Send text").click()
    ana.toast("Queued").get_by_role("button", name="Undo").click()

    expect(ana.toast("Taken back")).to_be_visible()
    expect(ana.reply).to_have_value("Oh no.")
    assert clinic.messages("Oh no.") == []


def test_a_text_that_could_not_be_handed_over_waits_with_retry(clinic: Clinic, desk_of: DeskOf) -> None:
    """However often it is tried, it is sent once: the form keeps its id."""
    hold(clinic, 0)
    a_waiting_text(clinic, "A bad line")
    ana = at(desk_of("ana"), "A bad line")
    ana.reply.fill("Hold the line.")
    ana.page.route("**/messages", lambda route: route.abort())

    ana.button("Send text").click()
    bubble = ana.bubble("Hold the line.")
    expect(bubble).to_contain_text("Not sent: the server did not answer.")
    expect(ana.reply).to_have_value("Hold the line.")
    clinic.text("Are you there?", from_number=builders.a_number())
    expect(ana.row("Are you there?")).to_be_visible()
    ana.page.unroute("**/messages")
    bubble.get_by_role("button", name="Retry").click()

    expect(bubble).to_contain_text("Delivered")
    expect(bubble).to_have_count(1)
    assert len(clinic.at_carrier("Hold the line.")) == 1
