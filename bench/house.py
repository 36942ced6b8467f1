"""The measured clinic at work: an installation whose practice has patients, without anything else going on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text as sql

from bench import clinic, history
from bench.history import Size
from bench.installation import Installation, new_secret_key
from triage.demo.child import wait_until


@contextmanager
def at_work(size: Size, *, care_teams: bool = False, **options: Any) -> Iterator[Installation]:
    """Commits are dated by PostgreSQL, so that the moment from which others see a row can be told."""
    secret_key = new_secret_key()
    with Installation(
        secret_key=secret_key,
        carrier_accounts=clinic.CARRIER_ACCOUNTS,
        populate=lambda session: clinic.populate(session, secret_key=secret_key, patients=0),
        carrier_in_memory=True,
        postgres_settings={"track_commit_timestamp": "on", **options.pop("postgres_settings", {})},
        **options,
    ) as house:
        history.write(house.postgres.url("postgres"), size, care_teams=care_teams)
        yield house


def ask(house: Installation, question: str, **given: Any) -> Any:
    """One value from the database."""
    with house.session() as session:
        return session.execute(sql(question), given).scalar()


def wait_until_filed(house: Installation, *, seconds: float = 300.0) -> None:
    """Until the ledger holds nothing that waits."""
    waiting = "select exists (select 1 from inbound where state = 'new')"
    if not wait_until(lambda: not ask(house, waiting), seconds=seconds, every=0.02):
        raise TimeoutError("texts were accepted and not filed")
