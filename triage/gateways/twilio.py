"""Twilio's API: send a text, list texts."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from triage.domain.conversations.carrier import Accepted, CarrierText
from triage.gateways.twilio_webhooks import MOST_MEDIA, clean
from triage.kit.errors import GatewayFailed, OutcomeUnknown

# Shorter than a text's lease, so that nobody else can hold the text while this call may still succeed.
TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 200
TOO_MANY_REQUESTS = 429
NOT_ACCEPTED_LATER_MAY = {20429, 21611, 30001}


class _Http(TwilioHttpClient):  # type: ignore[misc]  # the library has no types
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
