"""The queue by hand, by key and by finger: nothing jumps, nothing is lost, and everything can be taken back."""

import re
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from tests import builders, cast
from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import PHONE, Desk
from triage.domain.inbox.task import State, Task
from triage.domain.practice.member import Member

DeskOf = Callable[..., Desk]


def waiting(clinic: Clinic, *bodies: str) -> list[Task]:
    """Texts of people who are not known, one after the other."""
    tasks = []
    for body in bodies:
        clinic.text(body, from_number=builders.a_number())
        tasks.append(clinic.soon(partial(clinic.task_of, body)))
    return tasks


def becomes(clinic: Clinic, body: str, state: State) -> None:
    def is_so() -> bool:
        task = clinic.task_of(body)
        return task is not None and task.state is state

    clinic.soon(is_so)


def has_focus(desk: Desk, words: str) -> None:
    expect(desk.row(words).locator(".row-link")).to_be_focused()


@pytest.fixture(autouse=True)
def nobody_waits(clinic: Clinic) -> None:
    """What earlier stories left is done."""
    admin = clinic.sign_in("admin")
    page = admin.get("/inbox/all").text
    tasks = re.findall(r'name="tasks" value="([^"]+)"', page)
    if tasks:
        admin.post("/selection/completion", tasks=tasks)


def test_twenty_rows_are_cleared_by_keys_alone(clinic: Clinic, desk_of: DeskOf) -> None:
    bodies = [f"Question {place:02} of twenty" for place in range(20)]
    waiting(clinic, *bodies)
    ana = desk_of("ana")
    expect(ana.page.locator("#rows > .row")).to_have_count(20)
    ana.stay()

    ana.page.keyboard.press("j")
    for place, body in enumerate(bodies):
        has_focus(ana, body)
        if place == 10:
            ana.page.keyboard.press("r")
            ana.has_opened(body)
            expect(ana.reply).to_be_focused()
            ana.page.keyboard.type("Nine is fine.")
            ana.page.keyboard.press("Control+Shift+Enter")
            expect(ana.toast("Queued and completed")).to_be_visible()
            ana.has_opened(bodies[place + 1])
        else:
            ana.page.keyboard.press("e")

    expect(ana.page.locator("#nav-unassigned .nav-count")).to_have_count(0)
    ana.has_stayed()
    for body in bodies:
        becomes(clinic, body, State.COMPLETED)
    assert ana.page.evaluate("document.activeElement !== document.body")

    ana.page.reload()
    expect(ana.page.locator("#empty")).to_contain_text("Nobody is waiting")
    pane = ana.page.locator("#conversation[data-open]")
    here = pane.get_attribute("data-conversation") or ""
    ana.page.go_back()
    expect(pane).not_to_have_attribute("data-conversation", here)
    ana.page.get_by_role("link", name="Completed").click()
    expect(ana.row(bodies[19])).to_be_visible()


def test_several_are_chosen_completed_and_taken_back(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "First of four", "Second of four", "Third of four", "Fourth of four")
    ana = desk_of("ana")
    ana.stay()
    boxes = ana.page.locator(".row-check input")

    ana.row("First of four").hover()
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(ana.page.locator("#selection-count")).to_have_text("3 selected")
    ana.button("Complete selected").click()

    expect(ana.toast("3 completed")).to_be_visible()
    expect(ana.row("Second of four")).to_contain_text("Completed by Ana Alvarez")
    expect(ana.page.locator("#queue.is-selecting")).to_have_count(0)
    becomes(clinic, "Third of four", State.COMPLETED)

    ana.page.keyboard.press("z")
    expect(ana.toast("3 undone")).to_be_visible()
    for body in ("First of four", "Second of four", "Third of four"):
        becomes(clinic, body, State.PENDING)
    ana.has_stayed()


