"""Twilio: send a text, list texts, check a signature, read a webhook."""

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from triage.domain.conversations.carrier import Accepted, CarrierText
from triage.domain.intake.ledger import Received
from triage.kit.errors import GatewayFailed, OutcomeUnknown
from triage.kit.phone import is_e164

# Shorter than a text's lease, so that nobody else can hold the text while this call may still succeed.
TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 200
TOO_MANY_REQUESTS = 429
NOT_ACCEPTED_LATER_MAY = {20429, 21611, 30001}

MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
SENDER = re.compile(r"[^\s\x00-\x1f]{1,64}")
MOST_MEDIA = 10
# Not text that PostgreSQL can hold: NUL, and halves of a surrogate pair.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _Http(TwilioHttpClient):
    """The SDK's own client, with a time-out always, and another base address where one is configured."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self._base_url:
            url = url.replace("https://api.twilio.com", self._base_url, 1)
        return super().request(method, url, *args, **kwargs)

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Says nothing: a request holds a patient's number and text."""

    def log_response(self, status_code: int, response: Any) -> None:
        """Says nothing."""


_of_thread = threading.local()


def account(sid: str, token: str, base_url: str) -> "TwilioAccount":
    """This thread's own connection to an account: connections are kept, and never shared by threads."""
    key = (sid, token, base_url)
    accounts: dict[tuple[str, str, str], TwilioAccount] = _of_thread.__dict__.setdefault("accounts", {})
    if key not in accounts:
        accounts[key] = TwilioAccount(Client(sid, token, http_client=_Http(base_url)))
    return accounts[key]


class TwilioAccount:
    """One account; implements `domain.conversations.carrier.Carrier`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, *, from_number: str, to_number: str, body: str, status_callback: str) -> Accepted:
        try:
            message = self._client.messages.create(
                from_=from_number, to=to_number, body=body, status_callback=status_callback
            )
        except requests.exceptions.ConnectTimeout as error:
            raise GatewayFailed("the carrier cannot be reached", permanent=False) from error
        except requests.exceptions.RequestException as error:
            if _never_left(error):
                raise GatewayFailed("the carrier cannot be reached", permanent=False) from error
            raise OutcomeUnknown from error
        except TwilioRestException as error:
            raise _meaning(error) from error
        except TwilioException as error:
            raise OutcomeUnknown from error
        if not message.sid:
            raise OutcomeUnknown
        return Accepted(message.sid, str(message.status))

    def texts(
        self, *, since: datetime, to_number: str | None = None, from_number: str | None = None
    ) -> Iterator[CarrierText]:
        """Raises `GatewayFailed` or `OutcomeUnknown` where the list could not be read to its end."""
        wanted: dict[str, Any] = {"date_sent_after": since.astimezone(UTC), "page_size": PAGE_SIZE}
        if to_number:
            wanted["to"] = to_number
        if from_number:
            wanted["from_"] = from_number
        try:
            for message in self._client.messages.stream(**wanted):
                yield _text(message)
        except (requests.exceptions.RequestException, TwilioException) as error:
            raise OutcomeUnknown from error


def _never_left(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection was refused before anything was sent, which is safe to repeat."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return True
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None) or inner
    return False


def _meaning(error: TwilioRestException) -> Exception:
    """A refusal is definite below 500; above, nobody knows whether the text was taken."""
    if error.status == TOO_MANY_REQUESTS or error.code in NOT_ACCEPTED_LATER_MAY:
        return GatewayFailed("the carrier is busy", permanent=False, code=error.code)
    if error.status >= 500:
        return OutcomeUnknown()
    return GatewayFailed("the carrier refused the text", permanent=True, code=error.code)


def _text(message: Any) -> CarrierText:
    moment = message.date_created or message.date_sent or datetime.now(UTC)
    if isinstance(moment, str):
        moment = parsedate_to_datetime(moment)
    count = int(message.num_media or 0)
    return CarrierText(
        sid=message.sid,
        from_number=message.from_ or "",
        to_number=message.to or "",
        body=clean(message.body or ""),
        is_inbound=str(message.direction).startswith("inbound"),
        created_at=moment.astimezone(UTC),
        status=str(message.status),
        error_code=message.error_code,
        media=[{"url": "", "content_type": ""} for _ in range(min(count, MOST_MEDIA))],
    )


def is_signed(url: str, params: Mapping[str, str], signature: str | None, tokens: list[str]) -> bool:
    """Whether one of the account's tokens signed this call. Never raises."""
    if not signature or not signature.isascii():
        return False
    return any(RequestValidator(token).validate(url, dict(params), signature) for token in tokens)


def is_well_formed(params: Mapping[str, str], *, is_message: bool) -> bool:
    """Shapes that a signature alone does not prove: its text joins names and values without a mark, so the same
    signature fits parameters that are cut elsewhere."""
    if not all(PARAMETER.fullmatch(name) for name in params):
        return False
    if not ACCOUNT_SID.fullmatch(params.get("AccountSid", "")):
        return False
    if not MESSAGE_SID.fullmatch(params.get("MessageSid", "")):
        return False
    if not is_message:
        return params.get("MessageStatus", "").isalpha() or "_" in params.get("MessageStatus", "")
    media = params.get("NumMedia", "0")
    return (
        is_e164(params.get("To", ""))
        and SENDER.fullmatch(params.get("From", "")) is not None
        and "Body" in params
        and media.isdigit()
        and int(media) <= MOST_MEDIA
    )


def clean(body: str) -> str:
    """The text without signs that cannot be stored."""
    return UNSTORABLE.sub("", body)


def read_message(params: Mapping[str, str]) -> Received:
    """An inbound call in our words; call `is_well_formed` first."""
    media = [
        {"url": params.get(f"MediaUrl{n}", ""), "content_type": params.get(f"MediaContentType{n}", "")}
        for n in range(int(params.get("NumMedia") or 0))
    ]
    return Received(
        sid=params["MessageSid"],
        account=params["AccountSid"],
        from_number=clean(params["From"]),
        to_number=params["To"],
        body=clean(params.get("Body", "")),
        media=media,
        opt_out_type=params.get("OptOutType"),
        params={name: clean(value) for name, value in params.items()},
    )
