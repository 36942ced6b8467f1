"""What a phone's screen shows, and what the log of calls shows."""

import json
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from triage.simulator.journeys import ERRORS
from triage.simulator.store import Row, Store

_SHOWN = 60
_LOGGED = 40
_PAUSE = 3600


@dataclass(frozen=True)
class Entry:
    """A bubble, or a line in the middle. `who` is "me" (the patient), "practice", "carrier" or "line"."""

    key: str
    who: str
    at: float
    body: str = ""
    pictures: tuple[str, ...] = ()
    note: str = ""
    heading: str = ""
    number: str = ""
    tail: bool = True
    icon: str = ""


def thread(store: Store, phone: str) -> list[Entry]:
    """The newest texts and calls of a phone, oldest first; a line tells of what never came."""
    texts = store.rows("select * from text where phone = ? order by seq desc limit ?", (phone, _SHOWN))
    pictures = _pictures(store, [text["sid"] for text in texts if text["media_count"]])
    names = {
        row["number"]: row["friendly_name"] for row in store.rows("select number, friendly_name from number")
    }
    entries = [entry for text in texts if (entry := _entry(text, pictures)) is not None]
    entries += [
        _call(call)
        for call in store.rows("select * from call where phone = ? order by seq desc limit 10", (phone,))
    ]
    entries.sort(key=lambda entry: entry.at)
    return _arranged(entries[-_SHOWN:], names)


def _entry(text: Row, pictures: dict[str, tuple[str, ...]]) -> Entry | None:
    key, at, number = text["sid"], text["created_at"], text["number"]
    if text["direction"] == "inbound":
        note = "Sending…" if text["due_at"] is not None else "Delivered"
        return Entry(key, "me", at, text["body"], pictures.get(key, ()), note=note, number=number)
    if text["direction"] == "notice":
        return Entry(key, "carrier", at, text["body"], number=number)
    if text["status"] == "delivered":
        return Entry(
            key, "practice", text["sent_at"] or at, text["body"], pictures.get(key, ()), number=number
        )
    if text["status"] in {"undelivered", "failed"}:
        reason = ERRORS.get(text["error_code"], "It could not be sent")
        return Entry(
            key, "line", at, f"A text did not get here: {reason} ({text['error_code']})", icon="circle-alert"
        )
    return None


def _call(call: Row) -> Entry:
    verb = "You called" if call["direction"] == "inbound" else "Call"
    spoken = f": “{call['speech']}”" if call["speech"] else ""
    state = {"completed": "", "in-progress": ", in progress"}.get(call["status"], f", {call['status']}")
    return Entry(call["sid"], "line", call["created_at"], f"{verb}{state}{spoken}", icon="phone")


def _arranged(entries: list[Entry], names: dict[str, str]) -> list[Entry]:
    """Headings where time passed or another number speaks, tails at a row's end, a note on the last text."""
    arranged: list[Entry] = []
    last_me = max((place for place, entry in enumerate(entries) if entry.who == "me"), default=-1)
    for place, entry in enumerate(entries):
        before = entries[place - 1] if place else None
        after = entries[place + 1] if place + 1 < len(entries) else None
        heading = ""
        other = bool(entry.number and before and before.number and before.number != entry.number)
        if before is None or entry.at - before.at > _PAUSE or other:
            heading = " · ".join(
                filter(None, [names.get(entry.number, "") if other else "", _when(entry.at)])
            )
        tail = after is None or after.who != entry.who or after.at - entry.at > _PAUSE
        note = entry.note if place == last_me else ""
        arranged.append(replace(entry, heading=heading, tail=tail, note=note))
    return arranged


def _when(at: float) -> str:
    then, now = time.localtime(at), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("Today %H:%M", then)
    return time.strftime("%a %d %b, %H:%M", then)


def _pictures(store: Store, sids: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for sid in sids:
        rows = store.rows("select sid, content_type from media where text_sid = ? order by rowid", (sid,))
        found[sid] = tuple(row["sid"] for row in rows if row["content_type"].startswith("image/"))
    return found


@dataclass(frozen=True)
class LogEntry:
    """One call to a receiver, without anything that a patient wrote."""

    id: int
    title: str
    icon: str
    path: str
    tone: str
    answer: str
    signature: str
    ms: str
    at: float
    request_id: str
    can_replay: bool = field(default=True)


_TITLES = {"text": "Text received", "fallback": "Text, fallback address"}


def log_entries(store: Store) -> list[LogEntry]:
    rows = store.rows(
        "select * from delivery order by id desc limit ?",
        (_LOGGED,),
    )
    return [_log_entry(row) for row in rows]


def _log_entry(row: Row) -> LogEntry:
    answer = row["answer"]
    title = _TITLES.get(row["label"]) or ("Call: " if row["kind"] == "call" else "Status: ") + row["label"]
    if row["kind"] == "replay":
        title += " (replayed)"
    return LogEntry(
        id=row["id"],
        title=title,
        icon=_icon(row),
        path=f"{row['method']} {urlsplit(row['url']).path}",
        tone="ok" if answer is not None and answer < 400 else "bad",
        answer=str(answer)
        if answer is not None
        else {"timeout": "no answer"}.get(row["error"], row["error"] or "none"),
        signature=_signature(row),
        ms=f"{row['ms']:.0f} ms",
        at=row["at"],
        request_id=row["request_id"],
        can_replay=bool(json.loads(row["params"])),
    )


def _signature(row: Row) -> str:
    """What the receiver thought of it: a 403 is how it says that the signature is wrong."""
    if not row["signature"] or row["answer"] is None:
        return ""
    return "refused" if row["answer"] == 403 else "accepted"


def _icon(row: Any) -> str:
    if row["kind"] == "replay":
        return "rotate-ccw"
    return {
        "text": "message-square",
        "fallback": "message-square",
        "delivered": "check-check",
        "undelivered": "circle-alert",
        "failed": "circle-alert",
    }.get(row["label"], "phone" if row["kind"] == "call" else "check")
