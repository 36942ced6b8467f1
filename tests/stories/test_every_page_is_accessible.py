"""Every page, light and dark, wide and narrow: no barrier, no breach of the content policy, nothing cut off.

A page that nobody visits here fails the test: name it among PLACES.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

import httpx
import pyotp
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from bench.installation import Installation
from tests import builders, cast
from tests.cast import Cast
from tests.domain.importing.files import ROSA, a_bundle, a_table
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.app import create_app
from triage.config import Settings
from triage.domain.access import tokens
from triage.domain.access.tokens import Purpose
from triage.domain.conversations.conversation import Conversation
from triage.domain.importing import starting
from triage.domain.importing.run import ImportRow, Outcome, State, Undo
from triage.domain.inbox import merging
from triage.domain.inbox.task import Task
from triage.domain.patients.phones import PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.kit import clock

WITH_PHONES = True

# They answer with something else than HTML.
NO_PAGES = {
    "importing.report",
    "static",
    "health.healthz",
    "health.readyz",
    "installed.manifest",
    "installed.worker",
    "live.stream",
    "live.since",
    "drafts.draft",
    "presence.everybody",
    "webhooks.messages",
    "webhooks.status",
}
# Pieces that pages are made of, and are seen in them.
PIECES = {
    "auth.again",
    "selection.choose_view",
    "importing.progress",
    "inbox.rows",
    "inbox.row",
    "inbox.counts",
    "conversations.thread",
}
# 720 is a small tablet, and half of a wide window: twice as large letters.
WIDE, MIDDLE, NARROW, NARROWEST = 1440, 720, 390, 320
LOOKS = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "dark"), (NARROW, "light"))


class Place(NamedTuple):
    """A page in a state. `then` is done on it: names of buttons and links to press, `label=words` to write,
    `+label` to tick or untick, `keys=a b` to press one after the other.
    """

    endpoint: str
    address: str
    then: tuple[str, ...] = ()
    who: str = "admin"

    def __str__(self) -> str:
        return " ".join((self.who, re.sub(r"[{}]", "", self.address), *self.then))


PLACES = [
    Place("auth.sign_in_page", "/sign-in", who="stranger"),
    Place(
        "auth.sign_in_page", "/sign-in", ("Login or e-mail=nobody", "Password=wrong", "Sign in"), "stranger"
    ),
    Place("auth.code_page", "/sign-in/code", who="stranger"),
    Place("installed.offline", "/offline", who="stranger"),
    Place("auth.ask_reset_page", "/password-reset", who="stranger"),
    Place("auth.reset_page", "/password-reset/{reset}", who="stranger"),
    Place("auth.reset_page", "/password-reset/nothing", who="stranger"),
    Place("auth.invitation", "/invitations/{invitation}", who="stranger"),
    Place("auth.invitation", "/invitations/{invitation}", ("New password=short", "Start"), "stranger"),
    Place("auth.set_up_page", "/set-up", who="stranger"),
    Place("auth.locked", "/preferences", ("Cleo Carter", "Lock"), "locked"),
    Place("auth.locked", "/locked", who="locked"),
    Place("demo.show", "/demo"),
    Place("inbox.home", "/"),
    Place("inbox.folder", "/inbox/unassigned"),
    Place("inbox.folder", "/inbox/unassigned", ("Oldest first",)),
    Place("inbox.folder", "/inbox/unassigned", ("Ada Admin",)),
    Place("inbox.folder", "/inbox/unassigned", ("Filter",)),
    Place("inbox.folder", "/inbox/unassigned", ("keys=j x",)),
    Place("inbox.folder", "/inbox/unassigned", ("keys=j a",)),
    Place("inbox.folder", "/inbox/unassigned", ("keys=Control+k",)),
    Place("inbox.folder", "/inbox/unassigned", ("keys=?",)),
    Place("inbox.folder", "/inbox/unassigned", ("Search Unassigned=nothing", "keys=Enter")),
    Place("inbox.folder", "/inbox/overdue"),
    Place("inbox.choose_filters", "/inbox/all/filters?unread=1"),
    Place("selection.choose_assignees", "/selection/assignees?tasks={task}"),
    Place("inbox.folder", "/inbox/starred"),
    Place("inbox.folder", "/inbox/failed"),
    Place("inbox.folder", "/inbox/completed?unread=1&sort=oldest"),
    Place("inbox.folder", "/inbox/mine", who="ben"),
    Place("inbox.conversation", "/inbox/all/c/{known}"),
    Place("inbox.conversation", "/inbox/all/c/{known}", ("Change",)),
    Place("inbox.conversation", "/inbox/all/c/{known}", ("More actions",)),
    Place("inbox.conversation", "/inbox/all/c/{known}", ("More actions", "Why is it here?")),
    Place("inbox.conversation", "/inbox/all/c/{known}", ("More ways to send",)),
    Place("inbox.conversation", "/inbox/all/c/{long}"),
    Place("inbox.conversation", "/inbox/all/c/{stopped}"),
    Place("inbox.conversation", "/inbox/all/c/{asking}"),
    Place("inbox.conversation", "/inbox/all/c/{shared}"),
    Place("inbox.conversation", "/inbox/all/c/{shared}", ("Who uses this number",)),
    Place("who.show", "/conversations/{shared}/who"),
    Place("who.show", "/conversations/{shared}/who", ("Name, number, birth date or id=porter", "Search")),
    Place("who.show", "/conversations/{stopped}/who"),
    Place("inbox.conversation", "/inbox/all/c/{unconfirmed}", who="dan"),
    Place("inbox.conversation", "/inbox/mine/c/{mine}", who="ben"),
    Place("conversations.window", "/inbox/all/c/{known}/window"),
    Place("conversations.window", "/inbox/all/c/{stopped}/window"),
    Place("tasks.choose_assignees", "/tasks/{task}/assignees"),
    Place("tasks.why", "/tasks/{task}/why"),
    Place("conversations.panel", "/conversations/{known}/panel"),
    Place("conversations.find", "/new-message"),
    Place("conversations.find", "/new-message", ("Name or id=a", "Search")),
    Place("conversations.find", "/new-message", ("Name or id=porter", "Search")),
    Place("patients.search", "/patients"),
    Place("patients.search", "/patients", ("Name, number, birth date or id=porter", "Search")),
    Place("patients.search", "/patients", ("Name, number, birth date or id=nobody", "Search")),
    Place("patients.show", "/patients/{patient}"),
    Place("patients.show", "/patients/{merged}"),
    Place("patients.new", "/patients/new"),
    Place("patients.new", "/patients/new", ("Mobile number=12", "Add patient")),
    Place("patients.edit", "/patients/{patient}/details"),
    Place("patients.edit", "/patients/{patient}/details", ("First name=", "Save")),
    Place("patients.log", "/patients/{patient}/log"),
    Place("patients.contacts", "/patients/{patient}/contacts"),
    Place("patients.contacts", "/patients/{patient}/contacts", ("Name=", "Add contact")),
    Place("patients.contact", "/patients/{patient}/contacts/{contact}"),
    Place("patients.access", "/patients/{patient}/access"),
    Place("patients.choose_other", "/patients/{patient}/merge"),
    Place(
        "patients.choose_other",
        "/patients/{patient}/merge",
        ("Name, number, birth date or id=porter", "Search"),
    ),
    Place("patients.compare", "/patients/{patient}/merge/{twin}"),
    Place("patients.show", "/patients/{asked}", who="dan"),
    Place("patients.show", "/patients/{unasked}", who="dan"),
    Place("patients.agreements", "/patients/{patient}/consent"),
    Place("patients.consent_form_page", "/patients/{patient}/numbers/{use}/consent-form"),
    Place("patients.consent_form_page", "/patients/{patient}/numbers/{use}/consent-form?language=es"),
    Place("signing.form", "/consent-form/{signing}", who="stranger"),
    Place("signing.form", "/consent-form/{signing}", ("Full name= ", "Sign"), "stranger"),
    Place("patients.care_team", "/patients/{patient}/care-team"),
    Place(
        "patients.care_team",
        "/patients/{patient}/care-team",
        ("First day=2999-01-01", "Member=Ben Brook", "Add to the care team"),
    ),
    Place("patients.place_in_care_team", "/patients/{patient}/care-team/{teammate}"),
    Place(
        "patients.place_in_care_team",
        "/patients/{patient}/care-team/{teammate}",
        ("Last day=2999-01-01", "End it"),
    ),
    Place("inbox.folder", "/inbox/my-patients"),
    Place("importing.index", "/patients/import"),
    Place("importing.show", "/patients/import/{import_draft}"),
    Place("importing.show", "/patients/import/{import_running}"),
    Place("importing.show", "/patients/import/{import_tried}"),
    Place("importing.show", "/patients/import/{import_done}"),
    Place("importing.show", "/patients/import/{import_fhir}"),
    Place("settings.home", "/settings"),
    Place("settings.practice", "/settings/practice"),
    Place("settings.practice", "/settings/practice", ("Name=", "Save")),
    Place("settings.opening_hours", "/settings/hours"),
    Place(
        "settings.opening_hours", "/settings/hours", ("Monday: opens=17:00", "Monday: closes=08:00", "Save")
    ),
    Place("settings.auto_assignment", "/settings/auto-assignment"),
    Place(
        "settings.auto_assignment",
        "/settings/auto-assignment",
        ("Patient's name, id or number=+12025550150", "Try it"),
    ),
    Place(
        "settings.auto_assignment",
        "/settings/auto-assignment",
        ("Patient's name, id or number=Shared", "Try it"),
    ),
    Place("settings.quarantine", "/settings/quarantine"),
    Place("settings.texts_of_patients", "/settings/texts"),
    Place("settings.texts_of_patients", "/settings/texts", ("Words=- {nobody}", "Save")),
    Place("settings.roles", "/settings/roles"),
    Place("settings.roles", "/settings/roles", ("+Export: Supervisor", "Review changes")),
    Place("settings.new_role", "/settings/roles/new"),
    Place("settings.role", "/settings/roles/{role}"),
    Place("settings.members", "/settings/members"),
    Place("settings.new_member", "/settings/members/new", ("Name=", "Login=", "Invite")),
    Place(
        "settings.new_member",
        "/settings/members/new",
        ("Name=Hanna Hand", "Login=hanna", "Role=Care team", "Invite"),
    ),
    Place("settings.member", "/settings/members/{member}"),
    Place("settings.new_facility", "/settings/facilities/new"),
    Place("settings.facility", "/settings/facilities/{facility}"),
    Place("settings.new_number", "/settings/numbers/new", ("Number=12", "What it is for=Desk", "Add number")),
    Place("settings.number", "/settings/numbers/{number}"),
    Place("settings.number", "/settings/numbers/{number}", ("Test",)),
    Place("settings.numbers", "/settings/numbers"),
    Place("settings.policy", "/settings/security"),
    Place("settings.preferences", "/preferences"),
    Place("settings.security", "/security"),
    Place("settings.security", "/security", ("Present password=no", "New password=short", "Change password")),
    Place("settings.confirm_page", "/security/confirmation"),
    Place("settings.confirm_page", "/security/confirmation", ("Password=no", "Continue")),
    Place("settings.second_factor", "/security/app"),
    Place("settings.second_factor", "/security/app", ("Show the code to scan",), "cleo"),
    Place("settings.preferences", "/preferences", who="cleo"),
    Place("inbox.folder", "/inbox/mine", who="cleo"),
    Place("inbox.folder", "/inbox/nothing-here"),
]

OPENED = (
    "[popover]:popover-open, dialog[open], .is-selecting, .summary, [role=alert], .results, .empty, .qr, .diff,"
    " .field-error, .trial, .choices, [role=status] dl, #f-link"
)
OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth;
  const found = document.documentElement.scrollWidth > wide ? ["the page itself"] : [];
  const name = (element) => element.outerHTML.slice(0, 120);
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const scrolls = ["auto", "scroll"].includes(style.overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1 && !element.closest(".table-scroll")) {
      found.push(`scrolls sideways: ${name(element)}`);
    }
    const box = element.getBoundingClientRect();
    const isOutside = box.width > 2 && (box.right > wide + 1 || box.left < -1);
    const isMeant = element.closest(".table-scroll, .truncate, .skip, .panel") || style.clipPath !== "none";
    if (isOutside && !isMeant) found.push(`stands outside: ${name(element)}`);
  }
  return [...new Set(found)];
}"""


