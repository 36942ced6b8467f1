"""The doctor: what production refuses to start on, and what `triage doctor` says about a running installation."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import redis
import yaml
from sqlalchemy import create_engine, text, update
from sqlalchemy.orm import Session

from tests import builders, cast
from tests.databases import Databases, as_role
from tests.rules.sources import ROOT
from triage import config, doctoring
from triage.config import Settings
from triage.demo.postgres import ADMINISTRATOR, APPLICATION, OWNER, PostgresServer
from triage.doctoring import addresses
from triage.doctoring.finding import Level
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.intake import ledger
from triage.domain.intake.ledger import Inbound, InboundState
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.kit import clock, db, heartbeat, schema
from triage.kit.secrets import Vault

NOBODY_THERE = "postgresql://triage_app@/triage?host=/nowhere"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A database as it should be: crash-safe, in UTC, migrated, with two practices."""
    server = PostgresServer.temporary()
    server.start()
    schema.upgrade(server.url(OWNER))
    with cast.populated(server.url()):
        yield server
    server.close()


@pytest.fixture
def redis_kept(redis_url: str) -> Iterator[str]:
    """A Redis as it should be; its own defaults come back afterwards."""
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        yield redis_url
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "noeviction")


@pytest.fixture
def session(server: PostgresServer) -> Iterator[Session]:
    """Real commits in the safe database; what a test changes there, it puts back."""
    engine = db.connect(server.url())
    with Session(engine, expire_on_commit=False) as session:
        yield session
    db.bind(None)
    engine.dispose()


def a_setting(**given: Any) -> Settings:
    safe = {
        "DATABASE_URL": NOBODY_THERE,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "environment": "test",
        "public_url": "https://texts.clinic.example",
        "secret_key": cast.SECRET_KEY,
    }
    return Settings.model_validate({**safe, **given})


def administer(server: PostgresServer, *statements: str, database: str = "triage") -> None:
    address = server.url(ADMINISTRATOR, database).replace("+psycopg", "", 1)
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def the_one(sentences: list[str]) -> str:
    assert len(sentences) == 1, sentences
    return sentences[0]


def test_a_safe_installation_may_start(server: PostgresServer, redis_kept: str) -> None:
    assert doctoring.unsafe(a_setting(DATABASE_URL=server.url(), REDIS_URL=redis_kept)) == []


def test_a_superuser_may_not_be_the_application(server: PostgresServer) -> None:
    sentence = the_one(doctoring.unsafe(a_setting(DATABASE_URL=server.url(ADMINISTRATOR))))

    assert "postgres is a superuser" in sentence and "a role that owns nothing" in sentence


def test_the_owner_of_the_tables_may_not_be_the_application(server: PostgresServer) -> None:
    sentence = the_one(doctoring.unsafe(a_setting(DATABASE_URL=server.url(OWNER))))

    assert "triage_owner may alter and drop" in sentence


def test_a_role_that_can_become_the_owner_is_no_better(server: PostgresServer) -> None:
    administer(server, f"grant {OWNER} to {APPLICATION}")
    try:
        sentences = doctoring.unsafe(a_setting(DATABASE_URL=server.url()))
    finally:
        administer(server, f"revoke {OWNER} from {APPLICATION}")

    assert "triage_app may alter and drop" in the_one(sentences)


def test_a_database_that_forgets_in_a_crash_is_refused(databases: Databases, database: str) -> None:
    sentences = doctoring.unsafe(a_setting(DATABASE_URL=databases.url(database)))

    assert [sentence.split()[0] for sentence in sentences] == [
        "fsync", "full_page_writes", "synchronous_commit",
    ]  # fmt: skip
    assert all("postgresql.conf" in sentence for sentence in sentences)


def test_a_database_in_another_time_zone_is_refused(server: PostgresServer) -> None:
    administer(server, f"alter role {APPLICATION} set timezone = 'America/New_York'")
    try:
        sentences = doctoring.unsafe(a_setting(DATABASE_URL=server.url()))
    finally:
        administer(server, f"alter role {APPLICATION} reset timezone")

    assert "America/New_York" in the_one(sentences) and "UTC" in the_one(sentences)


