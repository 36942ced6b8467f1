"""A text from the practice to a phone: taken or refused, then moved step by step and each step reported."""

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Any
from urllib.parse import urlsplit

from triage.simulator import directory, posting, refusals
from triage.simulator.calling import Answer
from triage.simulator.carrier import Carrier, new_sid
from triage.simulator.journeys import FINAL, Behaviour, Step, journey
from triage.simulator.overrides import Patience
from triage.simulator.refusals import Refusal
from triage.simulator.segments import count_segments, length
from triage.simulator.store import Row, insert

_LIMIT = 1600
_MOST_MEDIA = 10
_SOONEST, _LATEST = timedelta(minutes=5), timedelta(days=35)


@dataclass(frozen=True)
class Order:
    """What the practice asks for when it creates a message, as it came."""

    sender: str
    recipient: str
    body: str
    service_sid: str = ""
    media_urls: tuple[str, ...] = ()
    callback_url: str = ""
    send_at: str = ""
    direction: str = "outbound-api"


def first_status(order: Order) -> str:
    """What the answer to a create says, however fast the text is on its way meanwhile."""
    return "scheduled" if order.send_at else "accepted" if order.service_sid else "queued"


def accept(carrier: Carrier, account: Row, order: Order) -> str:
    """The SID of the new text, kept before this returns. Raises Refusal with the number for what is wrong."""
    recipient = _checked_recipient(order.recipient)
    _check_content(order)
    number = _sender(carrier, account, order, recipient)
    due_at = _send_time(order)
    if is_blocked(carrier, number["service_sid"], number["number"], recipient):
        raise refusals.unsubscribed()
    behaviour = directory.behaviour_of(carrier.store, recipient)
    sid = new_sid("MM" if order.media_urls else "SM")
    now = time.time()
    status = first_status(order)
    due_at = due_at or now + journey(behaviour)[0].after * carrier.pace
    with carrier.store.writing() as connection:
        insert_text(
            connection,
            sid=sid,
            account_sid=account["sid"],
            service_sid=order.service_sid or None,
            direction=order.direction,
            sender=number["number"],
            recipient=recipient,
            body=order.body,
            status=status,
            media_count=len(order.media_urls),
            callback_url=order.callback_url or None,
            behaviour=behaviour,
            due_at=due_at,
            created_at=now,
        )
        _insert_media(connection, sid, account["sid"], order.media_urls, now)
    carrier.errands.put(due_at, advance, carrier, sid)
    return sid


def insert_text(
    connection: Connection,
    *,
    direction: str,
    sender: str,
    recipient: str,
    body: str,
    created_at: float,
    **others: Any,
) -> None:
    """One row of either direction; `others` are columns of the same names."""
    inbound = direction == "inbound"
    values = {
        "direction": direction,
        "sender": sender,
        "recipient": recipient,
        "number": recipient if inbound else sender,
        "phone": sender if inbound else recipient,
        "body": body,
        "segments": count_segments(body),
        "token": str(uuid.uuid4()),
        "created_at": created_at,
        "sent_at": created_at if inbound else None,
        "listed_at": created_at,
        "updated_at": created_at,
    }
    insert(connection, "text", values | others)


def advance(carrier: Carrier, sid: str) -> None:
    """Moves a text one step and reports it. Safe to repeat: a step is done only once its reports went out."""
    text = carrier.store.row("select * from text where sid = ?", (sid,))
    if text is None or text["due_at"] is None:
        return
    steps = journey(Behaviour(text["behaviour"]))
    step = steps[text["step"]]
    if text["step"] == 0 and text["media_count"] and not _fetch_media(carrier, sid):
        step, steps = Step(0, "failed", ("failed",), 30008), ()
    _set_status(carrier, sid, step)
    for status in step.reports if text["callback_url"] else ():
        _report(carrier, text, status, step.error)
    following = steps[text["step"] + 1] if text["step"] + 1 < len(steps) else None
    due_at = None if following is None else time.time() + following.after * carrier.pace
    with carrier.store.writing() as connection:
        connection.execute("update text set step = step + 1, due_at = ? where sid = ?", (due_at, sid))
    if due_at is not None:
        carrier.errands.put(due_at, advance, carrier, sid)


