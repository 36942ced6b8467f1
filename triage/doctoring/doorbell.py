"""Redis: whether it may drop what it is told, and whether it remembers it after a restart."""

from collections.abc import Iterator

import redis

from triage import runtime
from triage.config import Settings
from triage.doctoring.finding import Finding, bad, ok, unsafe, warn

OLDEST = (6, 2)


def look(settings: Settings) -> Iterator[Finding]:
    """A Redis that is away is no reason not to start: the sweeper does its work meanwhile."""
    try:
        with redis.Redis.from_url(runtime.queue_url(settings)) as client:
            facts = client.info()
    except ValueError:
        yield unsafe("Redis", "REDIS_URL cannot be read.", "Write it like redis://host:6379/0.")
    except redis.RedisError as error:
        yield bad(
            "Redis",
            f"Redis does not answer ({type(error).__name__}); texts are filed by the sweeper meanwhile.",
            "Start it, or correct REDIS_URL.",
        )
    else:
        yield _version(facts)
        yield _policy(facts)
        yield _persistence(facts)


def _version(facts: dict[str, object]) -> Finding:
    version = str(facts.get("valkey_version") or facts.get("redis_version"))
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if numbers < OLDEST:
        return unsafe("Redis", f"Redis {version} is too old.", "Use Redis 6.2 or newer, or Valkey.")
    return ok("Redis", f"Redis {version} answers.")


def _policy(facts: dict[str, object]) -> Finding:
    policy = facts.get("maxmemory_policy")
    if policy == "noeviction":
        return ok("Redis memory", "Redis refuses what does not fit, and drops nothing.")
    return unsafe(
        "Redis memory",
        f"Redis silently drops what it was told when its memory is full (maxmemory-policy {policy}).",
        "Set maxmemory-policy noeviction in redis.conf, or with: redis-cli config set maxmemory-policy noeviction",
    )


def _persistence(facts: dict[str, object]) -> Finding:
    subject = "Redis on disk"
    if not facts.get("aof_enabled"):
        return warn(
            subject,
            "Redis forgets its queue when it restarts; the sweeper finds the work again after seconds.",
            "Set appendonly yes in redis.conf.",
        )
    if facts.get("aof_last_write_status") != "ok":
        return bad(subject, "Redis cannot write its file.", "Look at its disk: redis-cli info persistence")
    return ok(subject, "Redis writes its queue to disk.")
