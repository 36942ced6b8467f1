"""THE ROLE MATRIX: every address and method, asked by everybody, for things of everybody, as the policy says.

The policy is in policy.py. Beside its words, every cell checks that a refusal changed nothing, that looking changed
nothing, that no answer holds what its reader must not see, and that every answer carries the protecting headers.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.cast import PASSWORD, Cast
from tests.web.conftest import PART
from tests.web.policy import PEOPLE, POLICY, Entry
from tests.web.world import Things, World, build, contents, fingerprints, undone, writes
from triage.app import create_app
from triage.config import Settings
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import replying, scope, transitions, who
from triage.domain.inbox.choices import Reach
from triage.domain.patients.patient import Patient
from triage.domain.practice import sign_in
from triage.domain.practice.privileges import Messages
from triage.domain.tables import metadata
from triage.kit import clock, db

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
PREPARED = ("tasks.reopen", "tasks.undo", "messages.withdraw", "who.undo")
# What only the member can take back who did it.
ONE_S_OWN = ("tasks.undo", "messages.withdraw", "who.undo")
OF_FOLDERS = ("inbox.folder", "inbox.rows", "inbox.choose_filters", "inbox.search", "selection.choose_view")
# Whoever asks for a page is there: the session is renewed.
ACTIVITY = {"member_session"}
PLAIN: dict[str, str] = {}
CSRF = re.compile(r'name="csrf-token" content="([^"]+)"')
# Answers differ in these at every run.
RANDOM = {
    "token_digest",
    "password_hash",
    "pin_hash",
    "content_hash",
    "code_digest",
    "secret_sealed",
    "login_sealed",
    # Holds moments, in the middle of JSON.
    "changed",
}


class Seat(NamedTuple):
    """A browser that is signed in, or not: its cookie and its forms' token."""

    cookie: str
    token: str


class Cell(NamedTuple):
    endpoint: str
    method: str
    person: str
    column: str

    def __str__(self) -> str:
        return f"{self.person} {self.method} {self.endpoint} ({self.column})"


