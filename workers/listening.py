"""Waiting for the doorbell: a worker sleeps until Redis wakes it, instead of asking ten times a second."""

import time
from collections.abc import Iterable
from typing import Any

import redis
from dramatiq import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed

# How long a worker that is told to stop may still wait.
WAIT_SECONDS = 1
# When it has as much in hand as it can hold.
PAUSE_SECONDS = 0.05


class WaitingBroker(RedisBroker):
    """`patient` is a client whose time-out is longer than the wait. Nothing is ever delayed here, so nobody listens
    to the queues of delayed messages."""

    def __init__(self, *, patient: redis.Redis, **options: object) -> None:
        super().__init__(**options)
        self._patient = patient

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        # Without a time-out Dramatiq's own consumer looks once and does not sleep.
        looking = super().consume(queue_name, prefetch, timeout=0)
        return _Waiting(looking, self._patient, f"{self.namespace}:{queue_name}", prefetch)

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


class _Waiting(Consumer):
    def __init__(self, looking: Any, patient: redis.Redis, key: str, prefetch: int) -> None:
        self._looking = looking
        self._patient = patient
        self._key = key
        self._prefetch = prefetch

    def __next__(self) -> MessageProxy | None:
        message = next(self._looking)
        if message is None:
            self._wait()
        return message

    def _wait(self) -> None:
        if self._looking.outstanding_message_count >= self._prefetch:
            time.sleep(PAUSE_SECONDS)
            return
        try:
            # From the list's head to its head: nothing moves, and the answer comes when there is something.
            self._patient.blmove(self._key, self._key, WAIT_SECONDS, "LEFT", "LEFT")
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None

    def ack(self, message: MessageProxy) -> None:
        self._looking.ack(message)

    def nack(self, message: MessageProxy) -> None:
        self._looking.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._looking.requeue(messages)

    def close(self) -> None:
        self._looking.close()
