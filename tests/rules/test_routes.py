"""Every address of the product: who may ask for it, and how it is written."""

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from triage.app import create_app
from triage.config import Settings
from triage.domain.practice.privileges import Privilege

# Everybody may ask for these. A route that is added here needs a reason that a reviewer believes.
PUBLIC = {
    "static",
    "auth.sign_in",
    "auth.sign_in_page",
    "auth.code",
    "auth.code_page",
    "auth.again",
    "auth.again_now",
    "auth.again_code",
    "auth.passkey",
    "auth.passkey_question",
    "auth.invitation",
    "auth.accept",
    "auth.ask_reset_page",
    "auth.ask_reset",
    "auth.reset_page",
    "auth.reset",
    "auth.set_up",
    "auth.set_up_page",
    "health.healthz",
    "health.readyz",
    # A browser fetches them without cookies, and they say nothing about anybody.
    "installed.manifest",
    "installed.offline",
    "installed.worker",
    # A patient signs on a device that a member handed over: the address is signed, holds for half an hour, and opens
    # a form for one number and nothing else.
    "signing.form",
    "signing.sign",
    "webhooks.messages",
    "webhooks.status",
}
# Parameters that are words of our own; everything else is an id, and says so.
WORDS = {"folder", "version", "name", "token"}
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# What browsers look for at the root, under names that say what kind of file it is.
FILES = {"manifest.webmanifest", "service-worker.js"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


# Where a pretend carrier is at hand, and nowhere else.
OF_THE_DEMO = {"demo.show"}


def _app(**given: str) -> Flask:
    safe = {
        "DATABASE_URL": "postgresql:///nobody-asks-it",
        "environment": "test",
        "public_url": "http://localhost",
        "secret_key": "only-for-looking-at-the-addresses",
    }
    return create_app(Settings.model_validate({**safe, **given}))


@pytest.fixture(scope="module")
def app() -> Flask:
    return _app(simulator_url="http://localhost:8081")


def _without_privilege(app: Flask) -> set[str]:
    views = app.view_functions.items()
    return {name for name, view in views if not isinstance(getattr(view, "privilege", None), Privilege)}


def test_every_route_asks_for_a_privilege_or_is_public(app: Flask) -> None:
    assert _without_privilege(app) == PUBLIC | OF_THE_DEMO


def test_the_demo_s_page_is_only_where_its_phones_are() -> None:
    assert _without_privilege(_app()) == PUBLIC


def test_addresses_are_plain_words_and_ids_have_a_type(app: Flask) -> None:
    wrong = [rule.rule for rule in app.url_map.iter_rules() if not _is_well_written(rule)]

    assert wrong == []


def _is_well_written(rule: Rule) -> bool:
    words = [part for part in rule.rule.split("/") if part and "<" not in part and part not in FILES]
    typed = dict(reversed(part.split(":")) for part in re.findall(r"<(\w+:\w+)>", rule.rule))
    untyped = set(re.findall(r"<(\w+)>", rule.rule)) - WORDS
    ids = {name for name in rule.arguments if name.endswith("_id")}
    return (
        all(KEBAB.fullmatch(word) for word in words)
        and not untyped
        and all(typed.get(name) == "uuid" for name in ids)
    )


def test_reading_and_changing_never_share_a_view(app: Flask) -> None:
    """So that nothing changes because a page was fetched. The carrier may be configured to call with GET."""
    shared = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if (rule.methods or set()) & UNSAFE and "GET" in (rule.methods or set())
    }

    assert shared == {"webhooks.messages", "webhooks.status"}
