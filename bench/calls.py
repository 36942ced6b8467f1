"""Calls of the carrier, signed and written out before anything is measured."""

import secrets
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from bench import clinic
from triage.simulator.signing import signature

PATH = "/webhooks/twilio/messages"


class Call(NamedTuple):
    """One request as it goes over the wire, and the SID of the text in it."""

    sid: str
    wire: bytes


def texts(web_url: str, count: int, *, first_patient: int = 0, patients: int | None = None) -> list[Call]:
    """Texts of as many patients, one after the other; fewer `patients` text again and again."""
    around = patients or count
    return [_text(web_url, first_patient + place % around, place) for place in range(count)]


def _text(web_url: str, patient: int, place: int) -> Call:
    sid = "SM" + secrets.token_hex(16)
    params = [
        ("ToCountry", "US"),
        ("ToState", "DC"),
        ("SmsMessageSid", sid),
        ("NumMedia", "0"),
        ("ToCity", "WASHINGTON"),
        ("FromZip", ""),
        ("SmsSid", sid),
        ("FromState", "DC"),
        ("SmsStatus", "received"),
        ("FromCity", "WASHINGTON"),
        ("Body", f"Hello, it is about my prescription, question {place}. Could somebody call me?"),
        ("FromCountry", "US"),
        ("To", clinic.NUMBER),
        ("ToZip", ""),
        ("NumSegments", "1"),
        ("MessageSid", sid),
        ("AccountSid", clinic.ACCOUNT),
        ("From", clinic.phone_number(patient)),
        ("ApiVersion", "2010-04-01"),
    ]
    return Call(sid, post(web_url + PATH, params, signature(clinic.TOKEN, web_url + PATH, params)))


def post(url: str, params: list[tuple[str, str]], signed: str = "") -> bytes:
    """A form, as bytes."""
    body = urlencode(params).encode()
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {signed}\r\nUser-Agent: TwilioProxy/1.1\r\n\r\n"
    )
    return head.encode() + body
