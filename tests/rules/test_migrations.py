"""Migrations: one chain in reading order that leads to exactly the tables of the models, and back."""

import re
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from tests.rules.sources import ROOT, files
from triage.demo.postgres import OWNER, PostgresServer
from triage.domain import tables
from triage.kit import schema


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer.temporary(settings={"fsync": "off"})
    server.start()
    yield server
    server.close()


@pytest.fixture
def empty(server: PostgresServer) -> Iterator[str]:
    server.create_database("chain")
    yield server.url(OWNER, "chain")
    server.drop_database("chain")


def _connected(url: str) -> Connection:
    return create_engine(url).connect()


def test_the_chain_has_one_end_and_running_numbers() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    script = ScriptDirectory.from_config(config)
    chain = [step.revision for step in script.walk_revisions()][::-1]

    assert len(script.get_heads()) == 1
    assert chain == [f"{number:04d}" for number in range(1, len(chain) + 1)]


def test_every_file_is_named_after_its_step() -> None:
    names = [path for path in files() if path.startswith("migrations/versions/") and path.endswith(".py")]

    for path in names:
        found = re.fullmatch(r"migrations/versions/(\d{4})_[a-z0-9_]+\.py", path)
        assert found and f'revision = "{found.group(1)}"' in (ROOT / path).read_text(), path


def test_the_migrated_tables_are_those_of_the_models(empty: str) -> None:
    schema.upgrade(empty)

    with _connected(empty) as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), tables.metadata
        )

    assert differences == []


def test_the_chain_leads_up_down_and_up_again(empty: str) -> None:
    schema.upgrade(empty)
    first = _shape(empty)
    schema.downgrade(empty, "base")
    with _connected(empty) as connection:
        left = set(inspect(connection).get_table_names()) - {"alembic_version"}
    schema.upgrade(empty)

    assert left == set()
    assert _shape(empty) == first


def _shape(url: str) -> list[tuple[object, ...]]:
    """Columns, constraints, indexes, triggers and functions, as the database tells them."""
    with _connected(url) as connection:
        return [
            tuple(row)
            for query in (
                "select table_name, column_name, data_type, is_nullable, column_default"
                " from information_schema.columns where table_schema = 'public' order by 1, 2",
                "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
                " where connamespace = 'public'::regnamespace order by 1, 2",
                "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2",
                "select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger"
                " where not tgisinternal order by 1, 2",
                "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace order by 1, 2",
            )
            for row in connection.execute(text(query))
        ]
