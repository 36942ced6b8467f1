"""The carrier's bad days: how often it refuses, stumbles, hangs or hangs up, by a seed that repeats them."""

import random
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Trouble = Literal[
    "too_many_requests",
    "unavailable_before",
    "hang_before",
    "drop_before",
    "unavailable_after",
    "hang_after",
    "drop_after",
]
BEFORE: tuple[Trouble, ...] = ("too_many_requests", "unavailable_before", "hang_before", "drop_before")
AFTER: tuple[Trouble, ...] = ("unavailable_after", "hang_after", "drop_after")


@dataclass(frozen=True)
class Faults:
    """Rates are between 0 and 1; `pace` stretches (or with 0 removes) the time a text takes to its phone."""

    too_many_requests: float = 0.0
    unavailable_before: float = 0.0
    hang_before: float = 0.0
    drop_before: float = 0.0
    unavailable_after: float = 0.0
    hang_after: float = 0.0
    drop_after: float = 0.0
    hang_seconds: float = 30.0
    latency_ms: float = 0.0
    reads: bool = False
    drop_webhooks: float = 0.0
    drop_callbacks: float = 0.0
    repeat_webhooks: float = 0.0
    wrong_signature: float = 0.0
    pace: float = 1.0
    seed: int = 1

    @classmethod
    def read(cls, given: Any, *, onto: "Faults") -> "Faults":
        """`onto` with the given switches changed. Raises ValueError naming the switch that makes no sense."""
        if not isinstance(given, dict):
            raise ValueError("faults are a JSON object")
        known = {field.name: type(getattr(onto, field.name)) for field in fields(cls)}
        values = asdict(onto)
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown fault: {name}")
            values[name] = _checked(name, value, known[name])
        return cls(**values)


_RATES = {*BEFORE, *AFTER, "drop_webhooks", "drop_callbacks", "repeat_webhooks", "wrong_signature"}


def _checked(name: str, value: Any, kind: type) -> Any:
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} is a number of at least 0")
    if name in _RATES and value > 1:
        raise ValueError(f"{name} is a rate between 0 and 1")
    return kind(value)


class Dice:
    """Decides which request meets which trouble; the same seed and order give the same troubles."""

    def __init__(self, faults: Faults) -> None:
        self._lock = threading.Lock()
        self.lifted = threading.Event()
        self.counts: dict[str, int] = {}
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """New switches; whoever hangs under the old ones goes on."""
        with self._lock:
            self.lifted.set()
            self.lifted = threading.Event()
            self.faults = faults
            self._random = random.Random(faults.seed)

    def trouble(self, kinds: tuple[Trouble, ...]) -> Trouble | None:
        """At most one trouble: the rates share one throw, so they add up."""
        faults = self.faults
        rates = [getattr(faults, kind) for kind in kinds]
        if not any(rates):
            return None
        with self._lock:
            thrown = self._random.random()
            for kind, rate in zip(kinds, rates, strict=True):
                if thrown < rate:
                    self.counts[kind] = self.counts.get(kind, 0) + 1
                    return kind
                thrown -= rate
        return None

    def happens(self, name: str) -> bool:
        rate = getattr(self.faults, name)
        if not rate:
            return False
        with self._lock:
            hit = self._random.random() < rate
            if hit:
                self.counts[name] = self.counts.get(name, 0) + 1
            return bool(hit)

    def pause(self, seconds: float) -> None:
        """Waits, but no longer than these switches are on."""
        self.lifted.wait(seconds)
