"""Canaries: a patient who cannot be mistaken goes through everything, and is found where she belongs and nowhere else.

Nowhere else means: process logs, whatever Redis is ever told, metrics, addresses, page titles, cookies, what the
browser keeps, the record of deeds.
"""

import base64
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote, quote_plus

import httpx
import pytest
import redis
from playwright.sync_api import Page, expect
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from bench.installation import Installation
from tests import builders, cast
from tests.cast import Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.demo.ports import find_port
from triage.domain.intake.ledger import Inbound
from triage.kit import db

METRICS_PORT = find_port(29090, explicit=False)
SETTINGS = {"TRIAGE_LOG_LEVEL": "debug", "TRIAGE_METRICS_PORT": str(METRICS_PORT)}

FIRST, LAST, OWNER = "Quetzalinda", "Vrzxkowitsch", "Oxyrhynchus"
NUMBER, STRANGER = "+12025557391", "+12025556284"
BORN = date(1957, 3, 19)
BODY, REPLY, FORGED, STRAY = "hypergranulation", "debridement", "ulcerosis", "phlebotomus"
BY_GET, POISON, TYPED, WRONG_PASSWORD = "xerostomia", "borborygmus", "dysgeusia", "sphygmograph"


def _spellings() -> dict[str, str]:
    """Each canary in every way that it might be written."""
    words = (FIRST, LAST, OWNER, BODY, REPLY, FORGED, STRAY, BY_GET, POISON, TYPED, WRONG_PASSWORD)
    spellings = {word.lower(): word for word in words}
    for number in (NUMBER, STRANGER):
        digits = number.removeprefix("+1")
        nearly = (
            digits,
            f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
            f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
        )
        spellings |= dict.fromkeys((*nearly, digits[3:]), number)
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d %b %Y"):
        spellings[BORN.strftime(form).lower()] = "the birth date"
    return (
        spellings
        | {quote(one): what for one, what in spellings.items()}
        | {quote_plus(one): what for one, what in spellings.items()}
    )


SPELLINGS = _spellings()


@dataclass
class Haystack:
    """Everything that was told where no patient belongs."""

    told: dict[str, list[str]] = field(default_factory=dict)

    def add(self, where: str, *what: str) -> None:
        self.told.setdefault(where, []).extend(what)

    def hits(self) -> list[str]:
        return [
            f"{canary} in {where}: {line[max(0, at - 80) : at + 80]!r}"
            for where, lines in self.told.items()
            for line in lines
            for spelling, canary in SPELLINGS.items()
            if (at := line.lower().find(spelling)) >= 0
        ]


@pytest.fixture
def haystack(house: Installation) -> Iterator[Haystack]:
    """It listens to Redis from the first to the last command."""
    haystack = Haystack()
    listening = threading.Event()
    is_over = threading.Event()

    def listen() -> None:
        with (
            redis.Redis.from_url(house.redis.url, decode_responses=True, encoding_errors="replace") as client,
            client.monitor() as monitor,
        ):
            listening.set()
            for command in monitor.listen():
                haystack.add("a command to Redis", str(command["command"]))
                if is_over.is_set():
                    return

    ear = threading.Thread(target=listen, name="ear")
    ear.start()
    assert listening.wait(10)
    yield haystack
    is_over.set()
    with redis.Redis.from_url(house.redis.url) as client:
        client.ping()
    ear.join(10)


def watched(desk: Desk, haystack: Haystack) -> Desk:
    """A browser whose every request and every title is written down."""

    def note_title(page: Page) -> None:
        haystack.add("a page's title", page.title())

    desk.page.on("request", lambda request: haystack.add("an address", request.url))
    desk.page.on("load", note_title)
    return desk


def test_a_patient_is_nowhere_but_in_the_record(
    clinic: Clinic,
    people: Cast,
    desk_of: Callable[..., Desk],
    haystack: Haystack,
) -> None:
    patient_id = _enrol(clinic, people)
    _write(clinic)
    ana = watched(desk_of("ana"), haystack)
    admin = watched(desk_of("admin"), haystack)

    _work(clinic, ana, patient_id)
    _look(admin, patient_id)
    _go_wrong(clinic, admin, patient_id)

    _gather(clinic, haystack, [ana, admin])
    assert haystack.hits() == []
    # All of it was really looked at, and the patient was really there.
    assert "request" in "".join(haystack.told["the logs"])
    assert any("XADD" in one.upper() for one in haystack.told["a command to Redis"])
    assert "triage_request_seconds" in "".join(haystack.told["the metrics"])
    assert len(haystack.told["an address"]) > 50
    assert any("Unassigned" in title for title in haystack.told["a page's title"])
    assert len(haystack.told["the record of deeds"]) > 10
    assert LAST in ana.open(f"/patients/{patient_id}").page.content()


