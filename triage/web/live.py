"""The stream of signals to open pages: one reader for a process, one small queue for a browser."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import redis
from flask import Blueprint, Response, current_app, jsonify, request
from flask_login import current_user

from triage.config import settings
from triage.domain.inbox import scope
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db, live, metrics
from triage.web.auth import current_member, needs

blueprint = Blueprint("live", __name__)

HEARTBEAT_SECONDS = 15
# While Redis is away pages fetch everything again so often.
REFETCH_SECONDS = 15
WAIT_SECONDS = 1.0
QUEUE_SIZE = 100
# Requests must find a free thread beside the open streams.
THREADS_KEPT_FREE = 24
MOST_REPLAYED = 200
# Redis names signals by its clock, pages are dated by the database's.
SKEW_MS = 1000

_is_ending = threading.Event()


def end_streams() -> None:
    """This process is about to stop: say goodbye to every page."""
    _is_ending.set()


class Ear(NamedTuple):
    """One open page: what it may hear, and what it has not yet heard."""

    practice_id: str
    member_id: str
    hears_everything: bool
    hears_counts: bool
    waiting: "queue.Queue[tuple[str, str, str]]"


class Hub:
    """Reads the signals of all practices that have a page open here, and hands them to the pages."""

    def __init__(self) -> None:
        self._by_id: dict[int, Ear] = {}
        self._positions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._client: redis.Redis | None = None
        self._away_said_at = 0.0

    def count(self) -> int:
        return len(self._by_id)

    def open(self, ear: Ear) -> None:
        with self._lock:
            self._by_id[id(ear)] = ear
            if self._away_said_at:
                _put(ear, ("", "away", "{}"))
            self._positions.setdefault(live.stream_of(ear.practice_id), "$")
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(target=self._read, name="live", daemon=True)
                self._reader.start()
        metrics.STREAMS.inc()

    def close(self, ear: Ear) -> None:
        with self._lock:
            self._by_id.pop(id(ear), None)
            open_streams = {live.stream_of(other.practice_id) for other in self._by_id.values()}
            self._positions = {key: at for key, at in self._positions.items() if key in open_streams}
        metrics.STREAMS.dec()

    def client(self) -> Any:
        """Its answers are bytes; the library's types would also allow for decoded ones, everywhere."""
        if self._client is None:
            # The blocking read waits longer than the time-out of an ordinary command.
            self._client = redis.Redis.from_url(
                settings().redis_url, socket_timeout=5, socket_connect_timeout=0.5
            )
        return self._client

    def _read(self) -> None:
        while self._goes_on():
            try:
                self._pin_positions()
                with self._lock:
                    positions = dict(self._positions)
                if positions:
                    self._deliver(self.client().xread(positions, count=200, block=500))
                if self._away_said_at:
                    self._away_said_at = 0.0
                    self._tell_all("back", "{}")
            except redis.RedisError:
                self._say_away()
                _is_ending.wait(1.0)

    def _say_away(self) -> None:
        """Nothing can be heard: pages say so, and fetch everything again from time to time."""
        now = time.monotonic()
        if now - self._away_said_at >= REFETCH_SECONDS or not self._away_said_at:
            self._away_said_at = now
            self._tell_all("away", "{}")

    def _goes_on(self) -> bool:
        """Decided under the lock: a page that opens at this moment must find a reader, or start one."""
        with self._lock:
            if self._by_id and not _is_ending.is_set():
                return True
            self._reader = None
            return False

    def _pin_positions(self) -> None:
        """ "$" means from now on, but only while a read is waiting: pin it, so that nothing falls between two reads."""
        with self._lock:
            floating = [key for key, at in self._positions.items() if at == "$"]
        for key in floating:
            newest = self.client().xrevrange(key, count=1)
            with self._lock:
                if self._positions.get(key) == "$":
                    self._positions[key] = newest[0][0].decode() if newest else "0-0"

    def _deliver(self, answer: list[Any]) -> None:
        for key, entries in answer:
            stream = key.decode()
            practice_id = stream.rsplit(":", 1)[-1]
            for signal_id, fields in entries:
                with self._lock:
                    if stream in self._positions:
                        self._positions[stream] = signal_id.decode()
                    ears = [ear for ear in self._by_id.values() if ear.practice_id == practice_id]
                signal = live.read(fields)
                for ear in ears:
                    for_ear = audible(signal, ear)
                    if for_ear is not None:
                        _put(ear, (signal_id.decode(), *for_ear))

    def _tell_all(self, kind: str, data: str) -> None:
        with self._lock:
            ears = list(self._by_id.values())
        for ear in ears:
            _put(ear, ("", kind, data))


