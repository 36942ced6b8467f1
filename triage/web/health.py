"""Is this process alive, and is everything that it needs there?"""

from collections.abc import Callable

import redis
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from triage import runtime
from triage.config import settings
from triage.kit import db, heartbeat, schema
from triage.web.auth import public

health = Blueprint("health", __name__)


@health.get("/healthz")
@public
def healthz() -> Response:
    """This process answers; nothing else is asked."""
    return jsonify(status="ok")


@health.get("/readyz")
@public
def readyz() -> Response:
    """503 where something is missing; says which, and never why, to whoever asks."""
    checks = {name: _holds(check) for name, check in CHECKS.items()}
    response = jsonify(status="ok" if all(checks.values()) else "not ready", checks=checks)
    response.status_code = 200 if all(checks.values()) else 503
    return response


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (SQLAlchemyError, redis.RedisError):
        return False


def _database() -> bool:
    with db.reading() as session:
        return session.connection().exec_driver_sql("select 1").scalar() == 1


def _migrations() -> bool:
    """A database that is ahead serves the version before it, so that hosts can be replaced one after the other."""
    with db.reading() as session:
        return not schema.waiting_after(schema.current(session.connection()))


def _redis() -> bool:
    with redis.Redis.from_url(runtime.queue_url(settings())) as client:
        return bool(client.ping())


def _is_alive(process: str) -> Callable[[], bool]:
    def check() -> bool:
        with db.reading() as session:
            return heartbeat.is_alive(session, process)

    return check


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "worker": _is_alive("worker"),
    "scheduler": _is_alive("scheduler"),
}
