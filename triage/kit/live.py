"""Signals to open pages: what changed, for whose ears, and never the content."""

import json
from typing import Any, NamedTuple
from uuid import UUID

import redis
from sqlalchemy.orm import Session

from triage.kit import db, metrics

KEEP_SIGNALS = 2000

_client: "redis.Redis | None" = None


class Signal(NamedTuple):
    """`audience` holds the members who see only what is theirs and may hear this one; `is_private`: they alone.

    `followers` may hear it because it is about what they follow, `seers` because they may see it; a member who sees
    everything hears it without being named.
    """

    kind: str
    ids: dict[str, str]
    audience: frozenset[str]
    is_private: bool = False
    followers: frozenset[str] = frozenset()
    seers: frozenset[str] = frozenset()


def connect(client: "redis.Redis | None") -> None:
    """Send signals through this Redis from now on; None sends none, and pages poll."""
    global _client
    _client = client


def stream_of(practice_id: UUID | str) -> str:
    return f"triage:live:{practice_id}"


def announce(
    session: Session,
    practice_id: UUID,
    kind: str,
    *,
    to: set[UUID] | None = None,
    followers: set[UUID] | None = None,
    seers: set[UUID] | None = None,
    **ids: UUID | int | str,
) -> None:
    """Tell open pages after the commit. `to` adds members who see only what is theirs; others hear it too."""
    signal = _signal(kind, ids, to or set())
    for name, named in (("followers", followers), ("seers", seers)):
        if named:
            signal[name] = _members(named)
    _add(session, practice_id, signal)


def announce_alone(
    session: Session, practice_id: UUID, kind: str, *, to: UUID, **ids: UUID | int | str
) -> None:
    """Tell the open pages of this one member, after the commit."""
    _add(session, practice_id, {**_signal(kind, ids, {to}), "private": "1"})


def _signal(kind: str, ids: dict[str, UUID | int | str], to: set[UUID]) -> dict[Any, Any]:
    return {
        "kind": kind,
        "ids": json.dumps({name: str(value) for name, value in ids.items()}),
        "to": _members(to),
    }


def _members(ids: set[UUID]) -> str:
    return json.dumps(sorted(str(member_id) for member_id in ids))


def _add(session: Session, practice_id: UUID, signal: dict[Any, Any]) -> None:
    batch: list[tuple[UUID, dict[Any, Any]]] | None = session.info.get("signals")
    if batch is None:
        batch = session.info["signals"] = []
        db.after_commit(session, lambda: _send(batch))
    batch.append((practice_id, signal))


def _send(batch: list[tuple[UUID, dict[Any, Any]]]) -> None:
    if _client is None:
        return
    try:
        with _client.pipeline(transaction=False) as pipe:
            for practice_id, signal in batch:
                pipe.xadd(stream_of(practice_id), signal, maxlen=KEEP_SIGNALS, approximate=True)
            pipe.execute()
    except redis.RedisError:
        metrics.DOORBELL_FAILURES.inc()


def read(fields: dict[bytes, bytes]) -> Signal:
    """A signal as it lies on the stream."""
    return Signal(
        kind=fields[b"kind"].decode(),
        ids=json.loads(fields[b"ids"]),
        audience=frozenset(json.loads(fields[b"to"])),
        is_private=b"private" in fields,
        followers=frozenset(json.loads(fields.get(b"followers", b"[]"))),
        seers=frozenset(json.loads(fields.get(b"seers", b"[]"))),
    )