@dataclass
class Matrix:
    """Asks as anybody, for anything, and takes back what came of it."""

    app: Flask
    connection: Connection
    session: Session
    world: World
    seats: dict[str, Seat]

    def rules(self) -> Iterator[tuple[Rule, str]]:
        for rule in self.app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method

    def rule(self, cell: Cell) -> Rule:
        return next(
            rule for rule, method in self.rules() if (rule.endpoint, method) == (cell.endpoint, cell.method)
        )

    def cells(self) -> Iterator[tuple[Cell, Entry, str]]:
        for (endpoint, method), entry in POLICY.items():
            for (person, column), word in entry.grid.items():
                yield Cell(endpoint, method, person, column), entry, word

    def some_that_work(self) -> Iterator[tuple[Cell, Entry]]:
        """For each form, somebody who may send it."""
        for (endpoint, method), entry in POLICY.items():
            allowed = [at for at, word in entry.grid.items() if word == "ok" and at[0] != "stranger"]
            if method in UNSAFE and allowed:
                yield Cell(endpoint, method, *min(allowed, key=lambda at: at[0] != "admin")), entry

    def ask(
        self,
        cell: Cell,
        entry: Entry,
        *,
        as_part: bool = False,
        fields: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] = PLAIN,
        token: str | None = None,
    ) -> TestResponse:
        """Somebody's request, with a form that is right unless others `fields` are given."""
        seat = self.seats[cell.person]
        client = self.app.test_client()
        name = self.app.config["SESSION_COOKIE_NAME"]
        client.set_cookie(name, seat.cookie)
        things = self.world.things(cell.person, _of(cell, -1))
        path = self.path(cell)
        shown = {**headers, **({**PART, "HX-Current-URL": f"http://localhost{path}"} if as_part else {})}
        if cell.method == "GET":
            return client.get(path, query_string=query, headers=shown)
        form = fields if fields is not None else self.filled(entry.form, things, cell.person)
        sent = {"form_id": str(uuid4()), "csrf_token": seat.token if token is None else token, **form}
        return client.post(path, data={name: value for name, value in sent.items() if value}, headers=shown)

    def filled(self, form: Any, things: Things, person: str) -> dict[str, Any]:
        """A form of the policy with the ids of these things in it."""
        values = {**vars(things), "word": "new", "password": PASSWORD, "login": self.login_of(person)}
        return {
            name: [one.format(**values) for one in given]
            if isinstance(given, list)
            else given.format(**values)
            for name, given in form.items()
        }

    def login_of(self, person: str) -> str:
        member = self.world.members.get(person)
        return "ana" if member is None or person in ("sue", "wes") else member.login

    def path(self, cell: Cell) -> str:
        """The address of the thing that the column means."""
        rule = self.rule(cell)
        ids = {name: self._argument(cell, name, place) for place, name in enumerate(_arguments(rule))}
        with self.app.test_request_context():
            return self.app.url_for(cell.endpoint, **ids, _method=cell.method)

    def _argument(self, cell: Cell, name: str, place: int) -> Any:
        if name == "version":
            return self.app.extensions["assets"].version
        if name == "token":
            return "no-such-token"
        if name == "name":
            return "css/base.css"
        if name == "folder":
            return (
                cell.column if cell.endpoint in OF_FOLDERS else "mine-all" if cell.person == "ben" else "all"
            )
        things = self.world.things(cell.person, _of(cell, place))
        if name == "event_id":
            return self.prepared_event
        if cell.endpoint == "messages.withdraw":
            return self.prepared_message
        if name == "choice_id":
            return self.prepared_choice
        if name == "message_id":
            failed = cell.endpoint in ("messages.resend", "messages.dismiss")
            return things.failed_message_id if failed else things.inbound_message_id
        return getattr(things, name)

    prepared_event: UUID | None = None
    prepared_message: UUID | None = None
    prepared_choice: UUID | None = None
    untouched: dict[str, str] = field(default_factory=dict)

    def fingerprints(self, cell: Cell) -> dict[str, str]:
        """Of the world as it is before anybody asks; it is the same for every cell that needs no preparing."""
        if cell.endpoint in PREPARED:
            return fingerprints(self.connection)
        self.untouched = self.untouched or fingerprints(self.connection)
        return self.untouched

    def prepare(self, cell: Cell) -> None:
        """A task must have been closed before it can be reopened, and moved or answered before that is undone."""
        if cell.endpoint not in PREPARED:
            return
        things = self.world.things(cell.person, cell.column)
        with db.transaction() as session:
            task = scope.task_for_system(session, things.task_id)
            assert task is not None
            if cell.endpoint == "who.undo":
                self.prepared_choice = self._choose(session, cell, things)
                return
            if cell.endpoint == "messages.withdraw":
                conversation = session.get_one(Conversation, things.conversation_id)
                mover = self._mover(cell, task.practice_id)
                hold = timedelta(seconds=30)
                reply = replying.reply(session, conversation, "Not so fast", by=mover, hold=hold)
                self.prepared_message = reply.id
                return
            event = transitions.complete(session, task, by=self._mover(cell, task.practice_id))
        self.prepared_event = event.id

    def _choose(self, session: Session, cell: Cell, things: Things) -> UUID:
        conversation = session.get_one(Conversation, things.conversation_id)
        mover = self._mover(cell, conversation.practice_id)
        chooser = mover if mover.messages is Messages.ALL else self.world.members["admin"]
        patient = session.get_one(Patient, things.patient_id)
        seen = who.seen_of(conversation)
        return who.choose(session, conversation, patient, reach=Reach.ALL, seen=seen, by=chooser).id

    def _mover(self, cell: Cell, practice_id: UUID) -> Any:
        """The one who asks, where the thing is their own; else a colleague of the thing's practice."""
        members = self.world.members
        mine = members.get(cell.person)
        if cell.column == "own" and cell.person in self.world.own and cell.endpoint in ONE_S_OWN:
            return mine
        if practice_id == members["dan"].practice_id:
            return members["dan"]
        return members["admin"] if mine is not members["admin"] else members["ana"]


