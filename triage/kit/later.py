"""Ask a worker to do something, after the commit: a doorbell, never the only record of the work."""

import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy.orm import Session

from triage.kit import db, metrics

# Long enough that a burst of texts rings once, short enough that nobody waits for a lost ring.
COALESCE_MS = 250
# Between two rings of a process: what is asked for meanwhile shares the next one.
PAUSE_SECONDS = 0.005


class Job(NamedTuple):
    """A background job by its name and the queue it waits in."""

    name: str
    queue: str


_broker: RedisBroker | None = None
_wanted: SimpleQueue[Job] = SimpleQueue()
_in_line: set[Job] = set()
_ringer: threading.Thread | None = None


def connect(broker: RedisBroker | None) -> None:
    """Ring through this broker from now on; None rings nowhere, and the sweeper finds the work.

    To be called in the process that rings, for a fork leaves the ringing thread behind.
    """
    global _broker, _ringer
    _broker = broker
    if broker is not None and (_ringer is None or not _ringer.is_alive()):
        _ringer = threading.Thread(target=_ring_on, name="doorbell", daemon=True)
        _ringer.start()


def run(session: Session, job: Job) -> None:
    """Ring for `job` once this transaction is committed; rings of one moment become one."""
    asked: set[str] = session.info.setdefault("rung", set())
    if job.name not in asked:
        asked.add(job.name)
        db.after_commit(session, partial(ring_soon, job))


def ring_soon(job: Job) -> None:
    """Ring from another thread: nobody who has committed waits for Redis, least of all the carrier."""
    if _broker is not None and job not in _in_line:
        _in_line.add(job)
        _wanted.put(job)


def _ring_on() -> None:
    while True:
        job = _wanted.get()
        _in_line.discard(job)
        ring(job)
        time.sleep(PAUSE_SECONDS)


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
