"""Waiting for the doorbell, on a real Redis: a worker is woken, takes what it can hold, and leaves the rest alone."""

import threading
from collections.abc import Iterator

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed

from triage.demo.child import wait_until
from triage.demo.redis import RedisServer
from workers.listening import WaitingBroker

QUEUE = "inbound"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer.temporary()
    server.start()
    yield server
    server.close()


@pytest.fixture
def broker(server: RedisServer) -> WaitingBroker:
    patient = redis.Redis.from_url(server.url, socket_timeout=5)
    broker = WaitingBroker(patient=patient, url=server.url, middleware=[])
    broker.declare_queue(QUEUE)
    return broker


def ring(server: RedisServer) -> None:
    bell = RedisBroker(url=server.url, middleware=[])
    bell.enqueue(dramatiq.Message(queue_name=QUEUE, actor_name="work", args=(), kwargs={}, options={}))


def waiting(server: RedisServer) -> int:
    with redis.Redis.from_url(server.url) as client:
        return int(client.llen(f"dramatiq:{QUEUE}"))


def test_whoever_sleeps_is_woken(server: RedisServer, broker: WaitingBroker) -> None:
    consumer = broker.consume(QUEUE, prefetch=2)
    heard: list[str] = []

    def listen() -> None:
        heard.extend(message.actor_name for message in consumer if message is not None)

    threading.Thread(target=listen, daemon=True).start()
    for _ in range(2):
        ring(server)

    assert wait_until(lambda: heard == ["work", "work"], seconds=30, every=0.02)


def test_waiting_takes_nothing_from_the_queue(server: RedisServer, broker: WaitingBroker) -> None:
    consumer = broker.consume(QUEUE, prefetch=1)
    for _ in range(2):
        ring(server)

    first, then = next(consumer), next(consumer)

    assert first is not None
    assert then is None
    assert waiting(server) == 1


def test_what_was_not_begun_goes_back(server: RedisServer, broker: WaitingBroker) -> None:
    consumer = broker.consume(QUEUE, prefetch=1)
    ring(server)
    message = next(consumer)
    assert message is not None

    consumer.requeue([message])

    assert waiting(server) == 1


def test_nobody_listens_to_delayed_messages(broker: WaitingBroker) -> None:
    assert broker.get_declared_queues() == {QUEUE}
    assert broker.get_declared_delay_queues() == set()


def test_a_redis_that_is_gone_is_said_in_dramatiq_s_word(server: RedisServer, broker: WaitingBroker) -> None:
    consumer = broker.consume(QUEUE, prefetch=1)
    next(consumer)
    server.kill()

    with pytest.raises(ConnectionClosed):
        next(consumer)
