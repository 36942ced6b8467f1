"""The database: whether it keeps what it is told, whose role we are there, and whether it is up to date."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, create_engine, pool, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from triage.config import Settings
from triage.doctoring.finding import Finding, bad, ok, unsafe, warn
from triage.kit import schema

OLDEST = 16
UTC_NAMES = ("UTC", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal")
NEED_ON = {
    "fsync": "A power cut would destroy the database.",
    "full_page_writes": "A power cut would destroy pages of the database.",
    "synchronous_commit": "A crash would forget texts that the carrier was told are safe.",
}
SKEW_NOTICED, SKEW_TOO_MUCH = 5.0, 60.0

_ROLE = text(
    """
    select current_user as name, rolsuper as is_superuser,
           (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and n.nspname = current_schema()
              and pg_has_role(current_user, c.relowner, 'member')) as owns
    from pg_roles where rolname = current_user
    """
)


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A plain connection, without the options that our processes add. Raises `OperationalError`."""
    engine: Engine = create_engine(
        settings.database_url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5}
    )
    with engine.connect() as connection:
        yield connection


def away(error: OperationalError) -> Finding:
    """It may come back, and everything waits for it: no reason not to start."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
    return bad(
        "database",
        f"The database does not answer: {reason}.",
        "Start it, or correct DATABASE_URL.",
    )


def look(connection: Connection) -> Iterator[Finding]:
    """Everything that a promise rests on."""
    yield _version(connection)
    yield from _role(connection)
    yield from _safe_writes(connection)
    yield _time_zone(connection)
    yield _migrations(connection)


def _version(connection: Connection) -> Finding:
    number = connection.scalar(text("select current_setting('server_version_num')::int")) or 0
    shown = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number // 10000 < OLDEST:
        return unsafe(
            "database", f"{shown} is too old.", f"Move the database to PostgreSQL {OLDEST} or newer."
        )
    return ok("database", f"{shown} answers.")


def _role(connection: Connection) -> Iterator[Finding]:
    role = connection.execute(_ROLE).one()
    mend = (
        "Let DATABASE_URL name a role that owns nothing, and TRIAGE_MIGRATION_DATABASE_URL the role that owns"
        " the tables."
    )
    if role.is_superuser:
        yield unsafe(
            "database role", f"{role.name} is a superuser, whom no rule of the database binds.", mend
        )
    elif role.owns:
        yield unsafe(
            "database role", f"{role.name} may alter and drop {role.owns} tables as their owner.", mend
        )
    else:
        yield ok("database role", f"{role.name} owns nothing.")


def _safe_writes(connection: Connection) -> Iterator[Finding]:
    off = [name for name in NEED_ON if _setting(connection, name) == "off"]
    for name in off:
        yield unsafe(
            "safe writes",
            f"{name} is off. {NEED_ON[name]}",
            f"Set {name} = on in postgresql.conf and reload.",
        )
    if not off:
        yield ok("safe writes", "What is committed survives a crash.")


def _time_zone(connection: Connection) -> Finding:
    zone = _setting(connection, "TimeZone")
    if zone in UTC_NAMES:
        return ok("time zone", "The database speaks UTC.")
    return unsafe(
        "time zone",
        f"The database speaks {zone}.",
        "Set timezone = 'UTC' in postgresql.conf, or for the role with: alter role … set timezone = 'UTC'.",
    )


def _setting(connection: Connection, name: str) -> str:
    return str(connection.scalar(text("select current_setting(:name)"), {"name": name}))


def _migrations(connection: Connection) -> Finding:
    try:
        current = schema.current(connection)
    except ProgrammingError:
        connection.rollback()
        return unsafe(
            "migrations",
            "This role may not read which migrations were run.",
            "Let the owner of the tables grant it select, insert, update and delete on them.",
        )
    waiting = schema.waiting_after(current)
    if waiting is None:
        return warn(
            "migrations",
            f"The database is at {current}, which this version does not know.",
            "Start the newer version that belongs to it; this one goes on meanwhile.",
        )
    if waiting:
        return unsafe(
            "migrations",
            f"{len(waiting)} migration(s) were never run here: {', '.join(waiting)}.",
            "Run: triage migrate",
        )
    return ok("migrations", f"At {current}, as this version needs it.")


def clock_skew(connection: Connection) -> Finding:
    """How far this computer's clock is from the database's, which decides everything."""
    before = time.time()
    theirs = connection.scalar(text("select clock_timestamp()"))
    middle = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    skew = abs((theirs - middle).total_seconds()) if theirs else 0.0
    said = f"This computer and the database differ by {skew:.1f} s."
    if skew < SKEW_NOTICED:
        return ok("clocks", said)
    mend = "Let both follow a time server."
    return warn("clocks", said, mend) if skew < SKEW_TOO_MUCH else bad("clocks", said, mend)
