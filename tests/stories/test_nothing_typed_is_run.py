"""What patients text and members type is shown as it was typed: nothing of it ever becomes a part of a page."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from bench.installation import Installation
from tests import builders, cast
from tests.cast import Cast
from tests.stories.clinic import Browser as Member
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

# Each would set `ran`, change the page or ask for something, if it were taken for more than words.
CORPUS = [
    "<script>ran=1</script>",
    "<img src=x onerror=ran=1>",
    '"><svg onload=ran=1>',
    "' autofocus onfocus=ran=1 x='",
    "</textarea></title></style><script>ran=1</script>",
    "<a href=javascript:ran=1>click</a>",
    '<hx-partial hx-target="body" hx-swap="innerHTML">ran</hx-partial>',
    "<p hx-get=/preferences hx-trigger=load hx-target=body>ran</p>",
    "{{ 7 * 7 }}{% raw %}${7*7}<%= 7 * 7 %>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<style>*{display:none}</style><base href=//x.invalid>",
    "<form action=//x.invalid><button>Send text</button></form>",
    "\u202e\u2066<b>turned</b>\u2028<!--",
]
INERT = "typeof ran === 'undefined' && !document.querySelector('base, iframe, [srcdoc], b, hx-partial hx-partial')"


@pytest.fixture
def ill_named_practice(clinic: Clinic, people: Cast) -> Iterator[None]:
    """Its name stands in every title."""
    rename = text("update practice set name = :name where id = :id")
    clinic.session.execute(rename, {"name": CORPUS[4], "id": people.practice_id})
    clinic.session.commit()
    yield
    clinic.session.execute(rename, {"name": people.practice.name, "id": people.practice_id})
    clinic.session.commit()


def test_texts_of_patients_are_words(clinic: Clinic, desk_of: Callable[..., Desk]) -> None:
    """They arrive live in an open page, are opened, answered with the same, starred and completed."""
    ana = desk_of("ana")
    ana.stay()
    for place, words in enumerate(CORPUS):
        clinic.text(f"Text {place:02}: {words}", from_number=builders.a_number())
        expect(ana.row(f"Text {place:02}: ")).to_contain_text(_as_shown(words))

    for place, words in enumerate(CORPUS):
        ana.row(f"Text {place:02}: ").click()
        expect(ana.bubble(f"Text {place:02}: ")).to_contain_text(_as_shown(words))
        ana.reply.fill(f"Answer {place:02}: {words}")
        ana.button("Send text").click()
        expect(ana.bubble(f"Answer {place:02}: ")).to_contain_text(_as_shown(words))
        assert _is_inert(ana.page)
    ana.has_stayed()
    for folder in ("all", "mine", "sent"):
        ana.open(f"/inbox/{folder}")
        expect(ana.page.locator("#rows > .row").first).to_be_visible()
        assert _is_inert(ana.page)


@pytest.mark.usefixtures("ill_named_practice")
def test_names_of_everything_are_words(clinic: Clinic, people: Cast, desk_of: Callable[..., Desk]) -> None:
    """Patients, contacts, alerts, members, roles, locations, numbers, the practice itself, held-back texts."""
    admin = clinic.sign_in("admin")
    conversation = _fill_in(clinic, people, admin)
    _forge(clinic.house)

    ada = desk_of("admin")
    for address in (
        "/inbox/all",
        f"/inbox/all/c/{conversation}",
        f"/conversations/{conversation}/panel",
        "/settings/practice",
        "/settings/members",
        f"/settings/members/{people.ben.id}",
        "/settings/roles",
        "/settings/quarantine",
        f"/settings/facilities/{people.south.id}",
        f"/settings/numbers/{people.south_number.id}",
        f"/patients/{people.pat.id}",
        "/preferences",
    ):
        ada.open(address)
        expect(ada.page.locator("body")).to_contain_text("ran=1")
        assert _is_inert(ada.page), address
        expect(ada.page).to_have_title(re.compile(re.escape(CORPUS[4])))
    _search_and_choose(ada, conversation)


def _as_shown(words: str) -> str:
    """The first letters that a row or a bubble certainly shows, without marks that change no shape."""
    return words.replace("\u2028", " ").strip()[:12]


def _fill_in(clinic: Clinic, people: Cast, admin: Member) -> str:
    """The worst name for each thing; the id of the patient's conversation."""
    script, picture = CORPUS[0], CORPUS[1]
    session = clinic.session
    changes = (
        "update patient set first_name = :script, last_name = :picture, alerts = :picture where id = :patient",
        "update member set name = :script where id = :ben",
    )
    values = {"script": script, "picture": picture, "patient": people.pat.id, "ben": people.ben.id}
    for change in changes:
        session.execute(text(change), values)
    pat = session.get_one(type(people.pat), people.pat.id)
    builders.a_contact(session, of=[pat], name=picture, relation=script)
    session.commit()
    assert admin.post("/settings/facilities/new", name=f"West {picture}").status_code == 303
    number = f"/settings/numbers/{people.south_number.id}"
    assert admin.post(number, label=picture, facility_id=people.south.id).status_code == 303
    role = {"name": f"Role {picture}", "messages": "all"}
    assert admin.post("/settings/roles/new", **role).status_code == 303
    clinic.text("Who am I?", from_number=cast.PAT_NUMBER, to=cast.SOUTH_NUMBER)
    task = clinic.soon(lambda: clinic.task_of("Who am I?"))
    admin.post(f"/tasks/{task.id}/assignees", member_ids=[people.ben.id])
    return str(task.conversation_id)


def _forge(house: Installation) -> None:
    url = f"{house.web_url}/webhooks/twilio/messages"
    params = {
        "MessageSid": builders.a_sid(),
        "AccountSid": cast.ACCOUNT,
        "From": builders.a_number(),
        "To": cast.NORTH_NUMBER,
        "Body": CORPUS[1],
        "NumMedia": "0",
    }
    signature = RequestValidator("another token").compute_signature(url, params)
    httpx.post(url, data=params, headers={"X-Twilio-Signature": signature})


def _search_and_choose(ada: Desk, conversation: str) -> None:
    """Found by such words, and offered in lists that a script makes."""
    for address, label in (("/patients", "Name, number, birth date or id"), ("/new-message", "Name or id")):
        ada.open(address).page.get_by_label(label).fill(CORPUS[1])
        ada.button("Search").click()
        expect(ada.page.get_by_label(label)).to_have_value(CORPUS[1])
        assert _is_inert(ada.page)
    ada.open(f"/inbox/all/c/{conversation}")
    ada.page.locator("[data-opens^=assign-]").click()
    expect(ada.open_popover).to_contain_text(CORPUS[0])
    ada.open_popover.get_by_label("Ada Admin").check()
    ada.open_popover.locator("[data-assign-button]").click()
    expect(ada.toasts).to_contain_text(CORPUS[0])
    assert _is_inert(ada.page)


def _is_inert(page: Page) -> bool:
    return bool(page.evaluate(INERT))