@contextmanager
def a_database_at(server: PostgresServer, revision: str | None) -> Iterator[str]:
    server.create_database("behind")
    try:
        if revision:
            schema.upgrade(server.url(OWNER, "behind"), revision)
        yield server.url(APPLICATION, "behind")
    finally:
        server.drop_database("behind")


@pytest.mark.parametrize("revision", [None, "0001", "0005"])
def test_a_database_that_lacks_migrations_is_refused(server: PostgresServer, revision: str | None) -> None:
    with a_database_at(server, revision) as url:
        sentence = the_one(doctoring.unsafe(a_setting(DATABASE_URL=url)))

    assert schema.newest() in sentence and sentence.endswith("Run: triage migrate")


def test_a_database_of_a_newer_version_is_not_refused(server: PostgresServer) -> None:
    with a_database_at(server, "head") as url:
        administer(server, "update alembic_version set version_num = '9999'", database="behind")

        assert doctoring.unsafe(a_setting(DATABASE_URL=url)) == []


def test_tables_that_the_role_may_not_read_are_told_plainly(server: PostgresServer) -> None:
    with a_database_at(server, "head") as url:
        administer(server, f"revoke all on alembic_version from {APPLICATION}", database="behind")

        sentence = the_one(doctoring.unsafe(a_setting(DATABASE_URL=url)))

    assert "may not read which migrations were run" in sentence


def test_a_redis_that_drops_what_it_was_told_is_refused(redis_kept: str) -> None:
    with redis.Redis.from_url(redis_kept) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")

    sentence = the_one(doctoring.unsafe(a_setting(REDIS_URL=redis_kept)))

    assert "allkeys-lru" in sentence and "noeviction" in sentence


def test_a_redis_without_a_file_is_only_a_warning(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctoring.unsafe(a_setting(REDIS_URL=redis_url)) == []
    assert "Set appendonly yes" in capsys.readouterr().out


def test_servers_that_are_away_do_not_stop_the_start_and_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert doctoring.unsafe(a_setting()) == []

    said = capsys.readouterr().out
    assert "The database does not answer" in said and "Redis does not answer" in said


def test_a_token_that_cannot_be_opened_is_refused(server: PostgresServer) -> None:
    another = "another-key-that-is-long-enough-to-be-one"

    sentences = doctoring.unsafe(a_setting(DATABASE_URL=server.url(), secret_key=another))

    assert len(sentences) == 2 and "Elm Street Clinic was sealed with another" in sentences[0]
    both = f"{another},{cast.SECRET_KEY}"
    assert doctoring.unsafe(a_setting(DATABASE_URL=server.url(), secret_key=both)) == []


def test_an_account_without_a_token_is_refused(server: PostgresServer, session: Session) -> None:
    sealed = Vault([cast.SECRET_KEY]).seal(cast.CARRIER_TOKEN)
    mine = update(Practice).where(Practice.carrier_account == cast.ACCOUNT)
    session.execute(mine.values(carrier_token_sealed=None))
    session.commit()
    try:
        sentence = the_one(doctoring.unsafe(a_setting(DATABASE_URL=server.url())))
    finally:
        session.execute(mine.values(carrier_token_sealed=sealed))
        session.commit()

    assert "Elm Street Clinic has a carrier account without a token" in sentence


def test_addresses_and_keys_that_are_for_trying_out_are_refused() -> None:
    refused = doctoring.unsafe(a_setting(public_url="http://texts.clinic.example", secret_key="changeme"))

    assert [sentence.split()[0] for sentence in refused] == ["TRIAGE_PUBLIC_URL", "TRIAGE_SECRET_KEY"]
    assert "shorter than 32" in the_one(doctoring.unsafe(a_setting(secret_key="x" * 31)))


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql://triage_app@db.example/triage"},
        {"DATABASE_URL": "postgresql://triage_app@db.example/triage?sslmode=prefer"},
        {"DATABASE_URL": "postgresql://triage_app@/triage?host=127.0.0.1,db.example"},
        {"migration_database_url": "postgresql://triage_owner@10.0.0.7/triage"},
        {"REDIS_URL": "redis://queue.example:6379/0"},
    ],
)
def test_what_leaves_this_computer_must_be_encrypted(given: dict[str, str]) -> None:
    refused = [finding for finding in addresses.look(a_setting(**given)) if finding.refuses_start]

    assert len(refused) == 1 and "without encryption" in refused[0].said
    assert not any(one.refuses_start for one in addresses.look(a_setting(private_network=True, **given)))


