"""Calls from the carrier: verified, committed to the ledger, and only then answered."""

import re
import time
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, request
from sqlalchemy.exc import OperationalError, TimeoutError

from triage import gateways
from triage.config import settings
from triage.domain.conversations import delivery
from triage.domain.intake import ledger
from triage.domain.intake.ledger import Arrival, InboundState, Via
from triage.domain.practice import practice as practices
from triage.gateways import twilio_webhooks as twilio
from triage.kit import db, metrics
from triage.kit.together import Together
from triage.web.auth import public

webhooks = Blueprint("webhooks", __name__, url_prefix="/webhooks/twilio")

MOST_BYTES = 64 * 1024
ERROR_CODE = re.compile(r"[0-9]{1,9}")
# How long a changed token or number may take to be believed.
REMEMBERED_SECONDS = 5.0


class Account(NamedTuple):
    practice_id: UUID
    tokens: list[str]


_accounts: dict[str, tuple[float, Account | None]] = {}
_owners: dict[str, tuple[float, UUID | None]] = {}


# Texts that come while others are being committed are committed together. Whatever is wrong with one of them, also
# what nobody has thought of, the others may be of other practices.
_ledger = Together(
    ledger.receive_now, most=50, fails_one=Exception, fails_all=(OperationalError, TimeoutError)
)


@webhooks.route("/messages", methods=["GET", "POST"])
@public
def messages() -> Response:
    """One inbound text. 200 only when it is on disk; the carrier's repetition is answered the same."""
    request.max_content_length = MOST_BYTES
    params = _params()
    sender_account = params.get("AccountSid", "")
    account = _account(sender_account)
    if account is None:
        return _refuse_stray(sender_account, "unknown account")
    is_formed = twilio.is_well_formed(params, is_message=True) and not _has_repeated_names()
    if not _is_signed(params, account):
        return _refuse_unverified(params, account, is_formed=is_formed)
    if not is_formed:
        return _refuse("message", "malformed")
    if _owner_of(params["To"]) not in (None, account.practice_id):
        return _refuse_stray(sender_account, "number of another practice")
    outcome = _ledger.do(Arrival(account.practice_id, twilio.read_message(params), Via.WEBHOOK))
    metrics.WEBHOOKS.labels("message", "duplicate" if outcome is InboundState.DUPLICATE else "accepted").inc()
    return _twiml()


@webhooks.route("/status", methods=["GET", "POST"])
@public
def status() -> Response:
    """One delivery report, in any order and any number of times."""
    request.max_content_length = MOST_BYTES
    params = _params()
    account = _account(params.get("AccountSid", ""))
    if account is None or not _is_signed(params, account):
        return _refuse("status", "unverified")
    if not twilio.is_well_formed(params, is_message=False) or _has_repeated_names():
        return _refuse("status", "malformed")
    code = params.get("ErrorCode", "")
    with db.transaction() as session:
        delivery.record_status(
            session,
            account.practice_id,
            sid=params["MessageSid"],
            status=params["MessageStatus"],
            error_code=int(code) if ERROR_CODE.fullmatch(code) else None,
            message_id=_message_id(),
        )
    metrics.WEBHOOKS.labels("status", "accepted").inc()
    return Response(status=204)


def _params() -> dict[str, str]:
    """What the carrier said. With GET it is the query itself; with POST the body, whatever the query says."""
    return (request.args if request.method == "GET" else request.form).to_dict()


def _has_repeated_names() -> bool:
    given = request.args if request.method == "GET" else request.form
    return any(len(values) > 1 for values in given.listvalues())


def _message_id() -> UUID | None:
    try:
        return UUID(request.args.get("message", ""))
    except ValueError:
        return None


def _is_signed(params: dict[str, str], account: Account) -> bool:
    signature = request.headers.get("X-Twilio-Signature")
    return twilio.is_signed(
        _signed_url(), {} if request.method == "GET" else params, signature, account.tokens
    )


def _signed_url() -> str:
    """The address as the carrier wrote it: parsed and put together again it would differ in its escapes."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path
    if raw.startswith(("http://", "https://")):
        raw = "/" + raw.split("/", 3)[3]
    return settings().public_url + str(raw)


def _account(sid: str) -> Account | None:
    known = _accounts.get(sid)
    if known and known[0] > time.monotonic():
        return known[1]
    if not twilio.ACCOUNT_SID.fullmatch(sid):
        return None
    with db.reading() as session:
        practice = practices.by_account(session, sid)
    account = None
    if practice is not None:
        sealed = (practice.carrier_token_sealed, practice.carrier_next_token_sealed)
        tokens = [gateways.vault().open(token) for token in sealed if token]
        account = Account(practice.id, [token for token in tokens if token])
        _accounts[sid] = (time.monotonic() + REMEMBERED_SECONDS, account)
    return account


def _owner_of(number: str) -> UUID | None:
    known = _owners.get(number)
    if known and known[0] > time.monotonic():
        return known[1]
    with db.reading() as session:
        owner = practices.owner_of_number(session, number)
    if owner is not None:
        _owners[number] = (time.monotonic() + REMEMBERED_SECONDS, owner)
    return owner


def _refuse_unverified(params: dict[str, str], account: Account, *, is_formed: bool) -> Response:
    """Forged, or genuine and misconfigured: what looks genuine is kept for an admin to judge."""
    looks_genuine = (
        is_formed
        and "X-Twilio-Signature" in request.headers
        and _owner_of(params["To"]) == account.practice_id
    )
    if not looks_genuine:
        return _refuse("message", "forged")
    with db.transaction() as session:
        is_kept = ledger.quarantine(
            session, account.practice_id, twilio.read_message(params), reason="signature does not match"
        )
    return _refuse("message", "quarantined" if is_kept else "forged")


def _refuse_stray(account: str, reason: str) -> Response:
    with db.transaction() as session:
        ledger.note_stray(session, account, reason=reason)
    return _refuse("message", "stray")


def _refuse(kind: str, outcome: str) -> Response:
    metrics.WEBHOOKS.labels(kind, outcome).inc()
    return Response("Forbidden\n", status=403, content_type="text/plain")


def _twiml() -> Response:
    return Response("<Response/>", content_type="text/xml")
