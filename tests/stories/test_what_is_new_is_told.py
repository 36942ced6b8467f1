"""A message comes while somebody does something else: a sound, a pop-up, the count; and never a word of it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect

from tests import builders, cast
from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]
OF_PAT = "Do I fast before the blood test?"
COUNT_SOUNDS = """
window.sounds = window.popUps = 0;
document.addEventListener("notify:rang", () => (window.sounds += 1));
document.addEventListener("notify:popped", () => (window.popUps += 1));
"""
# Whoever looks into a page under test counts as having touched it; here only a hand does.
ONLY_A_HAND_TOUCHES = """
window.isTouched = false;
addEventListener("pointerdown", () => (window.isTouched = true), { capture: true });
Object.defineProperty(navigator, "userActivation", { value: { get hasBeenActive() { return window.isTouched; } } });
"""
SHOWN = """async () => {
  const shown = await (await navigator.serviceWorker.getRegistration()).getNotifications();
  return shown.map(({ title, body, tag }) => [title, body, tag].join("|"));
}"""


def choose(clinic: Clinic, login: str, **wishes: str) -> None:
    """This member's preferences, as their form sends them."""
    answer = clinic.sign_in(login).post(
        "/preferences",
        **{
            "theme": "system",
            "density": "comfortable",
            "notify_sound": "none",
            "notify_popup": "none",
            "notify_tune": "chime",
            "single_keys": "yes",
            "is_available_for_chat": "yes",
            **wishes,
        },
    )
    assert answer.status_code == 303


def listening(desk: Desk) -> Desk:
    """The page hears of what happens, and counts what it makes of it."""
    desk.context.add_init_script(COUNT_SOUNDS)
    desk.context.add_init_script(ONLY_A_HAND_TOUCHES)
    desk.page.reload()
    return desk


def sounds(page: Page) -> int:
    return int(page.evaluate("window.sounds"))


def a_text(clinic: Clinic, body: str, number: str | None = None) -> None:
    clinic.text(body, from_number=number or builders.a_number())
    clinic.soon(lambda: clinic.message(body))


def test_it_rings_once_a_page_was_touched_and_says_so_until_then(clinic: Clinic, desk_of: DeskOf) -> None:
    choose(clinic, "ana", notify_sound="all")
    ana = listening(desk_of("ana"))

    expect(ana.page.locator("#mute")).to_be_visible()
    a_text(clinic, "Nobody hears this")
    expect(ana.row("Nobody hears this")).to_be_visible()
    assert sounds(ana.page) == 0

    ana.page.locator("#mute").click()
    expect(ana.page.locator("#mute")).to_be_hidden()
    a_text(clinic, "This rings")
    ana.page.wait_for_function("() => window.sounds > 0")
    assert ana.page.evaluate("window.sounds") == 1


def test_of_many_at_once_and_of_many_tabs_one_rings(clinic: Clinic, desk_of: DeskOf) -> None:
    choose(clinic, "ana", notify_sound="all")
    ana = listening(desk_of("ana"))
    second = ana.new_page()
    second.goto("/inbox/all")
    for page in (ana.page, second):
        page.locator("h1").click()

    for place in range(3):
        a_text(clinic, f"One of three: {place}")
    for page in (ana.page, second):
        expect(page.locator("#rows > .row", has_text="One of three: 2")).to_be_visible()

    clinic.soon(lambda: sounds(ana.page) + sounds(second) == 1)
    assert sounds(ana.page) + sounds(second) == 1