def _arguments(rule: Rule) -> list[str]:
    return re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)


def _of(cell: Cell, place: int) -> str:
    """`own/foreign` means the first id of the address from one, the second from the other."""
    words = cell.column.split("/")
    if cell.endpoint in OF_FOLDERS:
        return "own"
    return words[min(place, len(words) - 1)]


@pytest.fixture
def app(settings: Settings, session: Session) -> Flask:
    """With every route that there can be."""
    return create_app(settings.model_copy(update={"simulator_url": "http://localhost:8081"}))


@pytest.fixture
def matrix(app: Flask, connection: Connection, session: Session, cast: Cast) -> Matrix:
    world = build(session, cast)
    seats = {person: _seat(app, session, world, person) for person in PEOPLE}
    return Matrix(app, connection, session, world, seats)


def _seat(app: Flask, session: Session, world: World, person: str) -> Seat:
    client = app.test_client()
    member = world.members.get(person)
    if member is not None:
        token = sign_in.start_session(session, member, browser="test", now=clock.now(session))
        session.commit()
        with client.session_transaction() as kept:
            kept["_user_id"], kept["_fresh"] = token, True
    found = CSRF.search(client.get("/nothing-here").text)
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert found
    assert cookie
    return Seat(cookie.value, found[1])


def test_every_address_is_in_the_policy(matrix: Matrix) -> None:
    declared = {(rule.endpoint, method) for rule, method in matrix.rules()}

    assert declared - set(POLICY) == set(), "say in policy.py who gets what there"
    assert set(POLICY) - declared == set(), "these addresses are gone"


