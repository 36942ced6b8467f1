"""Ask a worker to do something, after the commit: a doorbell, never the only record of the work."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy.orm import Session

from triage.kit import db, metrics

# Long enough that a burst of texts rings once, short enough that nobody waits for a lost ring.
COALESCE_MS = 250


class Job(NamedTuple):
    """A background job by its name and the queue it waits in."""

    name: str
    queue: str


_broker: RedisBroker | None = None


def connect(broker: RedisBroker | None) -> None:
    """Ring through this broker from now on; None rings nowhere, and the sweeper finds the work."""
    global _broker
    _broker = broker


def run(session: Session, job: Job) -> None:
    """Ring for `job` once this transaction is committed; rings of one moment become one."""
    asked: set[str] = session.info.setdefault("rung", set())
    if job.name not in asked:
        asked.add(job.name)
        db.after_commit(session, partial(ring, job))


def ring(job: Job) -> bool:
    """Ring now; False where nobody could hear it. Safe to repeat: the work is in the database."""
    if _broker is None:
        return False
    try:
        if _broker.client.set(_key(job), 1, nx=True, px=COALESCE_MS):
            _broker.enqueue(
                dramatiq.Message(queue_name=job.queue, actor_name=job.name, args=(), kwargs={}, options={})
            )
    except (redis.RedisError, dramatiq.BrokerError):
        metrics.DOORBELL_FAILURES.inc()
        return False
    return True


def answered(job: Job) -> None:
    """The worker has woken up: whoever comes after this moment must ring again."""
    _quietly(lambda broker: broker.client.delete(_key(job)))


def _key(job: Job) -> str:
    return f"triage:rung:{job.name}"


def _quietly(call: Callable[[RedisBroker], object]) -> None:
    try:
        if _broker is not None:
            call(_broker)
    except redis.RedisError:
        metrics.DOORBELL_FAILURES.inc()
