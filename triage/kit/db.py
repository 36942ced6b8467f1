"""The database: the tables' common ground, transactions, and what waits for the commit."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import uuid_utils
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Insert,
    MetaData,
    Select,
    UniqueConstraint,
    Uuid,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

AfterCommit = Callable[[], object]
Query = TypeVar("Query", bound=Select[Any])

_SERVER_OPTIONS = (
    "-c statement_timeout=15000 -c lock_timeout=4000"
    " -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
    # Our statements take milliseconds: to compile one, or to wake helpers for it, takes longer than to run it.
    " -c jit=off -c max_parallel_workers_per_gather=0"
)
# The id of the writing transaction, by which `triage verify` sees that two rows were written together.
TRANSACTION_ID = text("(pg_current_xact_id()::text)::bigint")

# A connection that was in use so lately is believed to be open.
UNASKED_SECONDS = 1.0

_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "connect_timeout": 5,
}


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, and rows made later sort later."""
    return UUID(int=uuid_utils.uuid7().int)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


class OfPractice:
    """A row that belongs to one practice; other rows of that practice may point at it."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)

    @declared_attr
    def practice_id(cls) -> Mapped[UUID]:
        return mapped_column(ForeignKey("practice.id"))


def referable() -> UniqueConstraint:
    """Lets rows of the same practice, and of no other, point at this table."""
    return UniqueConstraint("practice_id", "id")


def within_practice(column: str, table: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A reference that cannot cross practices: (practice_id, column) -> table (practice_id, id)."""
    return ForeignKeyConstraint(
        ["practice_id", column], [f"{table}.practice_id", f"{table}.id"], ondelete=ondelete
    )


_sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
# On the same connections, where every statement commits by itself.
_single: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


def connect(url: str, *, pool_size: int = 10) -> Engine:
    """Point every later transaction of this process at the database of `url`."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={"options": _SERVER_OPTIONS, **_KEEPALIVE},
    )
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _refuse_closed(engine.dialect))
    _sessions.configure(bind=engine)
    _single.configure(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))
    return engine


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _refuse_closed(dialect: Dialect) -> Callable[..., None]:
    """The pool opens another connection where one that has rested was closed by the server meanwhile.

    Asking before every use would cost each transaction one more trip to the server.
    """

    def check(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        rests_since = record.info.get("rests_since")
        if rests_since is None or time.monotonic() - rests_since < UNASKED_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    return check


def bind(bind_to: Any, **options: Any) -> None:
    """Let sessions run on an engine or connection that somebody else opened (tests, migrations)."""
    _sessions.configure(bind=bind_to, **options)
    _single.configure(bind=bind_to, **options)


def after_commit(session: Session, call: AfterCommit) -> None:
    """Remember `call` until this transaction has been committed; a rollback forgets it."""
    session.info.setdefault("after_commit", []).append(call)


def transaction() -> AbstractContextManager[Session]:
    """Commit everything or nothing, then do what waited for the commit."""
    return _committed(_sessions)


def statements() -> AbstractContextManager[Session]:
    """Every statement commits by itself: for one that does all there is to do, or for some that only look.

    It saves two of three trips to the server; a transaction that only looks sees no more than this does.
    """
    return _committed(_single)


class Alone:
    """A statement that commits by itself on the driver's own connection, for what happens hundreds of times a second.

    A session around it would cost five times as much as the statement. Give every parameter in a form that the
    driver knows.
    """

    def __init__(self, statement: Insert) -> None:
        compiled = statement.compile(dialect=make_url("postgresql+psycopg://").get_dialect()())
        self._sql = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def run(self, given: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """What it returns. Raises SQLAlchemy's errors, as everything else does."""
        try:
            with _driver() as connection:
                cursor = connection.execute(self._sql, {**self._fixed, **given})
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            kinds = ((psycopg.OperationalError, OperationalError), (psycopg.DataError, DataError))
            known = (ours for theirs, ours in kinds if isinstance(error, theirs))
            raise next(known, DBAPIError)(None, None, error) from error


@contextmanager
def _driver() -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    bound = _single.kw["bind"]
    if isinstance(bound, Connection):  # somebody's transaction, of which this becomes a part
        connection = bound.connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        yield connection
        return
    taken = bound.raw_connection()
    connection = taken.driver_connection
    is_as_before = False
    try:
        connection.autocommit = True
        yield connection
        connection.autocommit = False
        is_as_before = True
    finally:
        if not is_as_before:
            # It may be broken, and it still commits by itself: nobody else may get it.
            taken.invalidate()
        taken.close()


@contextmanager
def _committed(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as session:
        with session.begin():
            yield session
        waiting: list[AfterCommit] = session.info.pop("after_commit", [])
    for call in waiting:
        call()


@contextmanager
def reading() -> Iterator[Session]:
    """Look only: nothing is kept in the database, and what was loaded stays readable after the block."""
    # Closing takes the transaction back without expiring what was loaded, as a rollback would.
    with _sessions() as session:
        yield session


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Inside, every transaction of this process is a part of one, which is kept at the end or not at all.

    For work of many steps that must never be left half done (the demo's history); one thread only.
    """
    before, before_single = dict(_sessions.kw), dict(_single.kw)
    with ExitStack() as stack:
        bound = before["bind"]
        connection = bound if isinstance(bound, Connection) else stack.enter_context(bound.connect())
        stack.enter_context(connection.begin_nested() if connection.in_transaction() else connection.begin())
        bind(connection, join_transaction_mode="create_savepoint")
        try:
            yield
        finally:
            for sessions, options in ((_sessions, before), (_single, before_single)):
                sessions.kw.clear()
                sessions.kw.update(options)


def locked(query: Query, *, of: type[Base] | None = None) -> Query:
    """The rows will be changed: locked, and as they are now, also where this session has read them before.

    No key is changed, so rows of other tables may still be made that point at them.
    """
    return query.with_for_update(of=of, key_share=True).execution_options(populate_existing=True)


def choice(kind: type[StrEnum], name: str) -> Enum:
    """A column that holds one word of an enum, and that the database refuses any other word for."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