def test_all_of_a_view_is_chosen_done_and_taken_back(clinic: Clinic, desk_of: DeskOf) -> None:
    """More than the page has loaded; in another location nothing moves."""
    bodies = [f"Mail {place:02}" for place in range(54)]
    clinic.text("From elsewhere", from_number=builders.a_number(), to=cast.SOUTH_NUMBER)
    waiting(clinic, *bodies)
    ana = desk_of("ana")
    ana.page.keyboard.press("f")
    ana.open_popover.get_by_label("Location").select_option("North")
    ana.button("Show").click()
    expect(ana.page.locator("#shown")).to_have_text("50 of 54")
    ana.stay()
    select = ana.page.locator("#select-view")

    ana.page.keyboard.press("j")
    expect(select).to_be_hidden()
    ana.page.keyboard.press("Control+a")
    expect(ana.page.locator("#selection-count")).to_have_text("50 selected")
    select.click()
    expect(ana.page.locator("#selection-count")).to_have_text("All 54 selected")
    expect(select).to_be_hidden()
    ana.button("Complete selected").click()

    expect(ana.toast("54 completed")).to_be_visible()
    expect(ana.page.locator("#empty")).to_be_visible()
    expect(ana.page.locator("#nav-completed")).to_be_visible()
    becomes(clinic, bodies[-1], State.COMPLETED)
    becomes(clinic, "From elsewhere", State.PENDING)

    ana.page.keyboard.press("z")
    expect(ana.toast("54 undone")).to_be_visible()
    expect(ana.page.locator("#shown")).to_have_text("50 of 54")
    becomes(clinic, bodies[0], State.PENDING)

    ana.page.locator(".row-check input").first.click()
    ana.page.keyboard.press("Control+a")
    select.click()
    expect(ana.page.locator("#selection-count")).to_have_text("All 54 selected")
    ana.page.keyboard.press("a")
    ana.open_popover.get_by_text("Ben Brook").click()
    ana.button("Assign to Ben Brook").click()
    expect(ana.toast("54 assigned")).to_be_visible()
    expect(ana.page.locator("#empty")).to_be_visible()
    becomes(clinic, bodies[-1], State.ASSIGNED)
    ana.has_stayed()


def test_choosing_by_keys_and_giving_to_one(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "By key one", "By key two", "By key three")
    ana = desk_of("ana")
    press = ana.page.keyboard.press

    press("j")
    press("x")
    press("Shift+J")
    expect(ana.page.locator("#selection-count")).to_have_text("2 selected")
    press("Control+a")
    expect(ana.page.locator("#selection-count")).to_have_text("3 selected")
    press("Escape")
    expect(ana.page.locator("#queue.is-selecting")).to_have_count(0)

    press("x")
    press("Shift+K")
    press("a")
    expect(ana.open_popover.get_by_label("Find a colleague")).to_be_focused()
    ana.page.keyboard.type("ben")
    expect(ana.button("Assign to Ben Brook")).to_be_visible()
    press("Enter")

    expect(ana.toast("2 assigned")).to_be_visible()
    becomes(clinic, "By key one", State.ASSIGNED)
    becomes(clinic, "By key two", State.ASSIGNED)


