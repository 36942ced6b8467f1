"""The carrier's memory: one SQLite file that outlives any kill, or none but the process's own memory."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = sqlite3.Row
Values = Sequence[Any] | Mapping[str, Any]

_SCHEMA = """
create table if not exists account (
    sid text primary key, token text not null, name text not null, service_sid text, created_at real not null
);
create table if not exists number (
    number text primary key, sid text not null unique, account_sid text not null, friendly_name text not null,
    sms_url text not null, sms_method text not null,
    sms_fallback_url text not null, sms_fallback_method text not null,
    voice_url text not null, voice_method text not null, status_callback text not null default '',
    status_callback_method text not null default 'POST', advanced_opt_out integer not null,
    configured text not null, created_at real not null, updated_at real not null
);
create table if not exists phone (
    id integer primary key, number text not null unique, label text not null, birth_date text not null,
    behaviour text not null, practice_number text, chosen_after integer not null default 0, place integer
);
create table if not exists text (
    seq integer primary key, sid text not null unique, account_sid text not null, service_sid text,
    direction text not null, sender text not null, recipient text not null,
    number text not null, phone text not null,
    body text not null, status text not null, error_code integer, segments integer not null,
    media_count integer not null default 0, callback_url text, behaviour text not null,
    step integer not null default 0, due_at real, token text not null, opt_out_type text,
    created_at real not null, sent_at real, listed_at real not null, updated_at real not null
);
create index if not exists text_listed on text (account_sid, listed_at, seq);
create index if not exists text_recipient on text (account_sid, recipient, listed_at, seq);
create index if not exists text_phone on text (phone, seq);
create index if not exists text_due on text (due_at) where due_at is not null;
create table if not exists media (
    sid text primary key, text_sid text not null, account_sid text not null, content_type text not null,
    content blob not null, source_url text, created_at real not null
);
create index if not exists media_text on media (text_sid);
create table if not exists block (
    scope text not null, phone text not null, at real not null, primary key (scope, phone)
);
create table if not exists call (
    seq integer primary key, sid text not null unique, account_sid text not null, direction text not null,
    caller text not null, called text not null, phone text not null, status text not null,
    url text, method text, twiml text, callback_url text,
    callback_events text not null, speech text not null default '',
    step integer not null default 0, due_at real, created_at real not null, started_at real, ended_at real,
    updated_at real not null
);
create table if not exists delivery (
    id integer primary key, request_id text not null, text_sid text not null, account_sid text not null,
    kind text not null, label text not null, method text not null, url text not null, params text not null,
    signature text not null, answer integer, error text, ms real not null, at real not null
);
create table if not exists setting (name text primary key, value text not null);
"""


class Store:
    """One connection behind one lock: statements are short, and what is committed survives kill -9.

    Every write moves `version` on and wakes whoever waits in `wait_beyond`.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition()
        self._waiters = 0
        self.is_open = True
        # From the clock, so that a page that outlives this process knows the next one's state as another.
        self.version = int(time.time() * 1000)
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path,
            check_same_thread=False,
            isolation_level=None,
            cached_statements=256,
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is kept, or nothing."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
        self._announce()

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: Values = ()) -> Row | None:
        with self._lock:
            found: Row | None = self._connection.execute(statement, values).fetchone()
            return found

    def count(self, statement: str, values: Values = ()) -> int:
        with self._lock:
            return int(self._connection.execute(statement, values).fetchone()[0])

    def wait_beyond(self, version: int, seconds: float) -> None:
        with self._changed:
            self._waiters += 1
            try:
                self._changed.wait_for(lambda: self.version != version, seconds)
            finally:
                self._waiters -= 1

    def close(self) -> None:
        """Whoever waits is woken, to find `is_open` false."""
        self.is_open = False
        self._announce()
        with self._lock:
            self._connection.close()

    def _announce(self) -> None:
        with self._changed:
            self.version += 1
            if self._waiters:
                self._changed.notify_all()


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    """The rowid of the new row."""
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    added = connection.execute(f"insert into {table} ({names}) values ({marks})", tuple(values.values()))
    return added.lastrowid or 0
