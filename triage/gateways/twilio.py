"""Twilio's API: send a text, list texts, look at a number.

Through the SDK's client, without the SDK's tree of resources: that is ten megabytes in each process, for two addresses.
"""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from triage.domain.conversations.carrier import Accepted, CarrierText, NumberAtCarrier
from triage.gateways.twilio_webhooks import MOST_MEDIA, clean
from triage.kit.errors import GatewayFailed, OutcomeUnknown

# Shorter than a text's lease, so that nobody else can hold the text while this call may still succeed.
TIMEOUT_SECONDS = 10.0
API = "https://api.twilio.com"
PAGE_SIZE = 200
TOO_MANY_REQUESTS = 429
NOT_ACCEPTED = {401, 403, 404}
NOT_ACCEPTED_LATER_MAY = {20429, 21611, 30001}


class _Http(TwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """The SDK's own client, with a time-out always, and another base address where one is configured."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self._base_url:
            url = url.replace(API, self._base_url, 1)
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
        of_account = f"{API}/2010-04-01/Accounts/{client.account_sid}"
        self._messages = f"{of_account}/Messages.json"
        self._numbers = f"{of_account}/IncomingPhoneNumbers.json"

    def send(self, *, from_number: str, to_number: str, body: str, status_callback: str) -> Accepted:
        form = {"To": to_number, "StatusCallback": status_callback, "From": from_number, "Body": body}
        try:
            response = self._client.request("POST", self._messages, data=form)
        except requests.exceptions.ConnectTimeout as error:
            raise GatewayFailed("the carrier cannot be reached", permanent=False) from error
        except requests.exceptions.RequestException as error:
            if _never_left(error):
                raise GatewayFailed("the carrier cannot be reached", permanent=False) from error
            raise OutcomeUnknown from error
        message = _content(response)
        if not 200 <= response.status_code < 300:
            raise _meaning(response.status_code, message.get("code"))
        if not message.get("sid"):
            raise OutcomeUnknown
        return Accepted(message["sid"], str(message.get("status")))

    def texts(
        self, *, since: datetime, to_number: str | None = None, from_number: str | None = None
    ) -> Iterator[CarrierText]:
        """Raises `OutcomeUnknown` where the list could not be read to its end."""
        wanted: dict[str, object] = {
            "DateSent>": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "PageSize": PAGE_SIZE,
        }
        if to_number:
            wanted["To"] = to_number
        if from_number:
            wanted["From"] = from_number
        page = self._page(self._messages, wanted)
        while True:
            yield from map(_text, page["messages"])
            if not page.get("next_page_uri"):
                return
            page = self._page(API + page["next_page_uri"])

    def number(self, number: str) -> NumberAtCarrier | None:
        """Raises `GatewayFailed` where the account is not accepted, `OutcomeUnknown` where nobody answers."""
        try:
            response = self._client.request("GET", self._numbers, params={"PhoneNumber": number})
        except requests.exceptions.RequestException as error:
            raise OutcomeUnknown from error
        if response.status_code in NOT_ACCEPTED:
            raise GatewayFailed("the account is not accepted", permanent=True)
        found = _content(response).get("incoming_phone_numbers")
        if response.status_code != 200 or not isinstance(found, list):
            raise OutcomeUnknown
        return NumberAtCarrier(str(found[0].get("sms_url") or "")) if found else None

    def _page(self, url: str, wanted: dict[str, object] | None = None) -> dict[str, Any]:
        try:
            response = self._client.request("GET", url, params=wanted)
        except requests.exceptions.RequestException as error:
            raise OutcomeUnknown from error
        page = _content(response)
        if response.status_code != 200 or not isinstance(page.get("messages"), list):
            raise OutcomeUnknown
        return page


def _content(response: Response) -> dict[str, Any]:
    """The answer as an object; an empty one where it is none, as a broken answer of a machine between."""
    try:
        content = json.loads(response.text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _never_left(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection was refused before anything was sent, which is safe to repeat."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return True
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None) or inner
    return False


def _meaning(status: int, code: int | None) -> Exception:
    """A refusal is definite below 500; above, nobody knows whether the text was taken."""
    if status == TOO_MANY_REQUESTS or code in NOT_ACCEPTED_LATER_MAY:
        return GatewayFailed("the carrier is busy", permanent=False, code=code)
    if status >= 500:
        return OutcomeUnknown()
    return GatewayFailed("the carrier refused the text", permanent=True, code=code or status)


def _text(message: dict[str, Any]) -> CarrierText:
    moment = message.get("date_created") or message.get("date_sent")
    count = int(message.get("num_media") or 0)
    return CarrierText(
        sid=message["sid"],
        from_number=message.get("from") or "",
        to_number=message.get("to") or "",
        body=clean(message.get("body") or ""),
        is_inbound=str(message.get("direction")).startswith("inbound"),
        created_at=parsedate_to_datetime(moment).astimezone(UTC) if moment else datetime.now(UTC),
        status=str(message.get("status")),
        error_code=message.get("error_code"),
        media=[{"url": "", "content_type": ""} for _ in range(min(count, MOST_MEDIA))],
    )
