"""An admin changes settings at a real browser: by mouse, by keys alone, and without scripts."""

import re
from collections.abc import Callable

from playwright.sync_api import Dialog, expect

from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import PHONE, Desk
from triage.domain.practice.privileges import Role

DeskOf = Callable[..., Desk]


def test_an_invitation_that_misses_something_says_so_on_the_page(desk_of: DeskOf) -> None:
    ada = desk_of("admin").open("/settings/members/new")

    ada.page.get_by_label("E-mail address").fill("not an address")
    ada.button("Invite").click()

    summary = ada.page.locator(".summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Enter the person's name.")
    expect(ada.page.get_by_label("E-mail address")).to_have_value("not an address")
    summary.get_by_role("link", name="Enter the person's name.").click()
    expect(ada.page.get_by_label("Name", exact=True)).to_be_focused()


def test_roles_are_ticked_reviewed_and_saved_by_keys_alone(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    ada = desk_of("admin").open("/settings/roles")

    ada.page.get_by_label("Export: Care team").focus()
    ada.page.keyboard.press("Space")
    ada.button("Review changes").focus()
    ada.page.keyboard.press("Enter")
    expect(ada.heading).to_have_text("Review changes")
    expect(ada.page.locator(".diff")).to_contain_text("gains Export")
    expect(ada.page.locator(".diff-people")).to_contain_text("Ana Alvarez")
    ada.button("Save these changes").focus()
    ada.page.keyboard.press("Enter")

    expect(ada.toast("1 role saved.")).to_be_visible()
    role = clinic.session.get(Role, people.roles["Care team"].id, populate_existing=True)
    assert role
    assert role.export


def test_roles_can_be_changed_without_scripts(desk_of: DeskOf) -> None:
    ada = desk_of("admin", java_script_enabled=False).open("/settings/roles")

    ada.page.get_by_label("Dashboard: Assigned only").check()
    ada.button("Review changes").click()
    ada.button("Save these changes").click()

    ada.open("/settings/roles")
    expect(ada.page.get_by_label("Dashboard: Assigned only")).to_be_checked()


def test_rules_are_tried_before_they_are_saved(clinic: Clinic, desk_of: DeskOf, people: Cast) -> None:
    ada = desk_of("admin").open("/settings/auto-assignment")

    ada.page.get_by_label("within").fill("30")
    expect(ada.page.locator("#rules")).to_have_class(re.compile("is-dirty"))
    ada.page.get_by_label("Patient's name, id or number").fill(people.pat.last_name)
    ada.page.get_by_label("Patient's name, id or number").press("Enter")

    expect(ada.page.get_by_role("status").filter(has_text="Unassigned")).to_be_visible()
    expect(ada.page.get_by_label("within")).to_have_value("30")
    expect(ada.page.get_by_text("Not saved yet.")).to_be_visible()


def test_who_leaves_with_something_unsaved_is_asked(desk_of: DeskOf) -> None:
    ada = desk_of("admin").open("/settings/auto-assignment")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    ada.page.on("dialog", stay)
    ada.page.get_by_label("within").fill("31")
    expect(ada.page.locator("#rules")).to_have_class(re.compile("is-dirty"))
    ada.page.locator("#nav-mine").click()

    expect(ada.page.get_by_label("within")).to_have_value("31")
    assert asked == ["You have changes that are not saved. Leave without saving them?"]

    ada.button("Save").click()
    expect(ada.toast("Rules saved.")).to_be_visible()
    ada.page.locator("#nav-mine").click()
    expect(ada.heading).to_have_text("For me")
    assert len(asked) == 1


def test_what_is_wrong_is_said_at_the_top_and_leads_to_its_field(desk_of: DeskOf) -> None:
    ada = desk_of("admin").open("/settings/facilities/new")

    ada.page.get_by_label("Name").fill("   ")
    ada.button("Add location").click()

    summary = ada.page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(ada.page.get_by_label("Name")).to_be_focused()


def test_a_number_is_tested_at_the_carrier(desk_of: DeskOf, people: Cast) -> None:
    ada = desk_of("admin").open(f"/settings/numbers/{people.north_number.id}")

    ada.button("Test").click()

    expect(ada.page.locator("[role=status] dl")).to_contain_text("The account has this number")
    expect(ada.page.locator("[role=status] dl")).to_contain_text("calls this installation")


def test_two_admins_save_the_same_part(desk_of: DeskOf) -> None:
    ada, second = desk_of("admin"), desk_of("admin")
    for desk in (ada, second):
        desk.open("/settings/practice").page.get_by_label("Sign out after").fill(
            "20" if desk is ada else "25"
        )

    times = 'form:has(#f-idle_minutes) button[type="submit"]'
    ada.page.locator(times).click()
    expect(ada.toast("Practice saved.")).to_be_visible()
    second.page.locator(times).click()

    expect(second.page.get_by_role("alert")).to_contain_text("Idle minutes until sign-out is now 20")
    expect(second.page.get_by_label("Sign out after")).to_have_value("25")
    second.page.locator(times).click()
    expect(second.toast("Practice saved.")).to_be_visible()


def test_words_are_seen_as_somebody_gets_them_while_they_are_written(desk_of: DeskOf) -> None:
    ada = desk_of("admin").open("/settings/texts")

    ada.page.locator("#f-signature").fill("Your team at {practice}")
    expect(ada.page.locator("#preview-signature")).to_contain_text("Your team at Elm Street Clinic")
    ada.page.locator("#f-signature").fill("- {nobody}")
    expect(ada.page.locator("#preview-signature")).to_contain_text("There is no {nobody}.")


def test_opening_hours_are_saved_without_scripts_and_wrong_ones_are_said_in_place(desk_of: DeskOf) -> None:
    ada = desk_of("admin", java_script_enabled=False).open("/settings/hours")
    week = ada.page.locator("form", has=ada.page.get_by_role("heading", name="Every week"))

    week.get_by_label("Monday: opens", exact=True).fill("17:00")
    week.get_by_label("Monday: closes", exact=True).fill("08:00")
    week.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_role("alert")).to_contain_text("Monday: 17:00 to 08:00 ends before it starts.")
    expect(week.get_by_label("Monday: opens", exact=True)).to_have_value("17:00")

    week.get_by_label("Monday: opens", exact=True).fill("00:00")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        week.get_by_label(f"{day}: opens", exact=True).fill("00:00")
        week.get_by_label(f"{day}: closes", exact=True).fill("00:00")
    week.get_by_role("button", name="Save").click()

    expect(ada.page.get_by_text("Open now, around the clock.")).to_be_visible()
    ada.page.get_by_role("switch").check()
    ada.page.locator("#closed-reply").get_by_role("button", name="Save").click()
    expect(ada.page.get_by_role("switch")).to_be_checked()


def test_on_a_phone_one_button_leads_to_every_settings_page(desk_of: DeskOf) -> None:
    ada = desk_of("admin", **PHONE).open("/settings/practice")

    ada.button("Practice").click()
    ada.open_popover.get_by_role("link", name="Auto-assignment").click()

    expect(ada.heading).to_have_text("Auto-assignment")
    expect(ada.button("Auto-assignment")).to_be_visible()


def test_what_was_changed_before_the_scripts_came_is_unsaved_too(desk_of: DeskOf) -> None:
    ada = desk_of("admin")
    with ada.held("/forms.js") as script:
        ada.page.goto("/settings/auto-assignment", wait_until="commit")
        within = ada.page.get_by_label("within")
        served = within.input_value()
        within.fill("40")
        script.comes()

    expect(ada.page.locator("#rules")).to_have_class(re.compile("is-dirty"))
    within.fill(served)
    expect(ada.page.locator("#rules")).not_to_have_class(re.compile("is-dirty"))
