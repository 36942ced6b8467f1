"""The wishes about time-outs and retries that an address can carry after its '#'."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag


@dataclass(frozen=True)
class Patience:
    """Seconds to connect, to read and in all, how often to try again, and after which failures."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    def forgives(self, failure: str) -> bool:
        return "all" in self.policy or failure in self.policy


def split_overrides(address: str) -> tuple[str, Patience]:
    """The address as it is called and signed, and the patience asked for; nonsense counts as unsaid.

    Source: Twilio manual, "Webhooks connection overrides": ct 100-10000 ms, rt and tt up to 15000 ms, rc 0-5,
    rp any of 4xx, 5xx, ct, rt, all.
    """
    url, fragment = urldefrag(address)
    asked = dict(parse_qsl(fragment))
    return url, Patience(
        connect=_number(asked.get("ct"), 100, 10_000, 5_000) / 1000,
        read=_number(asked.get("rt"), 100, 15_000, 15_000) / 1000,
        total=_number(asked.get("tt"), 100, 15_000, 15_000) / 1000,
        retries=_number(asked.get("rc"), 0, 5, 1),
        policy=frozenset((asked.get("rp") or "ct").lower().split(",")),
    )


def _number(text: str | None, least: int, most: int, unsaid: int) -> int:
    if text is None or not text.isascii() or not text.isdecimal():
        return unsaid
    return min(max(int(text), least), most)