def test_everybody_gets_what_the_policy_says(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    wrong, count = [], 0
    for cell, entry, word in matrix.cells():
        # A refusal is the same page or notice whatever it is about; an answer is looked at in both shapes.
        is_first = cell.column in ("own", "any", "unassigned")
        for as_part in (False, True) if word == "ok" or is_first else (False,):
            count += 1
            with undone(matrix.connection):
                wrong += _problems(matrix, cell, entry, word, as_part=as_part)

    record_property("cells", count)
    assert not wrong, "\n".join(wrong)


def _problems(
    matrix: Matrix,
    cell: Cell,
    entry: Entry,
    word: str,
    *,
    as_part: bool = False,
    **asked: Any,
) -> list[str]:
    """What is wrong with the answer, in words."""
    matrix.prepare(cell)
    before, written = matrix.fingerprints(cell), writes(matrix.connection)
    answer = matrix.ask(cell, entry, as_part=as_part, **asked)
    said = "" if answer.is_streamed else answer.text
    answer.close()
    found = [*_wrong_answer(answer, cell, word, as_part=as_part), *_wrong_headers(answer, cell)]
    found += [f"shows {one}" for one in matrix.world.hidden_from(cell.person) if one in said.lower()]
    may_change = cell.method in UNSAFE and word == "ok"
    if not may_change and writes(matrix.connection) != written:
        after = fingerprints(matrix.connection)
        may_differ = entry.writes | ACTIVITY
        found += [
            f"changes {name}" for name in before if before[name] != after[name] and name not in may_differ
        ]
    mode = "part" if as_part else "page"
    return [f"{cell} as {mode}: {one}" for one in found]


def _wrong_answer(answer: TestResponse, cell: Cell, word: str, *, as_part: bool) -> Iterable[str]:
    status, to = answer.status_code, answer.headers.get("Location", "")
    asks_to_sign_in = to.startswith("/sign-in") and (cell.endpoint != "auth.sign_out" or word == "in")
    is_page = cell.endpoint not in ("live.stream", "live.since")
    match word:
        case "ok":
            fine = status in (200, 204, 303) and not asks_to_sign_in and not to.startswith("http")
        case "in" if as_part:
            fine = status == 401
        case "in":
            fine = status == 303 and asks_to_sign_in if is_page else status in (303, 401)
        case "no":
            fine = status == 403
        case _:
            fine = status == int(word)
    return [] if fine else [f"answers {status} {to} instead of {word}".replace("  ", " ")]


def _wrong_headers(answer: TestResponse, cell: Cell) -> Iterable[str]:
    cached = "public, max-age=31536000, immutable" if cell.endpoint == "static" else "no-store"
    if answer.headers.get("Cache-Control") != cached:
        yield f"may be cached: {answer.headers.get('Cache-Control')}"
    if "Server" in answer.headers:
        yield "names the server"
    expected = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
    # The file that is asked for is a style sheet, which no browser shows as a document.
    if cell.endpoint != "static":
        expected |= {
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "SAMEORIGIN",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        yield from _wrong_policy(answer)
    yield from (f"lacks {name}" for name, value in expected.items() if answer.headers.get(name) != value)


def _wrong_policy(answer: TestResponse) -> Iterable[str]:
    policy = answer.headers.get("Content-Security-Policy", "")
    if not policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"):
        yield "has no content policy"
    if "unsafe" in policy or "*" in policy:
        yield "has a weak content policy"
    if (
        "base-uri 'none'" not in policy
        or "form-action 'self'" not in policy
        or "frame-ancestors" not in policy
    ):
        yield "leaves a hole in its content policy"


def test_an_id_of_another_practice_in_any_field_reaches_nothing(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    """Forms and queries hold ids too; each of them in turn is one of the practice next door."""
    wrong, count = [], 0
    for (endpoint, method), entry in POLICY.items():
        at = min((at for at, word in entry.grid.items() if word == "ok"), key=_admin_first, default=None)
        fields = entry.form if method in UNSAFE else entry.query
        ids = {name for name, given in fields.items() if "_id}" in str(given)}
        assert ids == set(entry.foreign), f"say in policy.py what a foreign id in {ids} of {endpoint} gets"
        for name in ids:
            assert at is not None
            cell = Cell(endpoint, method, *at)
            own, foreign = (
                matrix.filled(fields, matrix.world.things(cell.person, column), cell.person)
                for column in ("own", "foreign")
            )
            mixed = {**own, name: foreign[name]}
            asked: dict[str, Any] = {"fields": mixed} if method in UNSAFE else {"query": mixed}
            count += 1
            with undone(matrix.connection):
                found = _problems(matrix, cell, entry, entry.foreign[name], **asked)
            wrong += [f"{name}: {one}" for one in found]

    record_property("cells", count)
    assert not wrong, "\n".join(wrong)


def _admin_first(at: tuple[str, str]) -> bool:
    return at[0] != "admin"


def test_no_form_is_taken_without_its_token(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    """A page of another site can send a form with the cookies, and does not know the token."""
    another = matrix.seats["ana"].token
    wrong, count = [], 0
    for cell, entry in matrix.some_that_work():
        assert not entry.is_exempt
        for token in ("-", "x" * 40, another):
            count += 1
            with undone(matrix.connection):
                wrong += _problems(matrix, cell, entry, "no", token=token)

    record_property("cells", count)
    assert not wrong, "\n".join(wrong)


def test_no_form_is_taken_from_another_site(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    """By the browser's own word, whatever the form carries."""
    wrong, count = [], 0
    for cell, entry in matrix.some_that_work():
        for site in ("cross-site", "same-site"):
            count += 1
            with undone(matrix.connection):
                wrong += _problems(matrix, cell, entry, "no", headers={"Sec-Fetch-Site": site})

    record_property("cells", count)
    assert not wrong, "\n".join(wrong)


def test_only_the_carriers_calls_come_without_a_token() -> None:
    assert {endpoint for (endpoint, _), entry in POLICY.items() if entry.is_exempt} == {
        "webhooks.messages",
        "webhooks.status",
    }


def test_a_form_changes_its_own_fields_and_nothing_else(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    """Each form is sent twice, once with every column of every table beside its own fields: the same comes of it."""
    wrong, count = [], 0
    for cell, entry in matrix.some_that_work():
        own = matrix.filled(entry.form, matrix.world.things(cell.person, _of(cell, -1)), cell.person)
        own["form_id"] = str(uuid4())
        known = {*own, *entry.also_reads, "csrf_token", "back"}
        intruders = {name: value for name, value in _intruders(matrix).items() if name not in known}
        plain = _changes(matrix, cell, entry, own)
        assert plain or cell.endpoint in CHANGE_NOTHING, f"{cell} changed nothing"
        count += len(intruders)
        if _changes(matrix, cell, entry, {**own, **intruders}) != plain:
            wrong.append(str(cell))

    record_property("cells", count)
    assert not wrong, "\n".join(wrong)


# There was no star to take away, the conversation was there, who is where stands in no table, a question to a
# passkey waits in the cookie, and a preview, or a form that begins with what was searched, is only looked at.
CHANGE_NOTHING = {
    "patients.begin",
    "messages.unstar",
    "selection.unstar",
    "conversations.start",
    # Nothing is wrong with these numbers.
    "patients.remove_mark",
    "presence.note",
    "auth.again_code",
    "auth.passkey_question",
    "settings.ask_for_passkey",
    "settings.preview_text",
    "auth.unlock_question",
    "auth.renew",
}


def _intruders(matrix: Matrix) -> dict[str, str]:
    """For every column a value that would do harm."""
    foreign = matrix.world.own["dan"]
    kinds = {
        "UUID": str(foreign.task_id),
        "BOOLEAN": "true",
        "DATETIME": "2001-01-01T00:00:00Z",
        "JSON": "[]",
    }
    values = {}
    for table in metadata.tables.values():
        for column in table.columns:
            kind = type(column.type).__name__.upper()
            values[column.name] = next((value for name, value in kinds.items() if name in kind), "99")
    given = {
        "practice_id": str(matrix.world.members["dan"].practice_id),
        "member_id": str(matrix.world.members["dan"].id),
        "role_id": str(foreign.role_id),
        "role": "Practice admin",
        "is_admin": "true",
    }
    return {**values, **given}


def _changes(matrix: Matrix, cell: Cell, entry: Entry, form: dict[str, Any]) -> set[tuple[str, ...]]:
    """What a form changed: table, row, column and new value; new ids and times are alike."""
    with undone(matrix.connection):
        world = contents(matrix.connection)
        matrix.prepare(cell)
        before = contents(matrix.connection) if cell.endpoint in PREPARED else world
        matrix.ask(cell, entry, fields=form).close()
        after = contents(matrix.connection)
    known = {str(value) for row in world.values() for value in row.values()}
    changed: set[tuple[str, ...]] = set()
    for key in before.keys() | after.keys():
        old, new = before.get(key, {}), after.get(key, {})
        for column in old.keys() | new.keys():
            if old.get(column) != new.get(column) and column not in RANDOM:
                row = key[1] if key in world else "new"
                changed.add((key[0], row, column, _alike(new.get(column), known)))
    return changed


def _alike(value: object, known: set[str]) -> str:
    said = str(value)
    is_new = said not in known
    if is_new and isinstance(value, UUID):
        return "an id"
    if is_new and hasattr(value, "tzinfo"):
        return "a time"
    return re.sub(r"[0-9a-f-]{36}", lambda found: found[0] if found[0] in known else "an id", said)


def test_the_matrix_would_see_a_canary(matrix: Matrix) -> None:
    """The matrix would be blind if its canaries were not there to be seen."""
    everything = Cell("inbox.folder", "GET", "ana", "all")
    seen = matrix.ask(everything, POLICY["inbox.folder", "GET"]).text.lower()

    assert "canaryfar" in seen
    assert "canaryothers" in seen
    assert "canaryelsewhere" not in seen


def test_the_matrix_would_see_a_wrong_cell(matrix: Matrix) -> None:
    """A policy that says something else is contradicted, and what was changed against it is named."""
    entry = POLICY["tasks.complete", "POST"]
    with undone(matrix.connection):
        refused = _problems(matrix, Cell("tasks.complete", "POST", "ben", "others"), entry, "ok")
    with undone(matrix.connection):
        done = _problems(matrix, Cell("tasks.complete", "POST", "ana", "others"), entry, "404")

    assert any("answers 404" in one for one in refused)
    assert any("changes task" in one for one in done)
