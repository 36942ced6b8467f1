"""`triage verify`: connects, lets the domain check every promise on one snapshot, and prints what it found."""

import json

import click
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from triage import config, gateways
from triage.domain import verify
from triage.domain.verify import Report
from triage.kit import db, logs, schema

CANNOT_TELL = 2
# Looking at millions of rows may take longer than a page view is allowed to.
_OPTIONS = "-c statement_timeout=900000 -c default_transaction_read_only=on -c timezone=UTC"


def run(*, with_carrier: bool, as_json: bool) -> int:
    """0 where every promise holds, 1 where one is broken, 2 where nobody can tell."""
    logs.configure(json=True, level="error")
    try:
        settings = config.settings()
        _connect(settings.database_url)
        lag = _what_is_behind()
        if lag:
            return _cannot_tell(lag)
        report = _look(with_carrier=with_carrier)
    except ValidationError as error:
        return _cannot_tell("These settings cannot be used: " + "; ".join(config.problems(error)))
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
        return _cannot_tell(f"The database does not answer: {reason}.")
    if as_json:
        click.echo(json.dumps({"clean": report.is_clean, "promises": report.as_json()}, indent=2))
    else:
        report.print(Console(highlight=False))
    return 0 if report.is_clean else 1


def _what_is_behind() -> str:
    with db.reading() as session:
        if schema.waiting_after(schema.current(session.connection())):
            return "The database is not up to date. Run: triage migrate"
    return ""


def _connect(url: str) -> None:
    """Transactions that only read, each on one snapshot, so that work that goes on meanwhile breaks no promise."""
    engine = create_engine(
        url,
        isolation_level="REPEATABLE READ",
        connect_args={"options": _OPTIONS, "connect_timeout": 5},
    )
    db.bind(engine)


def _look(*, with_carrier: bool) -> Report:
    with db.reading() as session:
        return verify.verify(session, gateways.carrier_of if with_carrier else None)


def _cannot_tell(sentence: str) -> int:
    click.echo(f"Error: {sentence}", err=True)
    return CANNOT_TELL