def test_what_was_left_is_named_and_stays_chosen(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Stays as it was", "Is completed")
    ana = desk_of("ana")
    ana.page.route("**/rows/**", lambda route: route.abort())
    number = clinic.soon(lambda: clinic.task_of("Stays as it was"))
    expect(ana.row("Is completed")).to_be_visible()

    clinic.sign_in("admin").post(f"/tasks/{number.id}/completion")
    ana.page.keyboard.press("j")
    ana.page.keyboard.press("Control+a")
    ana.page.keyboard.press("e")

    expect(ana.toast("Left as it was")).to_contain_text("Ada Admin completed this")
    becomes(clinic, "Is completed", State.COMPLETED)


def test_an_assignment_says_what_it_will_be(clinic: Clinic, desk_of: DeskOf, people: Cast) -> None:
    (task,) = waiting(clinic, "Who takes this?")
    clinic.sign_in("admin").post(f"/tasks/{task.id}/assignees", member_ids=[people.admin.id])
    ana = desk_of("ana").open("/inbox/all")

    ana.page.keyboard.press("j")
    ana.page.keyboard.press("a")
    expect(ana.open_popover.get_by_label("Ada Admin")).to_be_checked()
    ana.page.keyboard.press("ArrowDown")
    expect(ana.button("Assign to you only")).to_be_visible()
    ana.page.keyboard.press("Space")
    expect(ana.button("Assign to 2 people")).to_be_visible()
    ana.page.keyboard.press("Enter")
    expect(ana.row("Who takes this?").locator(".avatar")).to_have_count(2)

    ana.page.keyboard.press("a")
    ana.open_popover.get_by_text("Ben Brook").click()
    expect(ana.open_popover.get_by_label("Ada Admin")).not_to_be_checked()
    ana.button("Assign to Ben Brook only").click()
    expect(ana.row("Who takes this?").locator(".row-who")).to_have_text(re.compile("Ben Brook$"))
    has_focus(ana, "Who takes this?")

    ana.page.keyboard.press("m")
    expect(ana.row("Who takes this?").locator(".row-who")).to_contain_text("You")
    ana.page.keyboard.press("m")
    expect(ana.row("Who takes this?")).to_contain_text("Unassigned")
    becomes(clinic, "Who takes this?", State.PENDING)


def test_a_search_leaves_no_word_in_the_address_and_the_folders_keep_it(
    clinic: Clinic, desk_of: DeskOf
) -> None:
    waiting(clinic, "A question about my inhaler", "Something else")
    ana = desk_of("ana")
    ana.stay()

    ana.page.keyboard.press("/")
    expect(ana.page.locator("#view-search")).to_have_accessible_description("Enter searches")
    expect(ana.page.locator(".queue-search kbd:visible")).to_have_text("Enter")
    ana.page.keyboard.type("inhal")
    ana.page.keyboard.press("Enter")
    expect(ana.page).to_have_url(re.compile(r"/inbox/unassigned\?search=[0-9a-f-]{36}$"))
    expect(ana.page.locator("#rows > .row")).to_have_count(1)
    expect(ana.row("inhaler").locator("mark")).to_have_text("inhal")
    ana.row("inhaler").click()
    expect(ana.bubble("inhaler").locator("mark")).to_have_text("inhal")
    clinic.text("The inhaler is blue", from_number=clinic.number_of("A question about my inhaler"))
    expect(ana.bubble("is blue").locator("mark")).to_have_text("inhal")

    expect(ana.page.locator("#nav-completed")).to_have_attribute("href", re.compile("search="))
    ana.page.get_by_role("link", name="Completed").click()
    expect(ana.page.locator("#empty")).to_contain_text("No message matches")
    ana.page.get_by_role("link", name=re.compile("^“inhal”")).click()
    expect(ana.page).to_have_url(re.compile("/inbox/completed$"))
    ana.page.go_back()
    expect(ana.page.locator("#view-search")).to_have_value("inhal")
    assert "inhal" not in ana.page.title()
    ana.has_stayed()


def test_filters_are_chosen_in_a_box_and_taken_off_by_their_chips(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    waiting(clinic, "From the north")
    clinic.text("From the south", from_number=builders.a_number(), to=cast.SOUTH_NUMBER)
    clinic.soon(lambda: clinic.task_of("From the south"))
    ana = desk_of("ana")
    ana.stay()

    ana.page.keyboard.press("f")
    ana.open_popover.get_by_label("Location").select_option("South")
    ana.open_popover.get_by_label("Unread only").check()
    ana.button("Show").click()

    expect(ana.page).to_have_url(re.compile(rf"\?loc={people.south.id}&unread=1$"))
    expect(ana.row("From the south")).to_be_visible()
    expect(ana.row("From the north")).to_have_count(0)
    expect(ana.page.locator("#nav-unassigned .nav-count")).to_contain_text("1")
    ana.page.get_by_role("link", name=re.compile("^South")).click()
    expect(ana.row("From the north")).to_be_visible()
    ana.has_stayed()


def test_a_new_row_waits_while_somebody_is_in_the_list(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Was there before")
    ana = desk_of("ana").open("/inbox/unassigned?sort=newest")
    ana.page.keyboard.press("j")
    has_focus(ana, "Was there before")
    place = ana.row("Was there before").bounding_box()

    waiting(clinic, "Comes later")
    expect(ana.page.locator("#new-pill")).to_contain_text("1 new")
    expect(ana.row("Comes later")).to_have_count(0)
    assert ana.row("Was there before").bounding_box() == place
    has_focus(ana, "Was there before")

    ana.page.locator("#new-pill button").click()
    has_focus(ana, "Comes later")


def test_who_takes_a_step_back_sees_the_row_where_it_was(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "First of four", "Goes and comes back", "Third of four", "Last of four")
    ana = desk_of("ana")
    for _ in range(2):
        ana.page.keyboard.press("j")

    ana.page.keyboard.press("e")
    expect(ana.toast("Completed")).to_be_visible()
    expect(ana.row("Goes and comes back")).to_contain_text("Completed by")
    ana.page.keyboard.press("j")
    expect(ana.row("Goes and comes back")).to_have_count(0)
    ana.page.keyboard.press("z")

    rows = ana.page.locator("#rows > .row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("Goes and comes back")
    expect(ana.page.locator("#new-pill")).to_be_hidden()
    has_focus(ana, "Last of four")


def test_an_undo_that_came_too_late_is_not_offered(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Back and forth")
    ana = desk_of("ana").open("/inbox/all")
    undo = ana.toasts.get_by_role("button", name="Undo")

    ana.page.keyboard.press("j")
    ana.page.keyboard.press("m")
    expect(ana.toast("Assigned to you · ")).to_be_visible()
    ana.page.keyboard.press("e")
    expect(ana.toast("Completed · ")).to_be_visible()
    expect(ana.toast("Assigned to you")).to_have_count(0)
    expect(undo).to_have_count(1)

    task = clinic.soon(lambda: clinic.task_of("Back and forth"))
    clinic.sign_in("admin").post(f"/tasks/{task.id}/reopening")
    expect(undo).to_have_count(0)


def test_the_navigation_stays_as_narrow_as_it_was_made(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    label = ana.page.locator("#nav-unassigned .nav-label")
    nav = ana.page.get_by_role("navigation", name="Views")

    ana.page.keyboard.press("[")
    expect(nav).to_have_css("width", "56px")
    ana.page.reload()
    expect(nav).to_have_css("width", "56px")
    expect(label).to_have_css("position", "absolute")

    ana.page.locator(".nav-user").click()
    ana.page.get_by_role("button", name="Narrow or wide navigation").click()
    expect(nav).to_have_css("width", "216px")


def test_a_phone_is_locked_from_more(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana", **PHONE)

    ana.button("More").click()
    ana.open_popover.get_by_role("button", name="Lock").click()

    expect(ana.page.locator("#cover")).to_be_visible()


def test_what_failed_is_taken_back_and_says_what_to_do(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Cannot be completed now")
    ana = desk_of("ana")
    ana.page.keyboard.press("j")

    with ana.held("/completion") as answer:
        ana.page.keyboard.press("e")
        expect(ana.row("Cannot be completed now")).to_have_class(re.compile("is-busy"))
        expect(ana.row("Cannot be completed now").locator(".row-state .is-green")).to_have_count(1)
        answer.never_comes()

    expect(ana.toasts).to_contain_text("Nothing was changed; try again.")
    expect(ana.row("Cannot be completed now").locator(".row-state .is-red")).to_have_count(1)
    expect(ana.row("Cannot be completed now")).not_to_have_class(re.compile("is-busy"))


def test_what_is_done_with_a_row_does_not_wait_for_the_row_itself(clinic: Clinic, desk_of: DeskOf) -> None:
    """A line that is slow at the wrong moment loses no key: the row is fetched, and to be fetched once more."""
    (task,) = waiting(clinic, "Done while it is fetched")
    ana, admin = desk_of("ana"), clinic.sign_in("admin")
    expect(ana.row("Done while it is fetched")).to_be_visible()
    ana.page.keyboard.press("j")

    def is_marked() -> None:
        admin.get(f"/inbox/all/c/{task.conversation_id}")
        admin.post(f"/conversations/{task.conversation_id}/unread")

    with ana.held(f"/rows/{task.id}") as line:
        is_marked()
        line.is_asked_for()
        # Counts are fetched after rows: when they come, the row is to be fetched once more.
        with ana.page.expect_response(lambda answer: "/inbox/counts" in answer.url):
            is_marked()
        ana.page.keyboard.press("e")
        becomes(clinic, "Done while it is fetched", State.COMPLETED)
        line.comes()

    expect(ana.row("Done while it is fetched")).to_contain_text("Completed by Ana Alvarez")


def test_a_folder_that_does_not_come_says_so(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Still there")
    ana = desk_of("ana")
    ana.page.route("**/inbox/completed", lambda route: route.abort())

    ana.page.get_by_role("link", name="Completed").click()
    expect(ana.page.locator(".is-problem")).to_contain_text("Could not load")
    ana.page.unroute("**/inbox/completed")
    ana.page.get_by_role("link", name="Try again").click()
    expect(ana.heading).to_have_text("Completed")


def test_a_folder_that_takes_its_time_shows_that_rows_will_come(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Before the wait")
    ana = desk_of("ana")

    with ana.held("/inbox/completed") as answer:
        ana.page.get_by_role("link", name="Completed").click()
        expect(ana.page.locator(".skeleton-row")).to_have_count(6)
        expect(ana.page.locator(".skeleton")).to_be_visible()
        answer.comes()
        expect(ana.heading).to_have_text("Completed")
    expect(ana.page.locator(".skeleton")).not_to_be_visible()


def test_a_notice_never_covers_the_last_row(clinic: Clinic, desk_of: DeskOf) -> None:
    bodies = [f"Long list {place:02}" for place in range(14)]
    waiting(clinic, *bodies)
    ana = desk_of("ana")
    for _ in range(3):
        ana.page.keyboard.press("j")
        ana.page.keyboard.press("m")
    expect(ana.toasts).to_have_count(3)

    ana.row(bodies[-1]).scroll_into_view_if_needed()
    row, notice = ana.row(bodies[-1]).bounding_box(), ana.toasts.first.bounding_box()
    assert row and notice
    assert row["y"] + row["height"] <= notice["y"] + 1


def test_the_palette_acts_goes_and_finds(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "For the palette")
    ana = desk_of("ana")
    ana.stay()
    press, box = ana.page.keyboard.press, ana.page.get_by_role("combobox", name="Type a command or a name")

    press("j")
    press("Control+k")
    expect(box).to_be_focused()
    ana.page.keyboard.type("compl")
    expect(ana.page.get_by_role("option").first).to_contain_text("Complete, go to next")
    press("Enter")
    expect(ana.toast("Completed")).to_be_visible()
    becomes(clinic, "For the palette", State.COMPLETED)

    press("Control+k")
    expect(box).to_be_focused()
    ana.page.keyboard.type("all pend")
    press("Enter")
    expect(ana.heading).to_have_text("All pending")
    ana.has_stayed()

    press("Control+k")
    expect(ana.page.get_by_role("group", name="Last used")).to_contain_text("All pending")
    ana.page.keyboard.type("porter")
    expect(ana.page.get_by_role("group", name="Patients")).to_contain_text("Pat Porter")
    assert "porter" not in ana.page.evaluate("JSON.stringify({ ...localStorage })").lower()
    with ana.context.expect_page() as opened:
        press("Control+Enter")
    assert re.search("/patients/[0-9a-f-]{36}$", opened.value.url)


def test_single_keys_can_be_switched_off(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Not by one key")
    clinic.session.execute(update(Member).where(Member.login == "ana").values(single_keys=False))
    clinic.session.commit()
    ana = desk_of("ana")

    ana.row("Not by one key").locator(".row-link").focus()
    ana.page.keyboard.press("e")
    ana.page.keyboard.press("Control+k")
    expect(ana.page.locator("dialog#palette")).to_be_visible()
    ana.page.keyboard.type("assign to me")
    ana.page.keyboard.press("Enter")

    expect(ana.toast("Assigned to you")).to_be_visible()
    clinic.session.execute(update(Member).where(Member.login == "ana").values(single_keys=True))
    clinic.session.commit()


def test_a_finger_chooses_takes_and_completes(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Swiped to the right", "Swiped to the left")
    ana = desk_of("ana", **PHONE).open("/inbox/all")

    swipe(ana, "Swiped to the right", 180)
    expect(ana.toast("Assigned to you")).to_be_visible()
    swipe(ana, "Swiped to the left", -180)
    expect(ana.toast("Completed")).to_be_visible()
    becomes(clinic, "Swiped to the left", State.COMPLETED)
    becomes(clinic, "Swiped to the right", State.ASSIGNED)
    expect(ana.page).to_have_url(re.compile("/inbox/all$"))

    swipe(ana, "Swiped to the right", 0, holds=True)
    expect(ana.page.locator("#selection-count")).to_have_text("1 selected")
    ana.button("Choose none").click()
    ana.row("Swiped to the right").get_by_role("button", name=re.compile("^More")).click()
    ana.open_popover.get_by_role("button", name="Not mine any more").click()
    becomes(clinic, "Swiped to the right", State.PENDING)


SWIPE = """async ([row, across, holds]) => {
  const link = row.querySelector(".row-link");
  const { x, y, height } = link.getBoundingClientRect();
  const say = (name, dx) => link.dispatchEvent(new PointerEvent(name, {
    bubbles: true, cancelable: true, pointerType: "touch", clientX: x + 150 + dx, clientY: y + height / 2 }));
  say("pointerdown", 0);
  for (const part of [0.2, 0.6, 1]) if (across) say("pointermove", across * part);
  if (holds) await new Promise((done) => {
    const watch = new MutationObserver(() => row.classList.contains("is-chosen") && (watch.disconnect(), done()));
    watch.observe(row, { attributes: true });
  });
  say("pointerup", across);
}"""


def swipe(desk: Desk, words: str, across: int, *, holds: bool = False) -> None:
    """A finger on a row, moved across or held still."""
    expect(desk.row(words)).to_be_visible()
    desk.page.wait_for_load_state("networkidle")
    desk.row(words).evaluate(f"(row, given) => ({SWIPE})([row, ...given])", [across, holds])


def test_without_script_rows_are_chosen_in_a_form(clinic: Clinic, desk_of: DeskOf) -> None:
    waiting(clinic, "Plain one", "Plain two")
    ana = desk_of("ana", java_script_enabled=False)

    for words in ("Plain one", "Plain two"):
        ana.row(words).get_by_role("checkbox").check()
    ana.button("Assign selected").click()
    ana.page.get_by_label("Ben Brook").check()
    ana.button("Assign").click()
    expect(ana.toast("2 assigned")).to_be_visible()
    becomes(clinic, "Plain two", State.ASSIGNED)

    ana.open("/inbox/all").page.get_by_role("button", name="Filter").click()
    ana.page.get_by_label("Assigned to").select_option("Ben Brook")
    ana.button("Show").click()
    expect(ana.row("Plain one")).to_be_visible()
    ana.page.get_by_role("searchbox").fill("plain two")
    ana.page.keyboard.press("Enter")
    expect(ana.row("Plain two").locator("mark")).to_have_count(2)
    expect(ana.row("Plain one")).to_have_count(0)
