"""What becomes of a text on its way to a phone: the statuses it passes and the calls that report them."""

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    DELIVERS = "delivers"
    DELAYS = "delays"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    LANDLINE = "landline"
    OUT_OF_ORDER = "out-of-order"
    TWICE = "twice"


LABELS = {
    Behaviour.DELIVERS: "Delivers",
    Behaviour.DELAYS: "2 s delay",
    Behaviour.BLOCKED: "Carrier blocks (30007)",
    Behaviour.UNREACHABLE: "Unreachable (30003)",
    Behaviour.LANDLINE: "Landline (30006)",
    Behaviour.OUT_OF_ORDER: "Callbacks out of order",
    Behaviour.TWICE: "Webhooks twice",
}

ERRORS = {
    21610: "The recipient has unsubscribed from this sender",
    30003: "Unreachable destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message blocked by the carrier's filter",
}

FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})


@dataclass(frozen=True)
class Step:
    """One move: `after` seconds the text takes `status`; then `reports` are called back in their order."""

    after: float
    status: str
    reports: tuple[str, ...]
    error: int | None = None


def journey(behaviour: Behaviour) -> tuple[Step, ...]:
    """The steps after acceptance, whose status is never called back (Twilio manual, "Status callbacks")."""
    match behaviour:
        case Behaviour.DELAYS:
            return (*_STARTED, _step(2.0, "delivered"))
        case Behaviour.BLOCKED:
            return (*_STARTED, _step(0.6, "undelivered", 30007))
        case Behaviour.UNREACHABLE:
            return (*_STARTED, _step(0.6, "undelivered", 30003))
        case Behaviour.LANDLINE:
            return (_step(0.1, "sending"), _step(0.3, "failed", 30006))
        case Behaviour.OUT_OF_ORDER:
            return _OUT_OF_ORDER
        case Behaviour.TWICE:
            return tuple(Step(s.after, s.status, s.reports * 2) for s in _DELIVERED)
        case _:
            return _DELIVERED


def _step(after: float, status: str, error: int | None = None) -> Step:
    return Step(after, status, (status,), error)


_STARTED = (_step(0.1, "sending"), _step(0.3, "sent"))
_DELIVERED = (*_STARTED, _step(0.6, "delivered"))
_OUT_OF_ORDER = (
    Step(0.1, "sending", ()),
    Step(0.3, "sent", ()),
    Step(0.6, "delivered", ("delivered", "sent", "sending")),
)
