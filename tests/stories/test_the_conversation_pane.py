"""The thread and the composer at a real browser: what is copied, opened, counted, printed, and stays where it is."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect
from sqlalchemy import insert

from tests import builders
from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import PHONE, Desk
from triage.domain.conversations.message import Direction, Message
from triage.domain.conversations.segments import GSM_7, GSM_7_EXTENSION, size_of
from triage.kit import clock, db

DeskOf = Callable[..., Desk]
MEASURE = """async (bodies) => {
  const { measure } = await import(document.querySelector("script[src$='/main.js']").src.replace("main.js", "composer.js"));
  return bodies.map((body) => measure(body));
}"""


def a_waiting_text(clinic: Clinic, body: str, number: str | None = None) -> str:
    number = number or builders.a_number()
    clinic.text(body, from_number=number)
    clinic.soon(lambda: clinic.task_of(body))
    return number


def at(desk: Desk, words: str) -> Desk:
    desk.row(words).click()
    expect(desk.bubble(words)).to_be_visible()
    return desk


@pytest.fixture(scope="module")
def bodies() -> list[str]:
    """Plain and odd texts around the edges of segments."""
    found = ["", "a" * 160, "a" * 161, "a" * 306, "a" * 307, "€" * 80, "€" * 81, "ю" * 70, "😀" * 36]
    found += ["a" * 152 + "€" + "a" * 152, "ю" * 66 + "😀" + "ю" * 66, "Don’t come", "tab\there", "`"]
    some = st.text(alphabet=sorted(GSM_7 | GSM_7_EXTENSION), max_size=700) | st.text(
        alphabet=st.characters(exclude_categories=["Cs"]), max_size=300
    )

    @given(some)
    @settings(max_examples=200, database=None, deadline=None)
    def collect(body: str) -> None:
        found.append(body)

    collect()
    return found


def test_the_counter_counts_as_the_server_and_the_carrier_do(desk_of: DeskOf, bodies: list[str]) -> None:
    ana = desk_of("ana")

    counted = ana.page.evaluate(MEASURE, bodies)

    wrong = [
        (body, one)
        for body, one in zip(bodies, counted, strict=True)
        for size in [size_of(body)]
        if (one["texts"], one["length"], one["odd"] or None)
        != (size.segments, size.unit_count, size.forced_by)
    ]
    assert wrong == []


def test_the_counter_names_what_makes_texts_shorter(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Count with me")
    ana = at(desk_of("ana"), "Count with me")
    counter = ana.page.locator("#counter")

    ana.reply.fill("Don't come")
    expect(counter).to_have_text("10 · 1 text")
    ana.reply.fill("Don’t come")
    expect(counter).to_have_text('10 · 1 text · 70 a text because of "’"')
    ana.reply.fill("x" * 1601)
    expect(counter).to_have_text("1,601 of 1,600 characters: too long")


def test_the_composer_grows_with_the_text_and_not_for_ever(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Tell me everything")
    ana = at(desk_of("ana", **PHONE), "Tell me everything")

    def height() -> int:
        lines: int = ana.reply.evaluate("(area) => Math.round(area.clientHeight / 22)")
        return lines

    assert height() in (2, 3)
    ana.reply.fill("\n".join("line" for _ in range(7)))
    assert height() in (7, 8)
    ana.reply.fill("\n".join("line" for _ in range(40)))
    assert height() in (10, 11)
    expect(ana.button("Send text")).to_be_in_viewport()


def test_a_message_is_copied_without_what_stands_around_it(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Look at https://example.com/x, please")
    ana = desk_of("ana", permissions=["clipboard-read", "clipboard-write"])
    at(ana, "Look at")

    ana.bubble("Look at").hover()
    ana.button("Copy this message").click()

    expect(ana.toast("Message copied")).to_be_visible()
    copied = ana.page.evaluate("navigator.clipboard.readText()")
    assert copied == "Look at https://example.com/x, please"


def test_a_link_is_opened_only_after_its_host_was_shown(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Pay here: http://bank.example@evil.example/pay")
    ana = at(desk_of("ana"), "Pay here")

    expect(ana.bubble("Pay here").locator("a")).to_have_count(1)
    expect(ana.bubble("Pay here").locator("a")).to_be_hidden()
    ana.button("Open this link to evil.example").click()

    expect(ana.open_popover).to_contain_text("It leads to evil.example.")
    link = ana.page.get_by_role("link", name="Open evil.example")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow external")


def test_the_new_rule_moves_to_where_somebody_wants_it(clinic: Clinic, desk_of: DeskOf) -> None:
    number = a_waiting_text(clinic, "The first of many")
    a_waiting_text(clinic, "The second of many", number)
    ana = at(desk_of("ana"), "The second of many")
    expect(ana.page.locator("#new-rule")).to_be_visible()
    ana.page.reload()
    expect(ana.page.locator("#new-rule")).to_have_count(0)

    ana.bubble("The second of many").hover()
    ana.bubble("The second of many").get_by_role("button", name="Mark unread from here").click()

    expect(ana.toast("Marked unread from here")).to_be_visible()
    after = ana.page.locator("#new-rule ~ .message")
    expect(after).to_have_count(1)
    expect(after).to_contain_text("The second of many")


def test_a_thread_of_five_thousand_messages_opens_at_its_end_and_goes_back_in_stretches(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    number = a_waiting_text(clinic, "The newest of thousands")
    task = clinic.soon(lambda: clinic.task_of("The newest of thousands"))
    _write_many(clinic, people, task.conversation_id, 5000)
    ana = at(desk_of("ana"), "The newest of thousands")

    earlier = ana.page.locator("#earlier a")
    expect(earlier).to_contain_text("View full conversation")
    earlier.click()
    expect(ana.page.locator("#thread .message")).to_have_count(50)
    first = ana.page.locator("#thread .message").first
    words = first.inner_text()
    first.scroll_into_view_if_needed()
    before = first.bounding_box()
    earlier.click()

    expect(ana.page.locator("#thread .message")).to_have_count(100)
    after = ana.page.locator("#thread .message").nth(50).bounding_box()
    assert before and after
    assert ana.page.locator("#thread .message").nth(50).inner_text() == words
    assert abs(before["y"] - after["y"]) < 40
    assert number


def _write_many(clinic: Clinic, people: Cast, conversation_id: object, count: int) -> None:
    now = clock.now(clinic.session)
    rows = [
        {
            "id": db.new_id(),
            "practice_id": people.practice_id,
            "conversation_id": conversation_id,
            "direction": Direction.OUT,
            "body": f"Long ago {place}",
            "media": [],
            "sent_by_id": people.ana.id if place % 7 else people.admin.id,
            "is_automatic": False,
            "at": now - timedelta(days=2, minutes=place),
        }
        for place in range(count)
    ]
    clinic.session.execute(insert(Message), rows)
    clinic.session.commit()


def test_only_the_conversation_is_printed(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "On paper, please")
    ana = at(desk_of("ana"), "On paper, please")

    ana.page.emulate_media(media="print")

    expect(ana.bubble("On paper, please")).to_be_visible()
    expect(ana.page.locator("#conversation h2")).to_be_visible()
    for hidden in ("nav", "#queue", "#composer", ".task-actions"):
        expect(ana.page.locator(hidden).first).to_be_hidden()


def test_what_something_else_has_styled_breaks_no_policy(clinic: Clinic, desk_of: DeskOf) -> None:
    """A password manager, a hand that makes a field larger, a swipe that was begun: each leaves a style in the page,
    and a style that is carried into a new part of the page would be a breach, of which the desk complains."""
    for body in ("Styled before", "Opened after"):
        clinic.text(body, from_number=builders.a_number())
        clinic.soon(partial(clinic.task_of, body))
    ana = desk_of("ana")
    ana.row("Styled before").click()
    ana.has_opened("Styled before")

    ana.page.evaluate(
        "for (const one of document.querySelectorAll('[id]')) one.style.setProperty('--left', '1px')"
    )
    ana.row("Opened after").click()
    ana.has_opened("Opened after")
    ana.page.locator("#nav-all").click()

    expect(ana.heading).to_have_text("All pending")


def test_enter_sends_for_who_wants_that(clinic: Clinic, desk_of: DeskOf, people: Cast) -> None:
    a_waiting_text(clinic, "Press a key")
    ana = desk_of("ana")
    ana.open("/preferences")
    ana.page.get_by_label("Enter sends").check()
    ana.button("Save").first.click()
    expect(ana.toast("saved").first).to_be_visible()
    ana.open("/inbox/unassigned")
    at(ana, "Press a key")

    ana.reply.press_sequentially("First")
    ana.reply.press("Shift+Enter")
    ana.reply.press_sequentially("second")
    ana.reply.press("Enter")

    expect(ana.bubble("First\nsecond")).to_be_visible()
    assert len(clinic.soon(lambda: clinic.messages("First\nsecond"))) == 1


def test_who_asks_in_their_own_words_is_opted_out_with_one_click(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Please take me off your list")
    ana = desk_of("ana").open("/inbox/all")
    expect(ana.row("take me off")).to_contain_text("Possible opt-out")
    ana.stay()

    ana.row("take me off").locator(".row-link").focus()
    ana.page.keyboard.press("e")
    expect(ana.toast("may have asked for no more texts")).to_be_visible()
    at(ana, "Please take me off your list").button("Opt out").click()

    expect(ana.toast("Opted out")).to_be_visible()
    expect(ana.page.locator("#composer")).to_contain_text("The patient asked for no more texts")
    expect(ana.page.locator("#banner")).not_to_contain_text("Say so by")
    expect(ana.row("take me off")).to_contain_text("Opted out")
    ana.page.keyboard.press("e")
    expect(ana.toast("Completed")).to_be_visible()
    ana.has_stayed()
