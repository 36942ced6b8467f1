"""On paper, with strong edges, and in the colours of the system: what matters can still be seen."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]
PRESSABLE = "button:visible, .button:visible:not(.assignees-button), textarea:visible, nav:visible"
EDGES = """() => [...document.querySelectorAll("input, select, textarea, .button")]
  .filter((one) => one.checkVisibility() && one.type !== "hidden" && one.type !== "checkbox" && one.type !== "radio")
  .filter((one) => parseFloat(getComputedStyle(one).borderTopWidth) < 1 && !one.classList.contains("is-quiet"))
  .map((one) => one.outerHTML.slice(0, 100))"""


def with_a_text(clinic: Clinic, desk_of: DeskOf, body: str, **window: Any) -> Desk:
    clinic.text(body, from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of(body))
    ana = desk_of("ana", **window)
    expect(ana.row(body)).to_be_visible()
    return ana


def test_the_list_is_printed_with_the_practice_and_without_buttons(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = with_a_text(clinic, desk_of, "On paper", color_scheme="dark")

    ana.page.emulate_media(media="print")

    expect(ana.page.locator(".print-head")).to_contain_text("Elm Street Clinic")
    expect(ana.page.locator(".print-head")).to_contain_text("by Ana Alvarez")
    expect(ana.row("On paper")).to_be_visible()
    expect(ana.page.locator(PRESSABLE)).to_have_count(0)
    assert ana.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_conversation_is_printed_without_the_list(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = with_a_text(clinic, desk_of, "For the file")
    ana.row("For the file").click()
    expect(ana.bubble("For the file")).to_be_visible()

    ana.page.emulate_media(media="print")

    expect(ana.bubble("For the file")).to_be_visible()
    expect(ana.page.locator("#queue")).to_be_hidden()
    expect(ana.page.locator(PRESSABLE)).to_have_count(0)


def test_the_list_can_be_printed_while_a_conversation_is_open(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = with_a_text(clinic, desk_of, "Both are open")
    ana.row("Both are open").click()
    expect(ana.bubble("Both are open")).to_be_visible()
    ana.page.evaluate("() => { window.print = () => (window.printed = document.body.dataset.prints); }")

    ana.button("Oldest first").click()
    ana.button("Print this list").click()
    assert ana.page.evaluate("() => window.printed") == "list"
    ana.page.emulate_media(media="print")

    expect(ana.page.locator("#queue")).to_be_visible()
    expect(ana.page.locator("#conversation")).to_be_hidden()


def test_in_the_colours_of_the_system_everything_has_an_edge(clinic: Clinic, desk_of: DeskOf) -> None:
    with_a_text(clinic, desk_of, "In two colours")
    ada = desk_of("admin", forced_colors="active")

    without: list[str] = []
    for address in ("/inbox/all", "/settings/practice", "/settings/roles", "/settings/texts", "/preferences"):
        ada.open(address)
        without += ada.page.evaluate(EDGES)

    assert without == []


def test_with_strong_edges_lines_are_as_dark_as_those_of_controls(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana", contrast="more").open("/preferences")

    line, strong = ana.page.evaluate(
        """() => ["--line", "--line-2"].map((name) => {
          const probe = document.body.appendChild(document.createElement("i"));
          probe.className = "card-foot";
          const colour = getComputedStyle(document.documentElement).getPropertyValue(name);
          probe.remove();
          return colour;
        })"""
    )

    assert line == strong
