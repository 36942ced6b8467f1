"""The databases of a test run: one server, one template that is migrated once, and clones of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.orm import Session

from triage.demo.postgres import ADMINISTRATOR, APPLICATION, OWNER, PostgresServer
from triage.kit import db, schema

TEMPLATE = "template_of_tests"
# Nothing of a test run is worth surviving a power cut; the tests of crashes start servers of their own.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Databases(NamedTuple):
    """What a process needs to know of the run's server: the address of its administrator."""

    address: str

    def url(self, name: str, role: str = APPLICATION) -> str:
        """As the application, which owns nothing, unless another role is asked for."""
        url = make_url(self.address).set(database=name)
        return as_role(url.render_as_string(hide_password=False), role)

    def clone(self, name: str) -> None:
        """A copy of the migrated template, made anew where one is left over."""
        self.drop(name)
        self._run(
            sql.SQL("create database {} owner {} template {}").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(TEMPLATE)
            )
        )

    def drop(self, name: str) -> None:
        """Also when somebody is connected, also when there is none."""
        self._run(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        address = self.address.replace("+psycopg", "", 1)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


def as_role(url: str, role: str) -> str:
    """The same database as somebody else."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def start() -> tuple[PostgresServer, Databases]:
    """A server with the template in it; `close` it when the run is over."""
    server = PostgresServer.temporary(settings=SETTINGS)
    server.start()
    server.create_database(TEMPLATE)
    schema.upgrade(server.url(OWNER, TEMPLATE))
    return server, Databases(server.url(ADMINISTRATOR, "postgres"))


def rolled_back(engine: Engine) -> Iterator[Connection]:
    """A connection on which every transaction of the product happens inside one that is taken back."""
    with engine.connect() as connection:
        outer = connection.begin()
        db.bind(connection, join_transaction_mode="create_savepoint")
        event.listen(Session, "before_commit", _keep_deferred_promises)
        yield connection
        event.remove(Session, "before_commit", _keep_deferred_promises)
        db.bind(None)
        outer.rollback()


def _keep_deferred_promises(session: Session) -> None:
    """The outer transaction never commits, so what the database checks at commit is checked here."""
    if not session.in_nested_transaction():
        session.flush()
        session.execute(text("set constraints all immediate"))
        session.execute(text("set constraints all deferred"))


@contextmanager
def session_of_acts(bind: Connection | Engine) -> Iterator[Session]:
    """A session for a whole test: each `commit` ends an act, and the next one has a now of its own."""
    with Session(bind, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
        event.listen(session, "after_commit", _end_of_act)
        event.listen(session, "after_rollback", _end_of_act)
        yield session


def _end_of_act(session: Session) -> None:
    session.info.clear()