def test_plain_http_is_right_for_trying_on_this_computer_alone() -> None:
    here = a_setting(environment="demo", public_url="http://localhost:8080")

    assert {finding.level for finding in addresses.look(here)} == {Level.OK}
    assert doctoring.unsafe(a_setting(environment="demo", public_url="http://10.0.0.7:8080")) != []


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql://triage_app@localhost/triage"},
        {"DATABASE_URL": "postgresql://triage_app@[::1]:5433/triage"},
        {"DATABASE_URL": "postgresql:///triage"},
        {"DATABASE_URL": "postgresql://triage_app@db.example/triage?sslmode=verify-full"},
        {"REDIS_URL": "rediss://queue.example:6380/0"},
        {"REDIS_URL": "unix:///run/redis.sock?db=0"},
    ],
)
def test_what_stays_here_or_is_encrypted_may_start(given: dict[str, str]) -> None:
    behind_proxy = a_setting(trusted_proxies=1, **given)

    assert {finding.level for finding in addresses.look(behind_proxy)} == {Level.OK}


def test_a_proxy_that_is_not_believed_is_pointed_out() -> None:
    worrying = [finding for finding in addresses.look(a_setting()) if finding.level is not Level.OK]

    assert [finding.level for finding in worrying] == [Level.WARN]
    assert "TRIAGE_TRUSTED_PROXIES" in worrying[0].mend


def test_the_compose_file_is_a_safe_installation() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given = {name: str(value) for name, value in compose["services"]["web"]["environment"].items()}
    given |= {
        "DATABASE_URL": re.sub(r"\$\{\w+[^}]*\}", "password", given["DATABASE_URL"]),
        "TRIAGE_PUBLIC_URL": "https://texts.clinic.example",
        "TRIAGE_SECRET_KEY": cast.SECRET_KEY,
    }
    filled_in = {
        name
        if name.endswith("_URL") and not name.startswith("TRIAGE_")
        else name.removeprefix("TRIAGE_").lower(): value
        for name, value in given.items()
        if "${" not in value
    }

    assert not any(finding.refuses_start for finding in addresses.look(a_setting(**filled_in)))


