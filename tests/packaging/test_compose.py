"""docker-compose.yml has the shape that delivery and safety rest on, as far as reading it can tell."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
import yaml

from triage.cli import cli
from triage.demo.binaries import find_postgres
from triage.demo.postgres import ADMINISTRATOR, APPLICATION, OWNER, PostgresServer

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "web", "worker", "scheduler", "history", "simulator")
WITHOUT_PROFILE = {"postgres", "redis", "migrate", "web", "worker", "scheduler"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_a_plain_start_brings_the_product_and_profiles_the_rest(services: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in services.items()}

    assert {name for name, given in profiles.items() if given is None} == WITHOUT_PROFILE
    assert profiles["simulator"] == profiles["history"] == ["demo"]
    assert profiles["caddy"] == ["tls"]


def test_nothing_of_ours_starts_before_database_redis_and_migrations(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "scheduler"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }


def test_redis_keeps_what_it_is_told_and_drops_nothing(services: dict[str, Any]) -> None:
    command = " ".join(services["redis"]["command"])

    assert "--appendonly yes" in command and "--maxmemory-policy noeviction" in command
    assert services["redis"]["volumes"] and services["postgres"]["volumes"]


def test_workers_have_longer_to_stop_than_they_need(services: dict[str, Any]) -> None:
    assert all(services[name]["stop_grace_period"] == "35s" for name in OURS)


def test_only_migrations_know_the_owner_of_the_tables(services: dict[str, Any]) -> None:
    knowing = {
        name
        for name, service in services.items()
        if "TRIAGE_OWNER_PASSWORD" in str(service.get("environment"))
    }

    assert knowing == {"postgres", "migrate"}


def test_our_containers_are_read_only_and_without_powers(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER triage$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_database_and_redis_are_not_on_the_network_and_the_rest_is_on_this_computer(
    services: dict[str, Any],
) -> None:
    for name in ("postgres", "redis"):
        assert "ports" not in services[name] and services[name]["networks"] == ["inside"]
    assert all(port.startswith("127.0.0.1:") for port in services["web"]["ports"])


def test_the_commands_of_the_services_exist(services: dict[str, Any]) -> None:
    for name in ("migrate", "web", "worker", "scheduler", "simulator"):
        program, command, *arguments = services[name]["command"]
        known = cli.get_command(click.Context(cli), command)
        assert known is not None
        options = {option for parameter in known.params for option in parameter.opts}

        assert program == "triage"
        assert {part for part in arguments if part.startswith("--")} <= options


def test_every_setting_that_must_be_given_is_in_the_example(services: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    example = set(re.findall(r"^(?:# )?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert asked == example


@pytest.fixture
def bare_server() -> Iterator[PostgresServer]:
    """As the database container finds itself when it is new: without our roles and our database."""
    server = PostgresServer.temporary()
    server.start()
    server.drop_database("triage")
    with connect(server, ADMINISTRATOR, "postgres") as connection:
        connection.execute("DROP ROLE triage_app; DROP ROLE triage_owner")
    yield server
    server.close()


def test_the_roles_of_the_database_container_have_the_powers_of_the_demos(
    bare_server: PostgresServer,
) -> None:
    programs = find_postgres().path.parent
    subprocess.run(
        [ROOT / "deploy" / "make-roles.sh"],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": bare_server.url().rpartition("host=")[2].replace("%2F", "/"),
            "POSTGRES_USER": ADMINISTRATOR,
            "TRIAGE_OWNER_PASSWORD": "it's one",
            "TRIAGE_APP_PASSWORD": 'and "two"',
        },
        check=True,
        capture_output=True,
    )

    with connect(bare_server, OWNER, "triage") as connection:
        connection.execute("CREATE TABLE note (id bigserial, body text)")
    with connect(bare_server, APPLICATION, "triage") as connection:
        connection.execute("INSERT INTO note (body) VALUES ('one')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE note")


def connect(server: PostgresServer, role: str, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(server.url(role, database).replace("+psycopg", ""))
