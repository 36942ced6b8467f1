"""The queue, what runs around every actor, and `actor`, the decorator that all actors use."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import redis
from dramatiq.middleware import CurrentMessage, Middleware, Retries, ShutdownNotifications, TimeLimit

from triage import runtime
from triage.config import settings
from triage.kit import db, heartbeat, later, logs
from triage.kit.errors import Refused
from triage.kit.later import Job
from workers.listening import WAIT_SECONDS, WaitingBroker

BEAT_SECONDS = 10
log = logs.logger(__name__)


class SignsOfLife(Middleware):
    """Connects a worker process when it boots and tells the database, every ten seconds, that it lives."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        runtime.connect(settings())

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        # Whatever a lost doorbell announced while no worker was there.
        for job in _JOBS:
            later.ring(job)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self._stopped.set()

    def _beat(self) -> None:
        instance = f"{socket.gethostname()}:{os.getpid()}"
        while True:
            try:
                with db.transaction() as session:
                    heartbeat.beat(session, "worker", instance)
            except Exception:
                log.warning("heartbeat failed", process="worker", exc_info=True)
            if self._stopped.wait(BEAT_SECONDS):
                return


broker = WaitingBroker(
    url=runtime.queue_url(settings()),
    patient=redis.Redis.from_url(
        settings().redis_url, socket_timeout=WAIT_SECONDS + 4, socket_connect_timeout=0.5
    ),
    maintenance_chance=1_000_000,
    heartbeat_timeout=30_000,
    middleware=[
        TimeLimit(time_limit=60_000),
        ShutdownNotifications(),
        CurrentMessage(),
        Retries(max_retries=0),
        SignsOfLife(),
    ],
)
dramatiq.set_broker(broker)

_JOBS: list[Job] = []


def actor(job: Job) -> Callable[[Callable[[], None]], Any]:
    """An actor with the name and queue of its job. It takes no arguments: what is due is in the database."""

    def wrap(work: Callable[[], None]) -> Any:
        _JOBS.append(job)

        def run() -> None:
            later.answered(job)
            work()

        run.__doc__ = work.__doc__
        as_actor = dramatiq.actor(actor_name=job.name, queue_name=job.queue, max_retries=0, throws=(Refused,))
        return as_actor(run)

    return wrap
