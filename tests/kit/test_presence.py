"""Who is where: noted, news only when it changes, forgotten by itself, and nobody where Redis is away."""

import time
from uuid import uuid4

import pytest
import redis

from triage.kit import presence

PRACTICE, PLACE, ANA, WINDOW = uuid4(), uuid4(), uuid4(), "one"


@pytest.fixture(autouse=True)
def _connected(redis_url: str) -> None:
    presence.connect(redis.Redis.from_url(redis_url, socket_timeout=1))


def note(doing: str | None) -> bool:
    return presence.note(PRACTICE, PLACE, ANA, WINDOW, doing)


def doings() -> list[str]:
    return [one.doing for one in presence.everybody(PRACTICE)]


def test_it_is_news_when_somebody_comes_changes_and_goes() -> None:
    assert [note("viewing"), note("viewing"), note("writing"), note(None), note(None)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert doings() == []


def test_two_windows_of_one_person_are_two() -> None:
    note("writing")
    presence.note(PRACTICE, PLACE, ANA, "two", "viewing")

    assert sorted(doings()) == ["viewing", "writing"]
    assert presence.everybody(uuid4()) == []


def test_who_says_nothing_for_a_while_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    note("viewing")
    later = time.time() + presence.LIVES_FOR + 1
    monkeypatch.setattr(time, "time", lambda: later)

    assert doings() == []


def test_nobody_waits_for_a_redis_that_is_away() -> None:
    presence.connect(redis.Redis(port=1, socket_connect_timeout=0.2))

    assert not note("viewing")
    assert doings() == []