hub = Hub()


def audible(signal: live.Signal, ear: Ear) -> tuple[str, str] | None:
    """The signal as this page may hear it, or None. Somebody behind a wall, whom nobody named, hears that counts moved."""
    if signal.is_private and ear.member_id not in signal.audience:
        return None
    if ear.hears_everything or ear.member_id in signal.audience | signal.followers | signal.seers:
        return signal.kind, json.dumps(_for_ear(signal, ear))
    # Who is where moves no count; which conversation it is, only the answer to who may see it says.
    kind = signal.kind if signal.kind == "presence" else "counts"
    return (kind, "{}") if ear.hears_counts else None


def _for_ear(signal: live.Signal, ear: Ear) -> dict[str, str]:
    """A new message also says whether it is assigned to whoever hears of it and whether it is of their patient, a birth
    date whether they had asked."""
    if signal.kind not in ("message", "verification"):
        return signal.ids
    mine = {"mine": "yes"} if ear.member_id in signal.audience else {}
    patient = {"patient": "yes"} if ear.member_id in signal.followers else {}
    return {**signal.ids, **mine, **patient}


def _put(ear: Ear, item: tuple[str, str, str]) -> None:
    try:
        ear.waiting.put_nowait(item)
    except queue.Full:
        _drain(ear)
        ear.waiting.put_nowait(("", "resync", "{}"))


def _drain(ear: Ear) -> None:
    while True:
        try:
            ear.waiting.get_nowait()
        except queue.Empty:
            return


def ear_of(member: Member) -> Ear:
    return Ear(
        str(member.practice_id),
        str(member.id),
        scope.hears_everything(member),
        member.messages is Messages.ALL,
        queue.Queue(maxsize=QUEUE_SIZE),
    )


