"""Connects a process to its database and its Redis: the same few lines for web, workers, scheduler and commands."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import redis
from dramatiq.brokers.redis import RedisBroker

from triage.config import Settings, settings
from triage.domain.conversations import sending
from triage.kit import db, later, live, logs, presence

# A Redis that hangs must not hold up a webhook: half a second to connect, one to answer.
_REDIS_LIMITS = {
    "socket_timeout": "1",
    "socket_connect_timeout": "0.5",
    "health_check_interval": "15",
}


def queue_url(given: Settings) -> str:
    """The address of Redis with time-outs, unless it names its own."""
    address, _, query = given.redis_url.partition("?")
    return f"{address}?{urlencode({**_REDIS_LIMITS, **dict(parse_qsl(query))})}"


def connect(given: Settings) -> None:
    """Logs, database, doorbell and live signals of this process. Needs neither server to be up yet."""
    logs.configure(json=given.log_format == "json", level=given.log_level)
    db.connect(given.database_url, pool_size=given.pool_size)
    url = queue_url(given)
    later.connect(RedisBroker(url=url, middleware=[]))
    signals = redis.Redis.from_url(url)
    live.connect(signals)
    presence.connect(signals)


def settle_time(given: Settings) -> timedelta:
    return timedelta(seconds=given.reconcile_settle_seconds)


def status_callback_for(message_id: UUID) -> str:
    """Where the carrier reports on a message; our own id rides along, signed with the address."""
    return f"{settings().public_url}/webhooks/twilio/status?message={message_id}"


@cache
def senders() -> ThreadPoolExecutor:
    """The threads in which this process waits for the carrier."""
    return ThreadPoolExecutor(max_workers=sending.AT_ONCE, thread_name_prefix="sender")
