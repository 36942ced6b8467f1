"""Browsers without JavaScript, signed in as one of the cast."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.cast import Cast
from triage.app import create_app
from triage.config import Settings
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.kit import clock

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass
class Browser:
    """Asks as a page's links and forms do; `part` asks as htmx does, from the page at `at`."""

    client: FlaskClient

    def get(self, address: str) -> TestResponse:
        return self.client.get(address)

    def part(self, address: str, at: str = "/") -> TestResponse:
        return self.client.get(address, headers=self._from(at))

    def post(self, address: str, **fields: Any) -> TestResponse:
        return self.client.post(address, data=self._form(fields))

    def post_part(self, address: str, at: str = "/", **fields: Any) -> TestResponse:
        return self.client.post(address, data=self._form(fields), headers=self._from(at))

    def _from(self, at: str) -> dict[str, str]:
        return {**PART, "HX-Current-URL": f"http://localhost{at}"}

    def _form(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"csrf_token": self._token(), "form_id": str(uuid4()), **fields}

    def _token(self) -> str:
        """Every page carries it, also the one that says that there is nothing."""
        page = self.client.get("/nothing-here").text
        found = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert found
        return found[1]


@pytest.fixture
def app(settings: Settings, session: Session) -> Flask:
    return create_app(settings)


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Not signed in."""
    return Browser(app.test_client())


@pytest.fixture
def browser_of(app: Flask, session: Session) -> Callable[[Member], Browser]:
    def browser_of(member: Member) -> Browser:
        token = sign_in.start_session(session, member, browser="test", now=clock.now(session))
        session.commit()
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return Browser(client)

    return browser_of


@pytest.fixture
def ana(browser_of: Callable[[Member], Browser], cast: Cast) -> Iterator[Browser]:
    """Sees all messages."""
    yield browser_of(cast.ana)


@pytest.fixture
def ben(browser_of: Callable[[Member], Browser], cast: Cast) -> Browser:
    """Sees only assigned messages."""
    return browser_of(cast.ben)


@pytest.fixture
def cleo(browser_of: Callable[[Member], Browser], cast: Cast) -> Browser:
    """Sees no messages."""
    return browser_of(cast.cleo)


@pytest.fixture
def admin(browser_of: Callable[[Member], Browser], cast: Cast) -> Browser:
    """May change settings, members and roles, and sees all messages."""
    return browser_of(cast.admin)


@pytest.fixture
def dan(browser_of: Callable[[Member], Browser], cast: Cast) -> Browser:
    """Works in another practice."""
    return browser_of(cast.dan)