@blueprint.get("/live", endpoint="stream")
@needs(Privilege.MESSAGES, is_activity=False)
def stream() -> Response:
    """Server-sent events; ends with `bye` when the session or this process ends.

    `alive` comes every 15 seconds, `away` while nothing can be heard of Redis, `back` when it can again.
    """
    if hub.count() >= settings().web_threads - THREADS_KEPT_FREE:
        return Response(status=503, headers={"Retry-After": "15"})
    ear = ear_of(current_member())
    return Response(
        _events(ear, current_user.token, _heard(), _version()),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _version() -> str:
    """Of the files that pages are made of: a page that has older ones learns that it may reload."""
    version: str = current_app.extensions["assets"].version
    return version


class Heard(NamedTuple):
    """Up to where a page has heard; `is_signal` where that is a signal it was told, and not when it was made."""

    until: str
    is_signal: bool


def _heard() -> Heard:
    """The browser's own word when it connects again by itself, the page's when the page does.

    A page that never listened knows what was there when it was made: `from`, in milliseconds.
    """
    last = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    made = request.args.get("from", "")
    if not last and made.isdecimal() and len(made) < 16:
        return Heard(f"{max(0, int(made) - SKEW_MS)}-0", is_signal=False)
    return Heard(last, is_signal=True)


def _events(ear: Ear, token: str, heard: Heard, version: str) -> Iterator[str]:
    hub.open(ear)
    try:
        yield "retry: 2000\n\n"
        yield _event("", "deploy", json.dumps({"version": version}))
        yield from _missed(ear, heard)
        next_check = time.monotonic() + HEARTBEAT_SECONDS
        while not _is_ending.is_set():
            try:
                signal_id, kind, data = ear.waiting.get(timeout=WAIT_SECONDS)
                yield _event(signal_id, kind, data)
            except queue.Empty:
                pass
            if time.monotonic() >= next_check:
                if not _still_signed_in(token, ear):
                    break
                next_check = time.monotonic() + HEARTBEAT_SECONDS
                yield _event("", "alive", "{}")
        yield _event("", "bye", "{}")
    finally:
        hub.close(ear)


def _missed(ear: Ear, heard: Heard) -> Iterator[str]:
    """What happened since the page last listened; when that is too much, the page fetches everything anew."""
    if not heard.until:
        return
    try:
        missed = _since(ear, heard)
    except redis.RedisError:
        missed = None
    if missed is None:
        yield _event("", "resync", "{}")
        return
    for signal_id, kind, data in missed:
        yield _event(signal_id, kind, data)


def _since(ear: Ear, heard: Heard) -> list[tuple[str, str, str]] | None:
    """None where it is too much to be told one by one, or is not known any more. Raises `RedisError`."""
    stream_key = live.stream_of(ear.practice_id)
    missed = hub.client().xrange(stream_key, min=f"({heard.until}", count=MOST_REPLAYED + 1)
    if len(missed) > MOST_REPLAYED or _is_trimmed(stream_key, heard):
        return None
    audible_to_ear = ((signal_id, audible(live.read(fields), ear)) for signal_id, fields in missed)
    return [(signal_id.decode(), *told) for signal_id, told in audible_to_ear if told is not None]


def _is_trimmed(stream_key: str, heard: Heard) -> bool:
    """Whether signals after it may be gone. Before the first of a short stream there was none."""
    oldest = hub.client().xrange(stream_key, count=1)
    is_before = not oldest or _order(oldest[0][0].decode()) > _order(heard.until)
    return is_before and (heard.is_signal or hub.client().xlen(stream_key) >= live.KEEP_SIGNALS)


def _order(signal_id: str) -> tuple[int, int]:
    ms, _, number = signal_id.partition("-")
    return (int(ms) if ms.isdigit() else 0, int(number) if number.isdigit() else 0)


def _event(signal_id: str, kind: str, data: str) -> str:
    id_line = f"id: {signal_id}\n" if signal_id else ""
    return f"{id_line}event: {kind}\ndata: {data}\n\n"


def _still_signed_in(token: str, ear: Ear) -> bool:
    """Also false when the role changed what this stream may hear: the page connects again with its new rights.

    A locked page hears nothing, and learns that it is locked when it connects again.
    """
    with db.reading() as session:
        now = clock.now(session)
        found = sign_in.member_of_session(session, token, now=now, is_activity=False)
    if found is None:
        return False
    member, signed_in = found
    if signed_in.is_locked(member.practice.lock_minutes, now):
        return False
    return member.may(Privilege.MESSAGES) and _rights(ear_of(member)) == _rights(ear)


def _rights(ear: Ear) -> tuple[bool, bool]:
    return ear.hears_everything, ear.hears_counts


@blueprint.get("/live/since", endpoint="since")
@needs(Privilege.MESSAGES, is_activity=False)
def since() -> Response:
    """The same signals for a page that polls, after the id it saw last; `away` where nothing is to be heard of Redis."""
    ear = ear_of(current_member())
    after = request.args.get("after", "")
    try:
        newest = hub.client().xrevrange(live.stream_of(ear.practice_id), count=1)
        heard = _since(ear, Heard(after, is_signal=True)) if _order(after) > (0, 0) else []
    except redis.RedisError:
        return jsonify(last=after, signals=[{"kind": "away", "ids": {}}], version=_version())
    told = [("", "resync", "{}")] if heard is None else heard
    signals = [{"kind": kind, "ids": json.loads(data)} for _, kind, data in told]
    last = newest[0][0].decode() if newest else after
    return jsonify(last=last, signals=signals, version=_version())