def test_whoever_wants_only_what_is_theirs_hears_nothing_else(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    choose(clinic, "ana", notify_sound="mine", notify_popup="mine")
    number = builders.a_number()
    a_text(clinic, "Who has this one?", number)
    ana = listening(desk_of("ana").open("/settings"))
    ana.page.locator("h1").click()

    a_text(clinic, "For nobody in particular")
    expect(ana.page).to_have_title(re.compile(r"^\(\d+\) "))
    assert sounds(ana.page) == 0

    task = clinic.task_of("Who has this one?")
    assert task
    clinic.sign_in("admin").post(f"/tasks/{task.id}/assignees", member_ids=[people.ana.id])
    a_text(clinic, "And now it is mine", number)

    expect(ana.toast("New message assigned to you")).to_be_visible()
    ana.page.wait_for_function("() => window.sounds === 1")


def around_now(zone: str, *, until: timedelta) -> dict[str, str]:
    """Quiet hours that began an hour ago, by the practice's clock."""
    now = datetime.now(ZoneInfo(zone))
    return {
        "quiet_from": f"{now - timedelta(hours=1):%H:%M}",
        "quiet_until": f"{now + until:%H:%M}",
    }


def test_in_quiet_hours_nothing_sounds_or_pops_up_and_everything_is_counted(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    zone = people.practice.time_zone
    quiet = around_now(zone, until=timedelta(hours=1))
    choose(clinic, "ana", notify_sound="all", notify_popup="all", **quiet)
    ana = listening(desk_of("ana").open("/preferences"))
    ana.page.locator("h1").click()
    before = int(ana.page.locator("#counts").get_attribute("data-total") or 0)

    a_text(clinic, "In the quiet of the night")
    expect(ana.page.locator("#counts")).not_to_have_attribute("data-total", str(before))
    expect(ana.page).to_have_title(re.compile(r"^\(\d+\) "))
    assert sounds(ana.page) == 0
    expect(ana.toasts).to_have_count(0)

    over = around_now(zone, until=timedelta(minutes=-30))
    choose(clinic, "ana", notify_sound="all", notify_popup="all", **over)
    ana.page.reload()
    ana.page.locator("h1").click()
    a_text(clinic, "And then it is day")
    ana.page.wait_for_function("() => window.sounds === 1")
    expect(ana.toast("New message")).to_be_visible()


def test_the_count_stands_in_the_title_and_on_the_icon(clinic: Clinic, desk_of: DeskOf) -> None:
    a_text(clinic, "Counted")
    ana = desk_of("ana")

    expect(ana.page).to_have_title(re.compile(r"^\(\d+\) Unassigned · Elm Street Clinic$"))
    expect(ana.page.locator("#favicon")).to_have_attribute("href", re.compile("favicon-waiting.svg$"))


def looks_elsewhere(page: Page) -> None:
    """Another window is in front: pages under test otherwise all believe that somebody looks at them."""
    page.context.new_cdp_session(page).send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    page.context.new_page().bring_to_front()
    page.wait_for_function("() => !document.hasFocus()")


def test_a_pop_up_of_the_system_is_asked_for_in_settings_and_names_nobody(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    choose(clinic, "ana", notify_popup="all")
    ana = listening(desk_of("ana", service_workers="allow", permissions=["notifications"]))
    ana.open("/preferences")
    expect(ana.page.get_by_text("Pop-ups are allowed, also when you look elsewhere.")).to_be_visible()
    ana.page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    looks_elsewhere(ana.page)
    a_text(clinic, OF_PAT, cast.PAT_NUMBER)
    ana.page.wait_for_function("() => window.popUps === 1")

    shown: Any = ana.page.evaluate(SHOWN)
    assert shown == ["New message||triage"]


def test_nobody_is_asked_before_the_button_is_pressed(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    ana.context.add_init_script(
        """
        Object.defineProperty(Notification, "permission", { get: () => "default" });
        Notification.requestPermission = async () => { document.documentElement.dataset.asked = "yes"; return "default"; };
        """
    )
    ana.open("/inbox/unassigned").open("/preferences")
    asked = ana.page.locator("html[data-asked]")
    allow = ana.page.get_by_role("button", name="Allow pop-ups")
    expect(allow).to_be_visible()
    expect(asked).to_have_count(0)

    allow.click()
    expect(asked).to_have_count(1)


def test_the_sounds_can_be_heard_where_they_are_chosen(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = listening(desk_of("ana").open("/preferences"))

    ana.page.get_by_label("Knock").check()
    ana.button("Play it").click()

    ana.page.wait_for_function("() => window.sounds === 1")
