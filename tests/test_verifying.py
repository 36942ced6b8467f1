"""`triage verify` as somebody calls it: what it prints, and how it ends."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.databases import as_role
from triage import config
from triage.cli import cli
from triage.config import Settings
from triage.demo.folder import ENVIRONMENT_FILE
from triage.demo.postgres import ADMINISTRATOR
from triage.domain.intake import ledger
from triage.kit import db


@pytest.fixture(autouse=True)
def _in_this_installation(fresh_settings: Settings) -> Iterator[None]:
    yield
    config.settings.cache_clear()


def verify(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["verify", *arguments])


def corrupt(statement: str, url: str) -> None:
    """As an administrator who passes by every constraint and trigger."""
    engine = create_engine(as_role(url, ADMINISTRATOR))
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(statement))
    engine.dispose()


def test_a_sound_database_is_clean(fresh_session: Session, fresh_cast: Cast) -> None:
    builders.a_task(fresh_session, cast=fresh_cast)

    done = verify("--no-carrier")

    assert done.exit_code == 0, done.output
    assert "Every promise holds." in done.stdout and "I1" in done.stdout


def test_a_broken_promise_is_named_with_its_rows(
    fresh_session: Session, fresh_cast: Cast, fresh_settings: Settings
) -> None:
    task = builders.a_task(fresh_session, cast=fresh_cast, body="private words")
    corrupt(f"update task set version = version + 1 where id = '{task.id}'", fresh_settings.database_url)

    done = verify("--no-carrier", "--json")

    assert done.exit_code == 1
    report = json.loads(done.stdout)
    broken = {one["name"]: one["problems"] for one in report["promises"] if one["problems"]}
    assert not report["clean"] and set(broken) == {"I3"}
    assert str(task.id) in str(broken) and "private" not in done.stdout


def test_looking_changes_nothing(fresh_session: Session, fresh_cast: Cast) -> None:
    verify("--no-carrier")

    with pytest.raises(Exception, match="read-only"), db.transaction() as session:
        ledger.note_stray(session, "AC" + "9" * 32, reason="unknown account")


def test_a_database_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://triage_app@/triage?host=/nowhere")
    config.settings.cache_clear()

    done = verify()

    assert done.exit_code == 2
    assert done.stderr.startswith("Error: The database does not answer") and done.stderr.count("\n") == 1


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    config.settings.cache_clear()

    done = verify()

    assert done.exit_code == 2 and "DATABASE_URL" in done.stderr


def test_a_database_that_is_behind_is_told_so(fresh_settings: Settings) -> None:
    corrupt("update alembic_version set version_num = '0001'", fresh_settings.database_url)

    done = verify()

    assert done.exit_code == 2 and "triage migrate" in done.stderr


def test_the_demo_in_a_folder_can_be_looked_at_from_another_shell(
    fresh_settings: Settings, fresh_cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("DATABASE_URL", "TRIAGE_PUBLIC_URL", "TRIAGE_SECRET_KEY", "TRIAGE_ENVIRONMENT")
    (tmp_path / ENVIRONMENT_FILE).write_text(json.dumps({name: os.environ[name] for name in names}))
    for name in names:
        monkeypatch.delenv(name)
    config.settings.cache_clear()

    assert verify("--no-carrier", "--data", str(tmp_path)).exit_code == 0


def test_a_folder_without_a_demo_is_told_so(tmp_path: Path) -> None:
    result = verify("--data", str(tmp_path / "nowhere"))

    assert result.exit_code == 1
    assert "There is no demo in" in result.output
