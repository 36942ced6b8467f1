"""What happens to an open page when others act, when a text fails, and when the server goes away."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests import builders
from tests.cast import PASSWORD, Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.inbox.task import State

DeskOf = Callable[..., Desk]


def a_waiting_text(clinic: Clinic, body: str) -> str:
    """Comes from a new number, which is returned, and has been filed."""
    number = builders.a_number()
    clinic.text(body, from_number=number)
    clinic.soon(lambda: clinic.task_of(body))
    return number


def at(desk: Desk, words: str) -> Desk:
    """Somebody who has opened the message with these words."""
    desk.row(words).click()
    expect(desk.bubble(words)).to_be_visible()
    return desk


def not_live(desk: Desk) -> Desk:
    """A page whose stream is cut, as on a bad line: it knows only what it was shown."""
    desk.context.route(re.compile(r"/live(/since)?(\?.*)?$"), lambda route: route.abort())
    desk.page.reload()
    return desk


def test_an_open_page_shows_what_a_colleague_does(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Seen by two")
    ana, ada = at(desk_of("ana"), "Seen by two"), at(desk_of("admin"), "Seen by two")
    ana.stay()
    ana.reply.fill("I was about to answer")

    ada.reply.fill("Ada was faster.")
    ada.button("Send text").click()
    expect(ana.bubble("Ada was faster.")).to_be_visible()
    ada.button("Complete").click()

    expect(ana.button("Reopen")).to_be_visible()
    expect(ana.row("Seen by two")).to_contain_text("Completed by Ada Admin")
    expect(ana.reply).to_have_value("I was about to answer")
    ana.has_stayed()


def test_who_completes_second_is_told_who_was_first(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Completed by two")
    ana, ada = at(not_live(desk_of("ana")), "Completed by two"), at(desk_of("admin"), "Completed by two")
    ana.reply.fill("Half a sentence")

    ada.button("Complete").click()
    expect(ada.button("Reopen")).to_be_visible()
    ana.button("Complete").click()

    expect(ana.toast("Ada Admin completed this")).to_be_visible()
    expect(ana.button("Reopen")).to_be_visible()
    expect(ana.reply).to_have_value("Half a sentence")
    clinic.soon(lambda: (task := clinic.task_of("Completed by two")) and task.state is State.COMPLETED)


def test_a_reply_that_crosses_another_waits_until_it_was_read(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Answered by two")
    ana, ada = at(not_live(desk_of("ana")), "Answered by two"), at(desk_of("admin"), "Answered by two")
    ana.reply.fill("Come at nine.")

    ada.reply.fill("Come at ten.")
    ada.button("Send text").click()
    expect(ada.bubble("Come at ten.")).to_be_visible()
    ana.button("Send text").click()

    expect(ana.page.get_by_role("alert")).to_contain_text("Ada Admin wrote in the meantime")
    expect(ana.bubble("Come at ten.")).to_be_visible()
    expect(ana.reply).to_have_value("Come at nine.")
    assert clinic.at_carrier("Come at nine.") == []
    ana.button("Send anyway").click()
    expect(ana.bubble("Come at nine.")).to_be_visible()
    clinic.soon(lambda: clinic.at_carrier("Come at nine."))


def test_a_text_that_was_blocked_is_sent_again(clinic: Clinic, desk_of: DeskOf) -> None:
    number = a_waiting_text(clinic, "Please text me back")
    clinic.house.control("PUT", f"phones/{number}", {"behaviour": "blocked"})
    ana = at(desk_of("ana"), "Please text me back")
    ana.stay()

    ana.reply.fill("Can you read this?")
    ana.button("Send text").click()
    expect(ana.bubble("Can you read this?")).to_contain_text("Not delivered")
    expect(ana.bubble("Can you read this?")).to_contain_text("(30007)")
    expect(ana.page.locator("#nav-failed .nav-count")).to_contain_text("1")

    clinic.house.control("PUT", f"phones/{number}", {"behaviour": "delivers"})
    ana.button("Resend").click()
    expect(ana.bubble("Can you read this?").last).to_contain_text("Delivered")
    expect(ana.page.locator("#nav-failed .nav-count")).to_be_hidden()
    ana.has_stayed()


def test_a_killed_web_server_comes_back_under_an_open_page(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Before the crash")
    ana = at(desk_of("ana"), "Before the crash")
    ana.stay()
    ana.reply.fill("Still typing")

    assert clinic.house.kill("web")
    clinic.text("After the crash", from_number=builders.a_number())

    expect(ana.row("After the crash")).to_be_visible()
    expect(ana.reply).to_have_value("Still typing")
    ana.button("Send text").click()
    expect(ana.bubble("Still typing")).to_contain_text("Delivered")
    ana.has_stayed()


def test_a_session_that_was_ended_elsewhere_loses_nothing(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    a_waiting_text(clinic, "Who are you?")
    ana = at(desk_of("ana"), "Who are you?")
    ana.stay()
    ana.reply.fill("A long answer")

    clinic.sign_in("admin").post(f"/settings/members/{people.ana.id}/sign-out")
    # The page may have heard of it already, and hide the button.
    ana.button("Send text").dispatch_event("click")

    cover = ana.page.get_by_role("dialog", name="Signed out for safety")
    expect(cover).to_be_visible()
    assert clinic.messages("A long answer") == []
    cover.get_by_label("Password").fill("not mine")
    cover.get_by_role("button", name="Sign in").click()
    expect(cover.get_by_role("alert")).to_contain_text("not the password of the person")
    cover.get_by_label("Password").fill(PASSWORD)
    cover.get_by_role("button", name="Sign in").click()

    expect(cover).to_be_hidden()
    expect(ana.reply).to_have_value("A long answer")
    ana.button("Send text").click()
    expect(ana.bubble("A long answer")).to_contain_text("Delivered")
    ana.has_stayed()


def test_an_open_page_learns_by_itself_that_its_session_has_ended(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    """As soon as its stream asks again, here after a moment without a line."""
    a_waiting_text(clinic, "Left alone")
    ana = at(desk_of("ana"), "Left alone")
    ana.reply.fill("Half of an answer")

    clinic.sign_in("admin").post(f"/settings/members/{people.ana.id}/sign-out")
    ana.context.set_offline(True)
    expect(ana.page.locator("#strip")).to_contain_text("Offline")
    ana.context.set_offline(False)

    expect(ana.page.get_by_role("dialog", name="Signed out for safety")).to_be_visible()
    expect(ana.reply).to_have_value("Half of an answer")


def test_a_member_without_messages_has_no_stream_to_lose(desk_of: DeskOf) -> None:
    cleo = desk_of("cleo")
    asked: list[str] = []
    cleo.page.on("request", lambda request: asked.append(request.url))

    cleo.open("/preferences")

    assert [address for address in asked if address.endswith("/live")] == []


def test_late_answers_never_show_one_patient_under_the_name_of_another(
    clinic: Clinic, desk_of: DeskOf
) -> None:
    """Completed and gone on, before the answer came: it belongs to a conversation that is no longer there."""
    first, second = a_waiting_text(clinic, "Late for one"), a_waiting_text(clinic, "Next is another")
    ana = at(desk_of("ana"), "Late for one")
    with ana.held("/completion") as answer:
        ana.button("Complete").click()
        at(ana, "Next is another")
        answer.comes()
        expect(ana.toast("Completed")).to_be_visible()
    with ana.held("/thread") as answer:
        clinic.text("Something to add", from_number=second)
        answer.is_asked_for()
        at(ana, "Late for one")
        answer.comes()
        expect(ana.row("Something to add")).to_be_visible()

    expect(ana.page.locator("#conversation h2")).to_contain_text(first[-4:])
    expect(ana.page.locator("#thread .message")).to_have_count(1)
    expect(ana.bubble("Late for one")).to_be_visible()
    composer = ana.page.locator("form[data-composer]")
    shown = ana.page.locator("#conversation").get_attribute("data-conversation")
    expect(composer).to_have_attribute("data-conversation", str(shown))


def test_who_went_on_is_told_of_a_text_that_did_not_leave(clinic: Clinic, desk_of: DeskOf) -> None:
    number = a_waiting_text(clinic, "Stops while you write")
    a_waiting_text(clinic, "Waits behind it")
    ana = at(desk_of("ana"), "Stops while you write")
    ana.reply.fill("Too late")

    with ana.held("/messages") as answer:
        ana.button("Send text").click()
        answer.is_asked_for()
        clinic.text("STOP", from_number=number)
        clinic.soon(lambda: clinic.message("STOP"))
        at(ana, "Waits behind it")
        answer.comes()

    expect(ana.toast("Not sent: reply to this number. Your text is kept there.")).to_be_visible()
    assert clinic.messages("Too late") == []


def test_what_was_typed_survives_looking_at_another_message(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "The first of two")
    a_waiting_text(clinic, "The second of two")
    ana = at(desk_of("ana"), "The first of two")
    ana.reply.fill("Not finished")

    at(ana, "The second of two")
    expect(ana.reply).to_have_value("")
    at(ana, "The first of two")
    expect(ana.reply).to_have_value("Not finished")
    at(ana, "The second of two")
    ana.page.go_back()

    expect(ana.bubble("The first of two")).to_be_visible()
    expect(ana.reply).to_have_value("Not finished")


def test_who_else_is_there_is_seen_at_once_and_gone_when_they_leave(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Watched by two")
    a_waiting_text(clinic, "Somewhere else")
    ana, ada = at(desk_of("ana"), "Watched by two"), at(desk_of("admin"), "Watched by two")
    seen = ana.page.locator("#presence")
    expect(seen).to_have_text("Ada Admin is viewing", timeout=2000)

    ada.reply.press_sequentially("I will")
    expect(seen).to_have_text("Ada Admin is writing…", timeout=2000)
    expect(ana.row("Watched by two").locator(".row-writing")).to_be_visible()
    expect(ada.row("Watched by two").locator(".row-writing")).to_have_count(0)

    at(ada, "Somewhere else")
    expect(seen).to_be_hidden(timeout=2000)
    expect(ana.row("Watched by two").locator(".row-writing")).to_have_count(0)


def test_what_a_colleague_completed_is_not_answered_unread(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Dealt with already")
    ana, ada = at(not_live(desk_of("ana")), "Dealt with already"), at(desk_of("admin"), "Dealt with already")
    ana.reply.fill("Shall I?")

    ada.button("Complete").click()
    expect(ada.button("Reopen")).to_be_visible()
    ana.button("Send text").click()

    expect(ana.page.get_by_role("alert")).to_contain_text("Ada Admin completed this")
    expect(ana.reply).to_have_value("Shall I?")
    ana.button("Send anyway").click()
    expect(ana.bubble("Shall I?")).to_be_visible()
