"""An admin changes settings at a real browser: by mouse, by keys alone, and without scripts."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.practice.privileges import Role

DeskOf = Callable[..., Desk]


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
