"""What people do in a story: patients text, members open pages; and how the story looks at what came of it."""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from bench.installation import Installation
from tests import builders, cast
from triage.demo.child import wait_until
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox.task import Task, TaskMessage
from triage.domain.patients.phones import Phone
from triage.kit import db

T = TypeVar("T")
WITHIN = 20.0
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Clinic:
    """An installation, and a session to look into its database.

    A story sees the messages of its own time only: others in the same house may have used the same words.
    """

    def __init__(self, house: Installation, session: Session) -> None:
        self.house = house
        self.session = session
        self._before = session.scalar(select(Message.id).order_by(Message.id.desc()).limit(1))

    def text(
        self, body: str, *, from_number: str | None = None, to: str = cast.NORTH_NUMBER, **more: Any
    ) -> str:
        """A patient texts; returns the carrier's SID."""
        return self.house.text(body, from_number=from_number or builders.a_number(), to_number=to, **more)

    def soon(self, look: Callable[[], T | None]) -> T:
        """What `look` finds, as soon as it finds something."""
        found: list[T] = []

        def has_come() -> bool:
            self.session.rollback()
            seen = look()
            if seen:
                found.append(seen)
            return bool(seen)

        assert wait_until(has_come, seconds=WITHIN, every=0.05), "it never came"
        return found[0]

    def message(self, body: str) -> Message | None:
        return self.session.scalar(select(Message).where(self._says(body)))

    def messages(self, body: str) -> list[Message]:
        return list(self.session.scalars(select(Message).where(self._says(body))))

    def _says(self, body: str) -> ColumnElement[bool]:
        says = Message.body == body
        return says if self._before is None else and_(says, Message.id > self._before)

    def task_of(self, body: str) -> Task | None:
        """The task that holds the text with these words."""
        return self.session.scalar(
            select(Task)
            .join(TaskMessage, TaskMessage.task_id == Task.id)
            .join(Message, Message.id == TaskMessage.message_id)
            .where(self._says(body))
        )

    def number_of(self, body: str) -> str:
        """Who texted these words."""
        query = select(Phone.number).join(Conversation, Conversation.phone_id == Phone.id)
        return self.session.scalars(query.join(Message).where(self._says(body))).one()

    def outbound(self, message_id: UUID) -> OutboundText | None:
        return self.session.get(OutboundText, message_id, populate_existing=True)

    def at_carrier(self, body: str) -> list[dict[str, Any]]:
        """The texts with these words that the carrier took from us."""
        texts = self.house.control("GET", "texts?direction=outbound&limit=100000")["texts"]
        return [one for one in texts if one["body"] == body]

    def sign_in(self, login: str) -> "Browser":
        browser = Browser(self.house.web_url)
        browser.sign_in(login)
        return browser


class Browser:
    """A member's browser without its window: cookies, forms, redirects."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=15)
        self.token = ""

    def sign_in(self, login: str, password: str = cast.PASSWORD) -> None:
        self.token = self._token_on("/sign-in")
        answer = self.post("/sign-in", login=login, password=password)
        assert answer.status_code == 303, answer.status_code
        self.token = self._token_on("/preferences")

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """As a form would; `form_id` is fresh unless given."""
        fields.setdefault("form_id", db.new_id())
        data = {"csrf_token": self.token, **{name: _plain(value) for name, value in fields.items()}}
        return self.http.post(path, data=data)

    def _token_on(self, path: str) -> str:
        found = _TOKEN.search(self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]


def _plain(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, list) else str(value)
