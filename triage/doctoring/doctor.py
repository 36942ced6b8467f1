"""The two rounds of the doctor: before production starts, and when somebody asks."""

from collections.abc import Iterator

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from triage import config
from triage.config import Settings
from triage.doctoring import addresses, database, doorbell, host, keys, sign_in, work
from triage.doctoring.finding import Finding, Level, bad
from triage.kit import logs

log = logs.logger(__name__)

COLORS = {Level.OK: "green", Level.WARN: "yellow", Level.BAD: "red"}


def unsafe(settings: Settings) -> list[str]:
    """Why production must not start, each with what to do; empty when it may.

    A server that is away is no reason: it is said in the log, and the process waits for it.
    """
    logs.configure(json=settings.log_format == "json", level=settings.log_level)
    reasons = []
    for finding in _before_start(settings):
        if finding.refuses_start:
            reasons.append(finding.sentence)
        elif finding.level is not Level.OK:
            log.warning("not as it should be", check=finding.subject, reason=finding.sentence)
    return reasons


def _before_start(settings: Settings) -> Iterator[Finding]:
    yield from addresses.look(settings)
    yield from doorbell.look(settings)
    try:
        with database.connected(settings) as connection:
            found = list(database.look(connection))
            yield from found
            if _is_up_to_date(found):
                yield from keys.look(connection, settings)
    except OperationalError as error:
        yield database.away(error)


def _is_up_to_date(found: list[Finding]) -> bool:
    return not any(finding.subject == "migrations" and finding.refuses_start for finding in found)


def run() -> int:
    """Look at everything, print a line for each thing, and return 1 where one of them is bad."""
    console = Console(highlight=False)
    try:
        settings = config.settings()
    except ValidationError as error:
        mend = "docs/reference/configuration.md lists every setting."
        findings = [bad("settings", f"{line}.", mend) for line in config.problems(error)]
    else:
        findings = list(_everything(settings))
    console.print(_table(findings))
    worst = sum(finding.level is Level.BAD for finding in findings)
    doubtful = sum(finding.level is Level.WARN for finding in findings)
    console.print(f"{len(findings)} looked at: {worst} bad, {doubtful} to be improved.")
    return 1 if worst else 0


def _everything(settings: Settings) -> Iterator[Finding]:
    yield from addresses.look(settings)
    yield from host.look()
    yield from doorbell.look(settings)
    try:
        with database.connected(settings) as connection:
            found = list(database.look(connection))
            yield from found
            yield database.clock_skew(connection)
            if _is_up_to_date(found):
                yield from keys.look(connection, settings)
                yield from sign_in.look(connection, settings)
                yield from work.look(connection, settings)
    except OperationalError as error:
        yield database.away(error)
    except SQLAlchemyError as error:
        yield bad(
            "database",
            f"The database refuses to be asked ({type(error).__name__}).",
            "Let the owner of the tables grant this role select, insert, update and delete on them.",
        )


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        color = COLORS[finding.level]
        mend = (
            f"\n[dim]→ {_plain(finding.mend)}[/dim]" if finding.mend and finding.level is not Level.OK else ""
        )
        table.add_row(f"[{color}]{finding.level}[/{color}]", finding.subject, _plain(finding.said) + mend)
    return table


def _plain(sentence: str) -> str:
    """Square brackets of a sentence are no markup."""
    return sentence.replace("[", r"\[")