def cancel(carrier: Carrier, text: Row) -> None:
    """Only a text that waits for its time can be called back."""
    if text["status"] != "scheduled":
        raise Refusal(30409, "Message is in a non-cancelable state")
    with carrier.store.writing() as connection:
        connection.execute(
            "update text set status = 'canceled', due_at = null, updated_at = ? where sid = ?",
            (time.time(), text["sid"]),
        )


def redact(carrier: Carrier, text: Row) -> None:
    _check_ended(text)
    with carrier.store.writing() as connection:
        connection.execute(
            "update text set body = '', updated_at = ? where sid = ?", (time.time(), text["sid"])
        )


def delete(carrier: Carrier, text: Row) -> None:
    _check_ended(text)
    with carrier.store.writing() as connection:
        connection.execute("delete from media where text_sid = ?", (text["sid"],))
        connection.execute("delete from text where sid = ?", (text["sid"],))


def is_blocked(carrier: Carrier, service_sid: str | None, number: str, phone: str) -> bool:
    """Whether the phone told this number, or its messaging service, to stop."""
    scope = service_sid or number
    return carrier.store.row("select 1 from block where scope = ? and phone = ?", (scope, phone)) is not None


def e164_or_none(number: str) -> str | None:
    """A number as the network knows it; ten digits are taken as one of North America."""
    digits = re.sub(r"[\s().-]", "", number)
    if re.fullmatch(r"[2-9]\d{9}", digits):
        digits = "+1" + digits
    elif re.fullmatch(r"1[2-9]\d{9}", digits):
        digits = "+" + digits
    if digits.startswith("+1"):
        return digits if re.fullmatch(r"\+1[2-9]\d\d[2-9]\d{6}", digits, re.ASCII) else None
    return digits if re.fullmatch(r"\+[2-9]\d{6,14}", digits, re.ASCII) else None


def _checked_recipient(number: str) -> str:
    if not number:
        raise Refusal(21604, "A 'To' phone number is required.")
    recipient = e164_or_none(number)
    if recipient is None:
        raise Refusal(21211, f"Invalid 'To' Phone Number: {number}")
    return recipient


def _check_content(order: Order) -> None:
    if not order.body and not order.media_urls:
        raise Refusal(21602, "Message body is required.")
    if length(order.body) > _LIMIT:
        raise Refusal(21617, f"The concatenated message body exceeds the {_LIMIT} character limit")
    if len(order.media_urls) > _MOST_MEDIA:
        raise Refusal(21623, "Number of media files exceeds allowed limit")
    if not all(_is_address(url) for url in order.media_urls):
        raise Refusal(21620, "Invalid media URL(s)")
    if order.callback_url and not _is_address(order.callback_url):
        raise Refusal(21609, f"The StatusCallback URL {order.callback_url} is not a valid URL.")


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "_" not in (parts.hostname or "")


def _sender(carrier: Carrier, account: Row, order: Order, recipient: str) -> Row:
    if order.service_sid:
        return _sender_of_service(carrier, account, order.service_sid, recipient)
    if not order.sender:
        raise Refusal(21603, "A 'From' phone number is required.")
    sender = e164_or_none(order.sender)
    if sender is None:
        raise Refusal(21212, f"Invalid From Number (caller ID): {order.sender}")
    number = directory.number_or_none(carrier.store, sender)
    if number is None or number["account_sid"] != account["sid"]:
        raise Refusal(
            21606,
            f"The 'From' phone number {order.sender} is not a valid, SMS-capable inbound phone number"
            " or short code for your account.",
        )
    if sender == recipient:
        raise Refusal(21266, "'To' and 'From' number cannot be the same")
    return number