def _enrol(clinic: Clinic, people: Cast) -> str:
    session = clinic.session
    patient = builders.a_patient(session, cast=people, first_name=FIRST, last_name=LAST, number=NUMBER)
    patient.born_on = BORN
    patient.alerts = f"{OWNER} knows"
    builders.a_contact(session, of=[patient], name=f"{OWNER} {LAST}", relation="mother")
    session.commit()
    return str(patient.id)


def _write(clinic: Clinic) -> None:
    """Texts by POST and, as a carrier may be configured, by GET, where all of it stands in the address."""
    clinic.text(f"My {BODY} is back. {FIRST}", from_number=NUMBER)
    clinic.text(f"{OWNER} here", from_number=STRANGER)
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    full = str(httpx.URL(url, params=_params(Body=f"{BY_GET} {FIRST}", From=NUMBER)))
    assert httpx.get(full, headers={"X-Twilio-Signature": _signed(full, {})}).status_code == 200
    clinic.soon(lambda: clinic.task_of(f"{BY_GET} {FIRST}"))
    clinic.soon(lambda: clinic.task_of(f"{OWNER} here"))


def _params(**given: str) -> dict[str, str]:
    return {
        "MessageSid": builders.a_sid(),
        "AccountSid": cast.ACCOUNT,
        "From": STRANGER,
        "To": cast.NORTH_NUMBER,
        "NumMedia": "0",
        **given,
    }


def _signed(url: str, params: dict[str, str], token: str = cast.CARRIER_TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, params))


def _work(clinic: Clinic, ana: Desk, patient_id: str) -> None:
    """Read, answered, failed, sent again, starred, completed, undone; and a text that waits in the composer."""
    clinic.house.control("PUT", f"phones/{NUMBER}", {"behaviour": "blocked"})
    ana.open("/inbox/unassigned").row(LAST).click()
    expect(ana.bubble(BODY)).to_be_visible()
    ana.reply.fill(f"About the {REPLY}, {FIRST}: call {NUMBER}")
    ana.button("Send text").click()
    expect(ana.bubble(REPLY)).to_contain_text("Not delivered")
    clinic.house.control("PUT", f"phones/{NUMBER}", {"behaviour": "delivers"})
    ana.button("Resend").click()
    expect(ana.bubble(REPLY).last).to_contain_text("Delivered")
    ana.button("Star").click()
    ana.button("Complete").click()
    ana.toast("Completed").get_by_role("button", name="Undo").click()
    expect(ana.button("Complete")).to_be_visible()
    ana.reply.fill(f"{TYPED} of {FIRST}")
    for folder in ("starred", "sent", "failed", "completed", "all", "mine"):
        ana.page.locator(f"#nav-{folder}").click()
        expect(ana.page.locator(f"#nav-{folder}")).to_have_attribute("aria-current", "page")


def _look(admin: Desk, patient_id: str) -> None:
    """Searched for in every way, found, and written to."""
    for words in (LAST, NUMBER, "(202) 555-7391", "03/19/1957"):
        admin.open("/patients").page.get_by_label("Name, number, birth date or id").fill(words)
        admin.button("Search").click()
        expect(admin.page.get_by_role("link", name=LAST)).to_be_visible()
    admin.page.get_by_role("link", name=LAST).click()
    expect(admin.heading).to_contain_text(FIRST)
    admin.button("Turn texting off").click()
    expect(admin.toast("is off")).to_be_visible()
    admin.button("Turn texting on").click()
    expect(admin.toast("is on")).to_be_visible()
    admin.open("/new-message").page.get_by_label("Name or id").fill(LAST)
    admin.button("Search").click()
    admin.page.get_by_role("button", name="555-7391").first.click()
    expect(admin.page.locator("#conversation")).to_contain_text(LAST)
    admin.open("/settings/quarantine")


