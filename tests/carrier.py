"""A carrier on paper, for tests of the domain: it keeps what it is given and fails as it is told to."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from tests.builders import a_sid
from triage.domain.conversations.carrier import Accepted, Carrier, CarrierText, NumberAtCarrier
from triage.domain.practice.practice import Practice
from triage.kit.errors import GatewayFailed, OutcomeUnknown

P = ParamSpec("P")
T = TypeVar("T")

REFUSES = GatewayFailed("refused", permanent=True, code=21606)
KNOWS_OF_STOP = GatewayFailed("opted out", permanent=True, code=21610)
IS_BUSY = GatewayFailed("busy", permanent=False, code=20429)
NEVER_ANSWERS = OutcomeUnknown("timed out")


class PaperCarrier:
    """Accepts texts, unless `outcomes` holds what comes of the next ones; `kept` is its list, `sids` the next names.

    With `keeps_unclear` a text whose outcome is unknown has left all the same.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.kept: list[CarrierText] = []
        self.callbacks: list[str] = []
        self.outcomes: list[Exception] = []
        self.sids: list[str] = []
        self.keeps_unclear = False
        self.is_away = False
        self._now = now

    def send(self, *, from_number: str, to_number: str, body: str, status_callback: str) -> Accepted:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None and not (outcome is NEVER_ANSWERS and self.keeps_unclear):
            raise outcome
        sid = self.sids.pop(0) if self.sids else None
        text = self.keep(from_number, to_number, body, is_inbound=False, sid=sid)
        self.callbacks.append(status_callback)
        if outcome is not None:
            raise outcome
        return Accepted(text.sid, text.status)

    def keep(
        self,
        from_number: str,
        to_number: str,
        body: str,
        *,
        is_inbound: bool,
        created_at: datetime | None = None,
        sid: str | None = None,
    ) -> CarrierText:
        """Put a text on the list."""
        text = CarrierText(
            sid=sid or a_sid(),
            from_number=from_number,
            to_number=to_number,
            body=body,
            is_inbound=is_inbound,
            created_at=created_at or self._now(),
            status="received" if is_inbound else "queued",
            error_code=None,
            media=[],
        )
        self.kept.append(text)
        return text

    def texts(
        self, *, since: datetime, to_number: str | None = None, from_number: str | None = None
    ) -> Iterator[CarrierText]:
        if self.is_away:
            raise OutcomeUnknown("away")
        for text in self.kept:
            is_between = (to_number or text.to_number, from_number or text.from_number) == (
                text.to_number,
                text.from_number,
            )
            if text.created_at >= since and is_between:
                yield text

    def number(self, number: str) -> NumberAtCarrier | None:
        if self.is_away:
            raise OutcomeUnknown("away")
        return NumberAtCarrier("http://localhost/webhooks/twilio/messages")

    def of(self, _practice: Practice) -> Carrier:
        """Every practice's carrier."""
        return self


class AtOnce(Executor):
    """Works where it is called, so that a test's one connection is used by one thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class FirstIsSlow(AtOnce):
    """The first call is not answered before so many others have been made."""

    def __init__(self, others: int) -> None:
        self._others = others
        self._finish: Callable[[], None] | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._finish is None:
            slow: Future[T] = Future()
            self._finish = lambda: slow.set_result(fn(*args, **kwargs))
            return slow
        self._others -= 1
        if self._others == 0:
            self._finish()
        return super().submit(fn, *args, **kwargs)


def nowhere(_message_id: Any) -> str:
    """The address for status callbacks that a test does not wait for."""
    return "http://localhost/status"
