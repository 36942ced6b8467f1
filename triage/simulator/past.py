"""Texts from before this carrier was started, taken over from its file: phones show them, lists hold them."""

import hashlib
from collections.abc import Sequence
from sqlite3 import Connection

from triage.simulator import keywords, receiving, sending
from triage.simulator.directory import PastText
from triage.simulator.journeys import Behaviour
from triage.simulator.picture import draw_picture
from triage.simulator.store import Row, Store


def remember(store: Store, history: Sequence[PastText]) -> None:
    """Nobody is told of them. Safe to repeat: what was deleted since stays away."""
    if not history:
        return
    mark = hashlib.sha256("".join(text.sid for text in history).encode()).hexdigest()
    if store.row("select 1 from setting where name = 'history' and value = ?", (mark,)):
        return
    known = {row["sid"] for row in store.rows("select sid from text")}
    numbers = {
        row["number"]: row
        for row in store.rows(
            "select number.*, account.service_sid from number"
            " join account on account.sid = number.account_sid"
        )
    }
    with store.writing() as connection:
        for text in sorted(history, key=lambda text: text.at):
            number = numbers.get(text.recipient if text.direction == "inbound" else text.sender)
            if number is not None and text.sid not in known:
                _insert(connection, text, number)
        connection.execute("insert or replace into setting values ('history', ?)", (mark,))


def _insert(connection: Connection, text: PastText, number: Row) -> None:
    at = text.at.timestamp()
    sending.insert_text(
        connection,
        sid=text.sid,
        account_sid=number["account_sid"],
        service_sid=number["service_sid"],
        direction=text.direction,
        sender=text.sender,
        recipient=text.recipient,
        body=text.body,
        status=text.status,
        error_code=text.error_code,
        media_count=len(text.media),
        behaviour=Behaviour.DELIVERS,
        created_at=at,
        sent_at=at,
    )
    connection.executemany(
        "insert into media values (?, ?, ?, ?, ?, null, ?)",
        [
            (media.sid, text.sid, number["account_sid"], media.content_type, _content(media.sid), at)
            for media in text.media
        ],
    )
    word = keywords.keyword(text.body, practice_number=number["number"])
    if text.direction == "inbound" and word is not None:
        receiving.obey(connection, word, number, text.sender, at=at + 1)


def _content(sid: str) -> bytes:
    return draw_picture(int(sid[2:], 16))
