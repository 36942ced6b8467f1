"""Who is where just now: ids with a short life in Redis, lost without harm."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import redis

T = TypeVar("T")

LIVES_FOR = 45.0
# A Redis that is away is left alone for a while: nobody waits for what is nice to know.
LEFT_ALONE_FOR = 5.0

_client: "redis.Redis | None" = None
_left_alone_until = 0.0


class Here(NamedTuple):
    """Somebody in a place; `window` tells the windows of one person apart."""

    place_id: str
    who: str
    window: str
    doing: str


def connect(client: "redis.Redis | None") -> None:
    """Keep presence in this Redis from now on; None keeps none."""
    global _client, _left_alone_until
    _client, _left_alone_until = client, 0.0


def _key(practice_id: UUID | str) -> str:
    return f"triage:presence:{practice_id}"


def note(practice_id: UUID, place_id: UUID, who: UUID, window: str, doing: str | None) -> bool:
    """Somebody does this there, or with None nothing any more. True where that is news. Safe to repeat."""
    field = f"{place_id}:{who}:{window}"

    def write(client: Any) -> bool:
        before = client.hget(_key(practice_id), field)
        was = _doing(before)
        if doing is None:
            client.hdel(_key(practice_id), field)
            return was is not None
        with client.pipeline(transaction=False) as pipe:
            pipe.hset(_key(practice_id), field, f"{doing}:{time.time() + LIVES_FOR:.0f}")
            pipe.expire(_key(practice_id), int(LIVES_FOR) + 1)
            pipe.execute()
        return was != doing

    return _asked(write, default=False)


def everybody(practice_id: UUID) -> list[Here]:
    """Who is where in this practice; nobody while Redis is away."""

    def read(client: Any) -> list[Here]:
        found: Mapping[bytes, bytes] = client.hgetall(_key(practice_id))
        here, gone = [], []
        for field, value in found.items():
            doing = _doing(value)
            if doing is None:
                gone.append(field)
            else:
                place_id, who, window = field.decode().split(":", 2)
                here.append(Here(place_id, who, window, doing))
        if gone:
            client.hdel(_key(practice_id), *gone)
        return here

    return _asked(read, default=[])


def _doing(value: bytes | None) -> str | None:
    """None for what has outlived its time."""
    if value is None:
        return None
    doing, _, until = value.decode().rpartition(":")
    return doing if float(until) >= time.time() else None


def _asked(ask: Callable[[Any], T], *, default: T) -> T:
    global _left_alone_until
    if _client is None or time.monotonic() < _left_alone_until:
        return default
    try:
        return ask(_client)
    except redis.RedisError:
        _left_alone_until = time.monotonic() + LEFT_ALONE_FOR
        return default
