"""Calling a receiver the way its address asks for, signed, tried again if wished, and noted in the log."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode, urljoin, urlsplit

from triage.simulator.calling import Answer, remaining
from triage.simulator.carrier import Carrier, new_sid
from triage.simulator.overrides import Patience, split_overrides
from triage.simulator.signing import signature
from triage.simulator.store import insert

Params = Sequence[tuple[str, str]]
Kind = Literal["text", "status", "call", "replay"]

_KEPT_IN_LOG = 2000
_HOPS = 3


@dataclass(frozen=True)
class Letter:
    """What is to be told, to which address (with its overrides), signed with whose token."""

    kind: Kind
    label: str
    subject_sid: str
    account_sid: str
    token: str
    method: str
    address: str
    params: Params
    # Stays the same when the same news is told again, so that a receiver can know it.
    idempotency_token: str = ""


def post(carrier: Carrier, letter: Letter) -> Answer:
    """The last answer, after as many tries as the address asks for; every try is in the log."""
    url, patience = split_overrides(letter.address)
    letter = replace(letter, idempotency_token=letter.idempotency_token or str(uuid.uuid4()))
    began = time.monotonic()
    for tries in range(patience.retries + 1):
        answer = _follow(carrier, letter, url, remaining(patience, began))
        failure = answer.kind_of_failure
        if not failure or not patience.forgives(failure) or time.monotonic() - began >= patience.total:
            break
        if tries < patience.retries:
            carrier.dice.pause(min(0.05 * 2**tries, 1.0) * min(carrier.pace, 1.0))
    return answer


def note_dropped(carrier: Carrier, letter: Letter) -> None:
    """A call that the carrier lost on its way; the log shows that it never went out."""
    url, _ = split_overrides(letter.address)
    _note(carrier, letter, url, "", Answer(None, failure="dropped", detail="dropped by the carrier"), 0.0)


def _follow(carrier: Carrier, letter: Letter, url: str, patience: Patience) -> Answer:
    """One try. A 301, 302 or 303 is followed by a GET without the parameters, a 307 or 308 as it was."""
    method, params = letter.method.upper(), letter.params
    for _ in range(_HOPS):
        answer = _call(carrier, replace(letter, method=method, params=params), url, patience)
        if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
            break
        url = urljoin(url, answer.location)
        if answer.status < 307:
            method, params = "GET", ()
    return answer


def _call(carrier: Carrier, letter: Letter, url: str, patience: Patience) -> Answer:
    body: bytes | None = None
    headers = {
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "I-Twilio-Idempotency-Token": letter.idempotency_token,
    }
    token = "not-" + letter.token if carrier.dice.happens("wrong_signature") else letter.token
    if letter.method == "GET":
        if letter.params:
            url += ("&" if urlsplit(url).query else "?") + urlencode(letter.params)
        signed = signature(token, url)
    else:
        body = urlencode(letter.params).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        signed = signature(token, url, letter.params)
    headers["X-Twilio-Signature"] = signed
    began = time.perf_counter()
    answer = carrier.caller.call(letter.method, url, headers, body, patience)
    _note(carrier, letter, url, signed, answer, (time.perf_counter() - began) * 1000)
    return answer


def _note(carrier: Carrier, letter: Letter, url: str, signed: str, answer: Answer, ms: float) -> None:
    values = {
        "request_id": new_sid("RQ"),
        "text_sid": letter.subject_sid,
        "account_sid": letter.account_sid,
        "kind": letter.kind,
        "label": letter.label,
        "method": letter.method,
        "url": url,
        "params": json.dumps(letter.params),
        "signature": signed,
        "answer": answer.status,
        "error": answer.detail or answer.failure or None,
        "ms": ms,
        "at": time.time(),
    }
    with carrier.store.writing() as connection:
        place = insert(connection, "delivery", values)
        if place % 500 == 0:
            connection.execute("delete from delivery where id <= ?", (place - _KEPT_IN_LOG,))
