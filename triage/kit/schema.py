"""The database's shape: bring it up to date, and tell whether it is."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection

from triage.kit.paths import MIGRATIONS


def _config(url: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def newest() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The revision that the database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def waiting_after(revision: str | None) -> list[str] | None:
    """What a database at this revision still lacks, first to last; None where this code does not know it."""
    script = ScriptDirectory.from_config(_config())
    try:
        steps = list(script.iterate_revisions("head", revision or "base"))
    except (CommandError, RevisionError):
        return None
    return [step.revision for step in reversed(steps)]


def upgrade(url: str, revision: str = "head") -> None:
    """Safe to repeat; each migration commits by itself."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    command.downgrade(_config(url), revision)
