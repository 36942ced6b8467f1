"""The databases of a test run: one server, one template that is migrated once, and clones of it."""

from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from triage.demo.postgres import ADMINISTRATOR, APPLICATION, OWNER, PostgresServer
from triage.kit import schema

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
