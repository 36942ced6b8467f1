"""A carrier with two practices, a receiver in the product's place, and the carrier's own client library."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.simulator.receivers import Receiver, receiving
from triage.simulator.directory import CarrierFile
from triage.simulator.serve import Running, running

HARBOR = "AC" + "a" * 32
WILLOW = "AC" + "b" * 32
TOKEN = "harbor-token"
FRONT = "+12025550100"
ANNEX = "+12025550110"
VETS = "+12025550150"
MARIA = "+12025550123"
BEN = "+12025550124"


class SimulatedCarrierClient(TwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """The library's own HTTP client, sent to another address."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self._url = url

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **options)


@dataclass
class World:
    """Everything a test talks to."""

    running: Running
    receiver: Receiver
    client: Client

    @property
    def url(self) -> str:
        return self.running.url

    def text(self, body: str, *, sender: str = MARIA, to: str | None = None, **more: Any) -> str:
        """A patient's text; answers its SID."""
        content = {"from": sender, "to": to, "body": body, **more}
        return str(self.control("POST", "/texts", content)["sid"])

    def control(self, method: str, path: str, content: Any = None) -> dict[str, Any]:
        return ask(self.url + "/_control" + path, method, content)

    def send(self, body: str = "Hello", *, to: str = MARIA, callback: str | None = None, **more: Any) -> Any:
        """A message of the practice, created through the library."""
        if callback is not None:
            more["status_callback"] = self.receiver.url + callback
        return self.client.messages.create(to=to, from_=more.pop("from_", FRONT), body=body, **more)

    def settle(self) -> None:
        """Until nothing is left to be told or moved on."""
        waiting = "select (select count(*) from text where due_at is not null)"
        waiting += " + (select count(*) from call where due_at is not null)"
        self.until(lambda: self.running.carrier.store.count(waiting) == 0)

    def settle_of(self, sid: str) -> None:
        """Until this one text has been told."""
        waiting = "select count(*) from text where sid = ? and due_at is not null"
        self.until(lambda: self.running.carrier.store.count(waiting, (sid,)) == 0)

    def until(self, condition: Callable[[], bool]) -> None:
        """Returns when it holds, looking whenever the carrier's memory changed; fails after ten seconds."""
        store = self.running.carrier.store
        deadline = time.monotonic() + 10
        version = store.version
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            store.wait_beyond(version, 0.5)
            version = store.version

    def set_number(self, **settings: str) -> None:
        number = self.client.incoming_phone_numbers.list(phone_number=FRONT)[0]
        number.update(**settings)


def ask(
    url: str, method: str = "GET", content: Any = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """JSON there and back; an error answer raises with its text."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", **(headers or {})}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{refused.code} {refused.read().decode()}") from None


def carrier_file(receiver: Receiver) -> CarrierFile:
    hook = receiver.url + "/webhooks/twilio/messages"
    return CarrierFile.model_validate(
        {
            "accounts": [
                {
                    "sid": HARBOR,
                    "token": TOKEN,
                    "name": "Harbor Clinic",
                    "numbers": [FRONT, ANNEX],
                    "sms_url": hook,
                },
                {
                    "sid": WILLOW,
                    "token": "willow-token",
                    "name": "Willow Veterinary",
                    "numbers": [VETS],
                    "sms_url": hook,
                },
            ],
            "phones": [
                {"number": MARIA, "label": "Maria Alvarez", "birth_date": "02/14/1984"},
                {"number": BEN, "label": "Ben Whitaker"},
            ],
        }
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def world(receiver: Receiver) -> Iterator[World]:
    """A carrier in memory whose texts arrive without delay."""
    with making_world(receiver) as made:
        yield made


@pytest.fixture(scope="module")
def lasting_world() -> Iterator[World]:
    """The same for tests that leave no trace in it."""
    with receiving() as started, making_world(started) as made:
        yield made


@contextmanager
def making_world(receiver: Receiver) -> Iterator[World]:
    with running(carrier_file(receiver), product_url=receiver.url) as started:
        client = Client(HARBOR, TOKEN, http_client=SimulatedCarrierClient(started.url))
        world = World(started, receiver, client)
        world.control("PATCH", "/faults", {"pace": 0})
        yield world


@pytest.fixture
def behave(world: World) -> Callable[[str], None]:
    """Sets what becomes of texts to and from Maria's phone."""

    def set_behaviour(behaviour: str) -> None:
        world.control("PUT", f"/phones/{MARIA}", {"behaviour": behaviour})

    return set_behaviour


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
