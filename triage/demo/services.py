"""The database and the Redis of the demo: those that the environment names, else servers of our own."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from triage.demo.binaries import OLDEST_POSTGRES, OLDEST_REDIS
from triage.demo.child import CannotStart
from triage.demo.postgres import APPLICATION, OWNER, PostgresServer
from triage.demo.redis import RedisServer


@dataclass(frozen=True)
class Database:
    """`url` is the application's, `migration_url` the owner's; `server` is None when it is not ours."""

    url: str
    migration_url: str
    version: str
    server: PostgresServer | None


@dataclass(frozen=True)
class Doorbell:
    """The Redis in use; `server` is None when it is not ours."""

    url: str
    version: str
    server: RedisServer | None


def start_database(data: Path, environment: Mapping[str, str], closing: ExitStack) -> Database:
    """Raises CannotStart; a server of our own is stopped with `closing`."""
    url = environment.get("DATABASE_URL")
    if url:
        return _given_database(url, environment.get("TRIAGE_MIGRATION_DATABASE_URL"))
    server = PostgresServer(data / "postgres")
    closing.callback(server.stop)
    server.start()
    return Database(server.url(APPLICATION), server.url(OWNER), server.version, server)


def start_doorbell(data: Path, environment: Mapping[str, str], closing: ExitStack) -> Doorbell:
    """Raises CannotStart; a server of our own is stopped with `closing`."""
    url = environment.get("REDIS_URL")
    if url:
        return Doorbell(url, _check_redis(url), server=None)
    server = RedisServer(data / "redis")
    closing.callback(server.stop)
    server.start()
    return Doorbell(server.url, server.version, server)


def _given_database(url: str, migration_url: str | None) -> Database:
    url = _with_driver("DATABASE_URL", url)
    version = _ask_version("DATABASE_URL", url)
    if not migration_url:
        return Database(url, url, version, server=None)
    migration_url = _with_driver("TRIAGE_MIGRATION_DATABASE_URL", migration_url)
    _ask_version("TRIAGE_MIGRATION_DATABASE_URL", migration_url)
    return Database(url, migration_url, version, server=None)


def _with_driver(setting: str, url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme.startswith("postgres"):
        raise CannotStart(
            f"{setting} names no PostgreSQL: it should look like postgresql://user:password@host/database."
        )
    return f"postgresql+psycopg://{rest}"


def _ask_version(setting: str, url: str) -> str:
    # The address may hold a password, so it is not repeated in any sentence.
    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=10) as connection:
            number = connection.info.server_version
    except psycopg.OperationalError as problem:
        lines = [line.strip(" -") for line in str(problem).splitlines()]
        reason = next((line for line in lines if "failed: " in line), lines[0]).split("failed: ", 1)[-1]
        raise CannotStart(f"The database that {setting} names does not answer: {reason}.") from None
    except psycopg.Error:
        raise CannotStart(
            f"{setting} cannot be read: it should look like postgresql://user:password@host/database."
        ) from None
    version = f"{number // 10000}.{number % 10000}"
    if number // 10000 < OLDEST_POSTGRES:
        raise CannotStart(
            f"{setting} names PostgreSQL {version}, which is too old: "
            f"Triage needs {OLDEST_POSTGRES} or newer."
        )
    return version


def _check_redis(url: str) -> str:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            facts = client.info("server")
            eviction = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError as problem:
        reason = str(problem).rstrip(".")
        raise CannotStart(f"The Redis that REDIS_URL names does not answer: {reason}.") from None
    except ValueError:
        raise CannotStart("REDIS_URL cannot be read: it should look like redis://host:6379/0.") from None
    version = str(facts.get("valkey_version") or facts["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
        needed = ".".join(map(str, OLDEST_REDIS))
        raise CannotStart(
            f"REDIS_URL names Redis {version}, which is too old: Triage needs {needed} or newer."
        )
    if eviction not in (None, "noeviction"):
        raise CannotStart(
            f"The Redis that REDIS_URL names may drop what it is told to keep (maxmemory-policy {eviction}): "
            "set it to noeviction."
        )
    return version