# Colours that are on their way from one theme to the other are neither.
IS_AT_REST = """() => document.getAnimations().every((one) =>
  one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


@pytest.fixture(scope="module")
def addresses(house: Installation) -> Iterator[dict[str, Any]]:
    """Everything that a page can look odd with; the ids that the addresses of PLACES name."""
    engine = create_engine(house.database_url)
    with Session(engine, expire_on_commit=False) as session:
        yield _furnish(Clinic(house, session), cast.load(session))
    engine.dispose()


def _furnish(clinic: Clinic, people: Cast) -> dict[str, Any]:
    house, session = clinic.house, clinic.session
    house.control("PUT", "faults", {"pace": 0})
    long_number, stopped, shared, bens, asking = (builders.a_number() for _ in range(5))
    for place in range(2):
        builders.a_patient(session, cast=people, first_name=f"Twin{place}", last_name="Shared", number=shared)
    builders.a_patient(
        session,
        cast=people,
        first_name="Wolfeschlegelsteinhausenbergerdorff" * 2,
        last_name="X",
        number=long_number,
    )
    session.commit()
    builders.a_place_in_care_team(session, patient=people.pat, member=people.ana, is_primary=True)
    session.execute(text("update practice set unread_badge = 'both'"))
    session.commit()
    house.control("PUT", f"phones/{cast.PAT_NUMBER}", {"behaviour": "blocked"})
    for body, number in (
        ("Is the clinic open today? 👩‍⚕️", cast.PAT_NUMBER),
        ("A" * 900 + " " + "word " * 100, long_number),
        ("مرحبا، هل يمكنني الحضور غدا؟", long_number),
        ("I want this to end", stopped),
        ("STOP", stopped),
        ("Which of us is it?", shared),
        ("For Ben to answer", bens),
        ("Wrong number! Please stop texting me", asking),
    ):
        clinic.text(body, from_number=number)
        clinic.soon(partial(clinic.message, body))
    known, mine = _task(clinic, "Is the clinic open today? 👩‍⚕️"), _task(clinic, "For Ben to answer")
    admin = clinic.sign_in("admin")
    admin.post(f"/tasks/{known.id}/assignees", member_ids=[people.ana.id, people.ben.id])
    admin.post(f"/tasks/{mine.id}/assignees", member_ids=[people.ben.id])
    admin.post(f"/messages/{known.last_message_id}/star")
    admin.post(f"/conversations/{known.conversation_id}/messages", body="A reply that does not arrive")
    failed = clinic.soon(lambda: clinic.message("A reply that does not arrive"))
    clinic.soon(lambda: (out := clinic.outbound(failed.id)) and out.is_failed)
    session.execute(
        text("update task set waiting_since = waiting_since - interval '3 hours' where id = :id"),
        {"id": _task(clinic, "Which of us is it?").id},
    )
    session.commit()
    _forge(house, "Held back, and long: " + "x" * 300)
    newcomer = builders.a_member(session, cast=people, role=people.roles["Supervisor"], name="New Comer")
    whose = {Purpose.INVITATION: newcomer}
    links = {
        purpose: tokens.make(session, whose.get(purpose, people.ben), purpose, now=clock.now(session))
        for purpose in Purpose
    }
    session.commit()
    use = session.scalars(
        select(PhoneUse).where(PhoneUse.patient_id == people.pat.id, PhoneUse.contact_id.is_(None)).limit(1)
    ).one()
    return {
        **_imports(session, people),
        **_unconfirmed(clinic, people),
        "reset": links[Purpose.PASSWORD_RESET],
        "invitation": links[Purpose.INVITATION],
        "known": known.conversation_id,
        "long": _task(clinic, "مرحبا، هل يمكنني الحضور غدا؟").conversation_id,
        "stopped": _task(clinic, "I want this to end").conversation_id,
        "shared": _task(clinic, "Which of us is it?").conversation_id,
        "asking": _task(clinic, "Wrong number! Please stop texting me").conversation_id,
        "mine": mine.conversation_id,
        "task": known.id,
        "patient": people.pat.id,
        **_records(session, people),
        "use": use.id,
        "signing": _signing(clinic, people.admin, use),
        "role": people.roles["Supervisor"].id,
        "member": people.ben.id,
        "teammate": people.ana.id,
        "facility": people.north.id,
        "number": people.north_number.id,
    }


def _records(session: Session, people: Cast) -> dict[str, Any]:
    """A contact, a second record of the same person, and one that was merged of two."""
    contact = builders.a_contact(session, of=[people.pat], name="Wolfeschlegelstein" * 3, relation="mother")
    contact.born_on = date(1955, 1, 2)
    twin, kept, gone = (
        builders.a_patient(session, cast=people, first_name="Pat", last_name="Porter-Again") for _ in range(3)
    )
    twin.alerts, twin.sex = "Penicillin", "female"
    merging.merge(session, kept, gone, take={}, by=people.admin)
    session.commit()
    return {"contact": contact.id, "twin": twin.id, "merged": kept.id}


def _unconfirmed(clinic: Clinic, people: Cast) -> dict[str, Any]:
    """Next door they ask for birth dates: two who share a number, one was asked, the other cannot be."""
    session, number = clinic.session, builders.a_number()
    session.execute(
        update(Practice).where(Practice.id == people.other_practice.id).values(verification_on=True)
    )
    asked, cannot = (
        builders.a_patient(
            session,
            cast=people,
            first_name=name,
            last_name="Featherstonehaugh",
            number=number,
            practice_id=people.other_practice.id,
        )
        for name in ("Wolfeschlegelsteinhausen", "Bergerdorff")
    )
    asked.born_on = date(1980, 1, 1)
    session.commit()
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == asked.id)).one()
    clinic.sign_in("dan").post(f"/patients/{asked.id}/numbers/{use.id}/verification")
    conversation = session.scalars(select(Conversation).where(Conversation.phone_id == use.phone_id)).one()
    return {"unconfirmed": conversation.id, "asked": asked.id, "unasked": cannot.id}


def _imports(session: Session, people: Cast) -> dict[str, Any]:
    """In every state that a page has; no worker touches one that another seems to hold."""
    rows = [f"{7000 + number},{'Wolfeschlegelstein' * 6},Long,03/04/1980,,," for number in range(30)]
    content = a_table(ROSA, *rows, "2003,,,,,,", "2001,Twice,,,,,")
    content = content.replace(b"Chart,", b"A heading that is long and says a lot,Chart no.,", 1)
    states = {"draft": State.DRAFT, "running": State.RUNNING, "tried": State.CHECKED, "done": State.DONE}
    made: dict[str, Any] = {}
    for name, state in states.items():
        now = clock.now(session)
        run = starting.bring(session, people.practice_id, [content], by=people.admin.id, now=now)
        run.state, run.total, run.place, run.made, run.refused = state, 120_000, 64_000, 63_000, 1_000
        run.lease_until = now + timedelta(hours=1)
        run.started_at = run.finished_at = run.pass_began_at = (
            now if state in (State.RUNNING, State.DONE) else None
        )
        for line in (3, 1_204) if name in ("tried", "done") else ():
            reason = "The patient that it belongs to is not in this file, or was refused."
            session.add(
                ImportRow(
                    practice_id=people.practice_id,
                    run_id=run.id,
                    is_trial=name == "tried",
                    place=line,
                    line=line,
                    outcome=Outcome.REFUSED if line == 3 else Outcome.MADE,
                    reason=reason,
                    patient_id=people.pat.id,
                    undo=Undo.KEPT if line != 3 else None,
                    undo_reason="It was edited since." if line != 3 else None,
                )
            )
        made[f"import_{name}"] = run.id
    bundle = a_bundle({"resourceType": "Patient"})
    run = starting.bring(session, people.practice_id, [bundle], by=people.admin.id, now=clock.now(session))
    return {**made, "import_fhir": run.id}


def _signing(clinic: Clinic, member: Member, use: PhoneUse) -> str:
    """The address of a form on a device that was handed over."""
    admin = clinic.sign_in(member.login)
    answer = admin.post(f"/patients/{use.patient_id}/numbers/{use.id}/signing", language="en")
    return answer.headers["Location"].rpartition("/")[2]


def _task(clinic: Clinic, body: str) -> Task:
    return clinic.soon(lambda: clinic.task_of(body))


def _forge(house: Installation, body: str) -> None:
    """A call that looks genuine and is signed with another token: it waits in the quarantine."""
    url = f"{house.web_url}/webhooks/twilio/messages"
    params = {
        "MessageSid": builders.a_sid(),
        "AccountSid": cast.ACCOUNT,
        "From": builders.a_number(),
        "To": cast.NORTH_NUMBER,
        "Body": body,
        "NumMedia": "0",
    }
    signature = RequestValidator("the token of yesterday").compute_signature(url, params)
    httpx.post(url, data=params, headers={"X-Twilio-Signature": signature})


@pytest.fixture(scope="module")
def desks(house: Installation, browser: Browser) -> Iterator[dict[str, Desk]]:
    """One window for each person, for the whole module."""
    desks = {"stranger": Desk(browser, house.web_url)}
    desks["locked"] = Desk(browser, house.web_url).sign_in("cleo")
    desks |= {who: Desk(browser, house.web_url).sign_in(who) for who in ("admin", "ben", "cleo", "dan")}
    yield desks
    for desk in desks.values():
        desk.close()


def test_every_page_has_a_place_here() -> None:
    app = create_app(
        Settings.model_validate(
            {
                "DATABASE_URL": "postgresql:///nobody-asks-it",
                "environment": "test",
                "public_url": "http://localhost",
                "secret_key": "only-for-looking-at-the-addresses",
                "simulator_url": "http://localhost:8081",
            }
        )
    )
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert pages - NO_PAGES - PIECES == {place.endpoint for place in PLACES}


def test_pieces_are_no_pages(clinic: Clinic, addresses: dict[str, Any]) -> None:
    admin = clinic.sign_in("admin")
    pieces = [
        "/inbox/all/rows",
        f"/inbox/all/rows/{addresses['task']}",
        "/inbox/counts",
        f"/conversations/{addresses['known']}/thread",
    ]

    assert [piece for piece in pieces if "<html" in admin.get(piece).text] == []


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_nobody_is_kept_out(place: Place, addresses: dict[str, Any], desks: dict[str, Desk]) -> None:
    desk = desks[place.who]
    desk.complaints.clear()
    desk.page.set_viewport_size({"width": WIDE, "height": 900})
    desk.page.emulate_media(color_scheme="light")
    desk.open(place.address.format(**addresses))
    for step in place.then:
        _take(desk, step)

    found = _sights(desk, is_in_a_state=bool(place.then))

    assert not found, "\n".join(found)


def _sights(desk: Desk, *, is_in_a_state: bool = False) -> list[str]:
    """What keeps somebody out of the page that stands there, or is cut off, and what the browser complains of.

    What is opened on a page is looked at once in each shape and each look, the page itself in all four.
    """
    found = []
    for width, scheme in LOOKS[::2] if is_in_a_state else LOOKS:
        desk.page.set_viewport_size({"width": width, "height": 844})
        desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found += [f"{scheme} at {width}: {barrier}" for barrier in _barriers(desk.page)]
    for width in (MIDDLE, NARROW, NARROWEST):
        desk.page.set_viewport_size({"width": width, "height": 844})
        found += [f"at {width}: {sight}" for sight in desk.page.evaluate(OVERFLOWING)]
    return found + desk.complaints


def test_recovery_codes_keep_nobody_out(house: Installation, browser: Browser) -> None:
    """They are shown once, so they have no address."""
    ana = Desk(browser, house.web_url).sign_in("ana").open("/security/app")
    ana.button("Show the code to scan").click()
    app = pyotp.TOTP(ana.page.locator(".spelled code").inner_text().replace(" ", ""))
    ana.page.get_by_label("Code", exact=True).fill(app.now())
    ana.button("Finish").click()
    expect(ana.page.locator("#paper")).to_be_visible()

    found = _sights(ana, is_in_a_state=True)

    ana.close()
    assert not found, "\n".join(found)


def test_the_letters_of_the_demo_keep_nobody_out(
    clinic: Clinic, house: Installation, browser: Browser
) -> None:
    clinic.sign_in("admin").post(
        "/settings/members/new",
        name="Nora New",
        login="nora",
        email="nora@clinic.example",
        role_id=cast.load(clinic.session).roles["Care team"].id,
    )
    clinic.soon(lambda: house.control("GET", "letters")["letters"])
    desk = Desk(browser, house.carrier_url).open("/mail")
    expect(desk.page.get_by_text("nora@clinic.example").first).to_be_visible()

    found = _sights(desk)

    desk.close()
    assert not found, "\n".join(found)


def _take(desk: Desk, step: str) -> None:
    """`label=words` writes; anything else is pressed, and what it opens is waited for."""
    label, is_field, words = step.partition("=")
    if label == "keys":
        for key in words.split():
            desk.page.keyboard.press(key)
        expect(desk.page.locator(OPENED).first).to_be_visible()
        return
    if is_field:
        field = desk.page.get_by_label(label, exact=True).first
        is_choice = field.evaluate("(field) => field.tagName") == "SELECT"
        field.select_option(label=words) if is_choice else field.fill(words)
        return
    if step.startswith("+"):
        desk.page.get_by_label(step[1:], exact=True).click()
        return
    # What a browser would refuse to send is sent all the same: the page of the refusal is wanted.
    desk.page.evaluate("for (const form of document.forms) form.noValidate = true")
    pressed = desk.page.get_by_role("button", name=step).or_(desk.page.get_by_role("link", name=step))
    pressed.first.click()
    desk.page.wait_for_load_state()
    expect(desk.page.locator(OPENED).first).to_be_visible()


def _barriers(page: Page) -> list[str]:
    """What axe finds, in a line each."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    page.wait_for_function(IS_AT_REST)
    found = page.evaluate("axe.run(document, { iframes: false, resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