def _sender_of_service(carrier: Carrier, account: Row, service_sid: str, recipient: str) -> Row:
    """A messaging service stays with the number that this phone already knows."""
    if service_sid != account["service_sid"]:
        raise Refusal(21701, "The Messaging Service does not exist.")
    known = carrier.store.row(
        "select number from text where account_sid = ? and phone = ? order by seq desc limit 1",
        (account["sid"], recipient),
    ) or carrier.store.row(
        "select number from number where account_sid = ? order by rowid limit 1", (account["sid"],)
    )
    number = None if known is None else directory.number_or_none(carrier.store, known["number"])
    if number is None:
        raise Refusal(21703, "The Messaging Service does not have a phone number available to send a message")
    return number


def _send_time(order: Order) -> float | None:
    if not order.send_at:
        return None
    if not order.service_sid:
        raise Refusal(35118, "MessagingServiceSid is required to schedule a message")
    try:
        at = datetime.fromisoformat(order.send_at).timestamp()
    except ValueError:
        raise Refusal(35111, "SendAt is not a valid time") from None
    if not _SOONEST.total_seconds() < at - time.time() <= _LATEST.total_seconds():
        raise Refusal(
            35114, "SendAt time must be between 300 seconds and 35 days (3024000 seconds) in the future"
        )
    return at


def _insert_media(
    connection: Connection, sid: str, account_sid: str, urls: Sequence[str], now: float
) -> None:
    connection.executemany(
        "insert into media values (?, ?, ?, 'application/octet-stream', x'', ?, ?)",
        [(new_sid("ME"), sid, account_sid, url, now) for url in urls],
    )


def _fetch_media(carrier: Carrier, sid: str) -> bool:
    """Gets every file from where the practice keeps it; one that cannot be had spoils the text."""
    for media in carrier.store.rows("select sid, source_url from media where text_sid = ?", (sid,)):
        answer: Answer = carrier.caller.call("GET", media["source_url"], {"Accept": "*/*"}, None, Patience())
        if answer.status != 200:
            return False
        with carrier.store.writing() as connection:
            connection.execute(
                "update media set content = ?, content_type = ? where sid = ?",
                (answer.content, answer.content_type.partition(";")[0], media["sid"]),
            )
    return True


def _set_status(carrier: Carrier, sid: str, step: Step) -> None:
    now = time.time()
    sent = step.status != "sending"
    with carrier.store.writing() as connection:
        connection.execute(
            "update text set status = :status, error_code = :error, updated_at = :now,"
            " sent_at = case when :sent then coalesce(sent_at, :now) end,"
            " listed_at = case when :sent then coalesce(sent_at, :now) else listed_at end where sid = :sid",
            {"status": step.status, "error": step.error, "now": now, "sent": sent, "sid": sid},
        )


def _report(carrier: Carrier, text: Row, status: str, error: int | None) -> None:
    params = [
        ("SmsSid", text["sid"]),
        ("SmsStatus", status),
        ("MessageStatus", status),
        ("To", text["recipient"]),
        ("MessageSid", text["sid"]),
        ("AccountSid", text["account_sid"]),
        ("From", text["sender"]),
        ("ApiVersion", "2010-04-01"),
    ]
    if text["service_sid"]:
        params.append(("MessagingServiceSid", text["service_sid"]))
    if error is not None and status in FINAL:
        params.append(("ErrorCode", str(error)))
    if status == "delivered":
        params.append(("RawDlrDoneDate", time.strftime("%y%m%d%H%M", time.gmtime())))
    account = carrier.store.row("select token from account where sid = ?", (text["account_sid"],))
    if account is None:
        return
    letter = posting.Letter(
        "status",
        status,
        text["sid"],
        text["account_sid"],
        account["token"],
        "POST",
        text["callback_url"],
        params,
    )
    if carrier.dice.happens("drop_callbacks"):
        posting.note_dropped(carrier, letter)
    else:
        posting.post(carrier, letter)


def _check_ended(text: Row) -> None:
    if text["status"] not in FINAL | {"sent"}:
        raise Refusal(20009, "Cannot change or delete this message before its delivery has ended", 409)
