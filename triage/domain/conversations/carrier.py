"""What a carrier gateway must offer; gateways are handed in by whoever starts the work."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from triage.domain.practice.practice import Practice


class Accepted(NamedTuple):
    """The carrier took the text and named it."""

    sid: str
    status: str


class CarrierText(NamedTuple):
    """A text as the carrier's list shows it; `is_inbound` means a patient sent it."""

    sid: str
    from_number: str
    to_number: str
    body: str
    is_inbound: bool
    created_at: datetime
    status: str
    error_code: int | None
    media: list[dict[str, str]]


class NumberAtCarrier(NamedTuple):
    """A number of the account: the address that the carrier calls when a text arrives."""

    webhook: str


class Carrier(Protocol):
    """One practice's account at the carrier.

    `send` raises `GatewayFailed` where the text was certainly not accepted (`permanent` tells whether asking
    again can help) and `OutcomeUnknown` where nobody can know yet.
    """

    def send(self, *, from_number: str, to_number: str, body: str, status_callback: str) -> Accepted: ...

    def texts(
        self, *, since: datetime, to_number: str | None = None, from_number: str | None = None
    ) -> Iterator[CarrierText]: ...

    def number(self, number: str) -> NumberAtCarrier | None:
        """None where the account has no such number. Raises `GatewayFailed` where the account is not accepted."""


# None where the practice has no account at the carrier yet.
CarrierOf = Callable[[Practice], Carrier | None]
