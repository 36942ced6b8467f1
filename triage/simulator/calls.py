"""Telephone calls in their bare shape: they ring, are answered, say their TwiML, and end."""

import time
from dataclasses import dataclass

from triage.simulator import directory, posting, sending
from triage.simulator.calling import Answer
from triage.simulator.carrier import Carrier, new_sid
from triage.simulator.refusals import Refusal
from triage.simulator.store import Row, insert
from triage.simulator.twiml import BadAnswer, read_speech

_STEPS = (("ringing", 0.3), ("in-progress", 1.0), ("completed", 2.0))
_EVENTS = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered", "completed": "completed"}


@dataclass(frozen=True)
class CallOrder:
    caller: str
    called: str
    url: str = ""
    method: str = "POST"
    twiml: str = ""
    callback_url: str = ""
    callback_events: tuple[str, ...] = ()


def create(carrier: Carrier, account: Row, order: CallOrder) -> str:
    """The SID of the call from a practice number. Raises Refusal."""
    called = sending.e164_or_none(order.called)
    if called is None:
        raise Refusal(21211, f"Invalid 'To' Phone Number: {order.called}")
    number = directory.number_or_none(carrier.store, sending.e164_or_none(order.caller) or "")
    if number is None or number["account_sid"] != account["sid"]:
        raise Refusal(21210, f"From phone number not verified: {order.caller}")
    if not order.url and not order.twiml:
        raise Refusal(21205, "Url parameter is required.")
    return _insert(carrier, account["sid"], "outbound-api", number["number"], called, called, order)


def ring(carrier: Carrier, *, caller: str, called: str) -> str:
    """A phone calls the practice, whose voice address says the answer. Raises ValueError: unknown number."""
    number = directory.number_or_none(carrier.store, called)
    if number is None:
        raise ValueError("no account of this carrier has that practice number")
    order = CallOrder(
        caller, called, number["voice_url"], number["voice_method"], "", number["status_callback"]
    )
    return _insert(carrier, number["account_sid"], "inbound", caller, called, caller, order)


def advance(carrier: Carrier, sid: str) -> None:
    """One step further; safe to repeat."""
    call = carrier.store.row("select * from call where sid = ?", (sid,))
    if call is None or call["due_at"] is None:
        return
    status, _ = _STEPS[call["step"]]
    now = time.time()
    with carrier.store.writing() as connection:
        connection.execute(
            "update call set status = :status, updated_at = :now,"
            " started_at = case when :status = 'in-progress' then :now else started_at end,"
            " ended_at = case when :status = 'completed' then :now else ended_at end where sid = :sid",
            {"status": status, "now": now, "sid": sid},
        )
    speech = _ask(carrier, call, status) if status == "in-progress" else call["speech"]
    if _EVENTS[status] in call["callback_events"].split():
        _post(carrier, call, status, call["callback_url"], "POST")
    following = call["step"] + 1
    due_at = now + _STEPS[following][1] * carrier.pace if following < len(_STEPS) else None
    with carrier.store.writing() as connection:
        connection.execute(
            "update call set step = ?, due_at = ?, speech = ? where sid = ?", (following, due_at, speech, sid)
        )
    if due_at is not None:
        carrier.errands.put(due_at, advance, carrier, sid)


def end(carrier: Carrier, call: Row, status: str) -> None:
    """Hangs up a call that has not ended."""
    if call["ended_at"] is not None:
        raise Refusal(21220, "Call is not in-progress. Cannot redirect.")
    now = time.time()
    with carrier.store.writing() as connection:
        connection.execute(
            "update call set status = ?, ended_at = ?, due_at = null, updated_at = ? where sid = ?",
            (status, now, now, call["sid"]),
        )


def _insert(
    carrier: Carrier, account_sid: str, direction: str, caller: str, called: str, phone: str, order: CallOrder
) -> str:
    sid, now = new_sid("CA"), time.time()
    due_at = now + _STEPS[0][1] * carrier.pace
    values = {
        "sid": sid,
        "account_sid": account_sid,
        "direction": direction,
        "caller": caller,
        "called": called,
        "phone": phone,
        "status": "queued",
        "url": order.url,
        "method": order.method or "POST",
        "twiml": order.twiml,
        "callback_url": order.callback_url,
        "callback_events": " ".join(order.callback_events or ("completed",)) if order.callback_url else "",
        "due_at": due_at,
        "created_at": now,
        "updated_at": now,
    }
    with carrier.store.writing() as connection:
        insert(connection, "call", values)
    carrier.errands.put(due_at, advance, carrier, sid)
    return sid


def _ask(carrier: Carrier, call: Row, status: str) -> str:
    """What the call says to who picked up."""
    try:
        if call["twiml"]:
            return read_speech("text/xml", call["twiml"].encode())
        if call["url"]:
            answer = _post(carrier, call, status, call["url"], call["method"])
            if answer is not None and answer.status == 200:
                return read_speech(answer.content_type, answer.content)
    except BadAnswer:
        pass
    return "We are sorry. An application error has occurred. Goodbye." if call["url"] or call["twiml"] else ""


def _post(carrier: Carrier, call: Row, status: str, address: str, method: str) -> Answer | None:
    account = carrier.store.row("select token from account where sid = ?", (call["account_sid"],))
    if account is None:
        return None
    params = [
        ("CallSid", call["sid"]),
        ("AccountSid", call["account_sid"]),
        ("From", call["caller"]),
        ("To", call["called"]),
        ("Caller", call["caller"]),
        ("Called", call["called"]),
        ("CallStatus", status),
        ("ApiVersion", "2010-04-01"),
        ("Direction", call["direction"]),
    ]
    return posting.post(
        carrier,
        posting.Letter(
            "call", status, call["sid"], call["account_sid"], account["token"], method, address, params
        ),
    )