def _go_wrong(clinic: Clinic, admin: Desk, patient_id: str) -> None:
    """Forged, for nobody, mistyped, not found, poisoned, and broken in our own hands."""
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    forged = _params(Body=f"{FORGED} {FIRST}")
    stray = _params(Body=f"{STRAY} {FIRST}", AccountSid="AC" + "9" * 32, From=NUMBER)
    for params in (forged, stray):
        headers = {"X-Twilio-Signature": _signed(url, params, "not the token")}
        assert httpx.post(url, data=params, headers=headers).status_code == 403
    admin.open("/settings/quarantine")
    expect(admin.page.get_by_text(FORGED)).to_be_visible()

    somebody = httpx.Client(base_url=clinic.house.web_url)
    for address in (f"/{LAST}", f"/patients/{LAST}", f"/inbox/{LAST}?q={quote(NUMBER)}", f"/s/{BODY}"):
        assert somebody.get(address).status_code in (303, 404)
    token = re.search(r'name="csrf_token" value="([^"]+)"', somebody.get("/sign-in").text)
    assert token
    form = {"csrf_token": token[1], "login": NUMBER, "password": f"{WRONG_PASSWORD} {FIRST}"}
    assert somebody.post("/sign-in", data=form).status_code == 422

    member = clinic.sign_in("admin")
    assert member.post("/patients", q=f"{LAST}\x00").status_code >= 400
    assert member.post("/conversations", patient_id=LAST, phone_id=NUMBER).status_code >= 400
    _poison(clinic)
    _corrupt(clinic)
    conversation = clinic.soon(lambda: clinic.message(f"{OWNER} here")).conversation_id
    assert member.get(f"/inbox/all/c/{conversation}").status_code == 500


def _poison(clinic: Clinic) -> None:
    """A text that no worker can file, whose refusal by the database quotes it: tried, given back, tried again."""
    sid = builders.a_sid()
    clinic.session.execute(
        text(
            "insert into inbound (id, practice_id, provider_sid, via, conversation_key, from_number, to_number,"
            " body, media, params, sent_at, received_at, state, attempts, next_attempt_at)"
            " select :id, practice_id, :sid, 'webhook', 'poison', :number, :to_number, :body, '[]', '{}',"
            " now(), now(), 'new', 0, now() from inbound limit 1"
        ),
        {"id": db.new_id(), "sid": sid, "number": NUMBER, "to_number": POISON, "body": f"{POISON} {FIRST}"},
    )
    clinic.session.commit()
    clinic.soon(lambda: (row := _inbound(clinic, sid)) and row.attempts >= 2)


def _inbound(clinic: Clinic, sid: str) -> Inbound | None:
    return clinic.session.query(Inbound).filter_by(provider_sid=sid).one_or_none()


def _corrupt(clinic: Clinic) -> None:
    """A row that the page cannot draw."""
    clinic.session.execute(
        text("update message set media = '[7]' where body = :body"), {"body": f"{OWNER} here"}
    )
    clinic.session.commit()


def _gather(clinic: Clinic, haystack: Haystack, desks: list[Desk]) -> None:
    """What is left behind everywhere."""
    haystack.add("the logs", *clinic.house.log.read_text(errors="replace").splitlines())
    haystack.add("the metrics", httpx.get(f"http://localhost:{METRICS_PORT}/metrics").text)
    deeds = "select a::text from audit a union all select t::text from throttle t"
    haystack.add("the record of deeds", *clinic.session.scalars(text(deeds)))
    with redis.Redis.from_url(clinic.house.redis.url) as client:
        for key in client.scan_iter():
            haystack.add("Redis", key.decode(errors="replace"), (client.dump(key) or b"").decode("latin-1"))
    for desk in desks:
        for cookie in desk.context.cookies():
            haystack.add("a cookie", *_readings(cookie["value"]))
        kept = desk.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
        haystack.add("what the browser keeps", kept, desk.page.url)
        haystack.add("what the console says", *desk.complaints)


def _readings(cookie: str) -> list[str]:
    """A cookie as it is, and what is packed in it."""
    parts = cookie.lstrip(".").split(".")
    unpacked = []
    for part in parts:
        content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        with suppress(zlib.error):
            content = zlib.decompress(content)
        unpacked.append(content.decode(errors="replace"))
    return [cookie, *unpacked]
