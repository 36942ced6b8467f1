"""What a form showed when it was opened: whoever saves it learns what a colleague has saved since."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from flask import request

from triage.kit.errors import NotPossible


class Overtaking(NamedTuple):
    """One value that is no longer what the form showed."""

    label: str
    was: str
    now: str


class Overtaken(NotPossible):
    """Somebody saved the same values in the meantime; saving once more takes theirs back knowingly."""

    def __init__(self, changes: list[Overtaking]) -> None:
        super().__init__("Somebody saved this in the meantime.")
        self.changes = changes


def shown(values: Mapping[str, object]) -> str:
    """What a form carries along."""
    return json.dumps({name: _plain(value) for name, value in values.items()}, sort_keys=True)


def check(now: Mapping[str, object], labels: Mapping[str, str]) -> None:
    """Raises `Overtaken`. Asked with what is about to change locked; a form that carries nothing is not compared."""
    try:
        was = json.loads(request.form.get("seen") or "{}")
    except ValueError:
        was = {}
    changes = [
        Overtaking(labels.get(name, name), _in_words(was[name]), _in_words(_plain(value)))
        for name, value in now.items()
        if isinstance(was, dict) and name in was and was[name] != _plain(value)
    ]
    if changes:
        raise Overtaken(changes)


def _plain(value: object) -> str | int | bool | None:
    """As JSON has it, so that both sides can be compared."""
    return value if isinstance(value, str | int | bool | None) else str(value)


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "nothing" if value in (None, "") else str(value)