def test_a_web_server_in_production_says_why_it_does_not_start(server: PostgresServer) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")},
        "DATABASE_URL": server.url(ADMINISTRATOR),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "TRIAGE_PUBLIC_URL": "https://texts.clinic.example",
        "TRIAGE_SECRET_KEY": cast.SECRET_KEY,
    }

    ended = subprocess.run(
        [sys.executable, "-m", "triage", "web"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "not safe to start" in ended.stderr and "postgres is a superuser" in ended.stderr


@pytest.fixture
def told(
    server: PostgresServer,
    redis_kept: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """Run `triage doctor` in the environment of the safe installation: its exit code, and its lines by subject."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("DATABASE_URL", server.url())
    monkeypatch.setenv("REDIS_URL", redis_kept)
    monkeypatch.setenv("TRIAGE_PUBLIC_URL", "https://texts.clinic.example")
    monkeypatch.setenv("TRIAGE_SECRET_KEY", cast.SECRET_KEY)
    config.settings.cache_clear()

    def run() -> tuple[int, str]:
        code = doctoring.run()
        return code, capsys.readouterr().out

    yield run
    config.settings.cache_clear()


def everybody_is_well(session: Session) -> None:
    for process in ("worker", "scheduler"):
        heartbeat.beat(session, process, "here:1")
    session.execute(update(PracticeNumber).values(reconciled_at=clock.now(session)))
    session.commit()
    session.info.clear()


def test_everything_is_well(told: Any, session: Session) -> None:
    everybody_is_well(session)

    code, said = told()

    assert code == 0, said
    assert "0 bad" in said and "1 alive" in said


def test_processes_that_fell_silent_are_bad(told: Any, session: Session) -> None:
    everybody_is_well(session)
    session.execute(update(heartbeat.Heartbeat).values(at=clock.now(session) - timedelta(minutes=5)))
    session.commit()

    code, said = told()

    assert code == 1
    assert said.count("None was heard of for 5 min.") == 2 and "triage scheduler" in said


def test_a_number_that_is_not_compared_any_more_is_told_with_its_age(told: Any, session: Session) -> None:
    everybody_is_well(session)
    for number, ago in ((cast.NORTH_NUMBER, timedelta(minutes=20)), (cast.SOUTH_NUMBER, timedelta(hours=5))):
        late = update(PracticeNumber).where(PracticeNumber.number == number)
        session.execute(late.values(reconciled_at=clock.now(session) - ago))
    session.execute(
        update(PracticeNumber).where(PracticeNumber.number == cast.OTHER_NUMBER).values(reconciled_at=None)
    )
    session.commit()

    code, said = told()

    assert code == 1 and f"{cast.OTHER_NUMBER} was never compared" in said
    assert f"{cast.NORTH_NUMBER} was compared with the carrier's list 20 min ago." in said
    assert f"{cast.SOUTH_NUMBER} was compared with the carrier's list 5 h ago." in said


def test_texts_that_wait_or_need_somebody_are_counted_and_never_quoted(told: Any, session: Session) -> None:
    everybody_is_well(session)
    people = cast.load(session)
    task = builders.a_task(session, cast=people, body="private words")
    for state in (OutboundState.QUEUED, OutboundState.NEEDS_PERSON):
        sent = builders.a_reply(session, by=people.ana, task=task, body="private answer")
        session.info.clear()
        session.execute(
            update(OutboundText)
            .where(OutboundText.message_id == sent.id)
            .values(state=state, due_at=clock.now(session) - timedelta(minutes=30))
        )
    for outcome in (InboundState.NEW, InboundState.DEAD, InboundState.QUARANTINED):
        row = builders.received(session, builders.a_text_from(body="private"), practice_id=people.practice_id)
        session.info.clear()
        session.execute(
            update(Inbound)
            .where(Inbound.id == row.id)
            .values(state=outcome, received_at=clock.now(session) - timedelta(hours=3))
        )
    ledger.note_stray(session, "AC" + "9" * 32, reason="unknown account")
    session.commit()

    try:
        code, said = told()
    finally:
        _forget_texts(session)

    assert code == 1 and "private" not in said
    assert "1 wait to be filed, the oldest for 3 h." in said
    assert "1 wait to be sent, the oldest for 30 min." in said
    assert "1 may not have been sent" in said
    assert "Elm Street Clinic: 1 could not be filed." in said
    assert "Elm Street Clinic: 1 in quarantine" in said
    assert "1 calls of accounts that no practice has" in said


def _forget_texts(session: Session) -> None:
    session.rollback()
    owner = create_engine(as_role(str(config.settings().database_url), OWNER))
    with owner.begin() as connection:
        connection.execute(text("truncate inbound, stray_call, conversation, message, task cascade"))
    owner.dispose()


def test_a_database_that_is_away_is_one_bad_line(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", NOBODY_THERE)
    config.settings.cache_clear()

    code, said = told()

    assert code == 1 and said.count("The database does not answer") == 1
    assert "Traceback" not in said


def test_settings_that_cannot_be_used_are_named(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("TRIAGE_PUBLIC_URL", "http://texts.clinic.example")
    config.settings.cache_clear()

    code, said = told()

    assert code == 1 and "DATABASE_URL" in said
