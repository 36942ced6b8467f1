"""Setting up an installation from a terminal: `triage practices`, `triage members`, `triage patients`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from triage import bulk_import, config, gateways, runtime
from triage.config import Settings
from triage.domain import audit
from triage.domain.access import factors, set_up
from triage.domain.inbox import places, staffing
from triage.domain.inbox.staffing import Wanted
from triage.domain.patients import patient as patients_
from triage.domain.patients import phones
from triage.domain.practice import member as members_
from triage.domain.practice import practice as practices_
from triage.domain.practice import privileges
from triage.domain.practice.practice import Kind, Practice, SecondFactor
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound, Refused

IN_PRACTICE = click.option(
    "--practice", "practice_name", metavar="NAME", help="Name or id; not needed where there is only one."
)


@click.group()
def practices() -> None:
    """The practices of this installation."""


@practices.command("create")
@click.argument("name")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default="human", show_default=True)
@click.option("--time-zone", default="America/New_York", show_default=True)
@click.option("--region", default="US", show_default=True, help="Country of numbers without a prefix.")
@click.option(
    "--account",
    envvar="TWILIO_ACCOUNT_SID",
    help="The carrier account (AC...). Its token is asked for, or read from TWILIO_AUTH_TOKEN.",
)
@click.option("--number", "numbers", multiple=True, help="A number that patients text; may be repeated.")
def create_practice(
    name: str, kind: str, time_zone: str, region: str, account: str | None, numbers: tuple[str, ...]
) -> None:
    """Add a practice with the roles that come with the product."""
    token = _token() if account else None
    with _at_work() as session:
        now = clock.now(session)
        practice = practices_.add_practice(
            session,
            name=name,
            kind=Kind(kind),
            time_zone=time_zone,
            region=region,
            now=now,
            second_factor=_policy_here(),
        )
        privileges.add_built_in_roles(session, practice.id)
        if account and token:
            sealed = gateways.vault().seal(token)
            practices_.connect_account(session, practice, account=account, token_sealed=sealed)
        for place, number in enumerate(numbers, start=1):
            label = "Front desk" if place == 1 else f"Line {place}"
            practices_.add_number(session, practice, number=number, label=label, facility_id=None)
        _record(session, practice, now, "created")
    click.echo(f"{practice.name} is there. Its id is {practice.id}.")
    click.echo(
        f'Next: triage members add LOGIN --name "..." --role "Practice admin" --practice "{practice.name}"'
    )


@practices.command("list")
def list_practices() -> None:
    """Every practice with its numbers."""
    table = Table("Practice", "Kind", "Time zone", Column("Numbers", no_wrap=True), "Account")
    with _at_work() as session:
        for practice in practices_.practices_by(session, None):
            numbers = practices_.numbers_of(session, practice.id)
            listed = "\n".join(number.number for number in numbers) or "none"
            account = "set" if practice.carrier_token_sealed else "none"
            table.add_row(practice.name, practice.kind.value, practice.time_zone, listed, account)
    _print(table, "There is no practice yet. Make one: triage practices create NAME")


@practices.command("set-token")
@click.argument("practice_name", metavar="PRACTICE")
@click.option("--account", envvar="TWILIO_ACCOUNT_SID", help="Another carrier account (AC...).")
@click.option(
    "--next", "is_next", is_flag=True, help="The coming token: calls signed with either one are accepted."
)
def set_token(practice_name: str, account: str | None, is_next: bool) -> None:
    """Store the carrier's token, sealed. It is asked for, or read from TWILIO_AUTH_TOKEN or standard input."""
    token = _token()
    with _at_work() as session:
        practice = _practice(session, practice_name)
        sealed = gateways.vault().seal(token)
        if is_next:
            practice.carrier_next_token_sealed = sealed
        else:
            known = account or practice.carrier_account
            if known is None:
                raise Invalid(account="This practice has no carrier account yet. Name it with --account.")
            practices_.connect_account(session, practice, account=known, token_sealed=sealed)
            practice.carrier_next_token_sealed = None
        _record(session, practice, clock.now(session), "carrier token")
    click.echo(f"The token of {practice.name} is stored. It holds within seconds.")


@click.group()
def members() -> None:
    """The people who sign in."""


@members.command("add")
@click.argument("login")
@click.option("--name", required=True, help="As colleagues see it.")
@click.option("--role", "role_name", default="Care team", show_default=True, help="Name of a role.")
@IN_PRACTICE
def add_member(login: str, name: str, role_name: str, practice_name: str | None) -> None:
    """Add somebody. The password is asked for, or read as one line of standard input."""
    password = _secret("Password")
    with _at_work() as session:
        practice = _practice(session, practice_name)
        role = privileges.role_by_name(session, practice.id, role_name)
        wanted = Wanted(login=login, name=name, role_id=role.id)
        member = staffing.add_member(session, practice.id, wanted, password=password, by=None)
    click.echo(f"{member.login} can sign in at {practice.name} as {role.name}.")


@members.command("password")
@click.argument("login")
def set_password(login: str) -> None:
    """Set a new password and sign the member out everywhere. It is asked for, or read from standard input."""
    password = _secret("New password")
    with _at_work() as session:
        member = members_.by_login(session, login)
        staffing.set_password(session, member, password, by=None)
    click.echo(f"{member.login} has a new password and is signed out everywhere.")


@members.command("list")
@IN_PRACTICE
def list_members(practice_name: str | None) -> None:
    """Who can sign in, and as what."""
    table = Table("Login", "Name", "Role", "State", "Practice")
    with _at_work() as session:
        for practice in practices_.practices_by(session, practice_name):
            for member in members_.members_of(session, practice.id):
                state = "active" if member.is_active else "switched off"
                table.add_row(member.login, member.name, member.role.name, state, practice.name)
    _print(table, "There is nobody yet. Add somebody: triage members add LOGIN")


@members.command("reset-second-factor")
@click.argument("login")
def reset_second_factor(login: str) -> None:
    """For somebody who lost phone and recovery codes: the password alone signs in. Signs them out. Safe to repeat."""
    with _at_work() as session:
        member = members_.by_login(session, login)
        factors.reset(session, member, by=None, now=clock.now(session))
    click.echo(f"{member.login} signs in with the password alone, and is signed out everywhere.")


@members.command("disable")
@click.argument("login")
def disable_member(login: str) -> None:
    """Sign a member out everywhere for good; their open tasks go back to the queue. Safe to repeat."""
    with _at_work() as session:
        member = members_.by_login(session, login)
        returned = staffing.switch_off(session, member, by=None)
    tasks = "task" if returned == 1 else "tasks"
    click.echo(f"{member.login} can no longer sign in. {returned} open {tasks} went back to the queue.")


@click.group()
def patients() -> None:
    """The patients of a practice. What is typed here may stay in the history of your shell."""


@patients.command("add")
@click.option("--first-name", prompt=True, help="Or the name of an animal.")
@click.option("--last-name", prompt=True, default="", help="May be empty.")
@click.option("--chart", "chart_number", prompt="Chart number", help="Unique in the practice.")
@click.option("--born", type=click.DateTime(["%Y-%m-%d"]), help="Birth date, such as 1980-05-17.")
@click.option("--species", help="For an animal: dog, cat, ...")
@click.option("--language", default="en", show_default=True)
@click.option("--number", help="Where the patient is reached.")
@IN_PRACTICE
def add_patient(
    first_name: str,
    last_name: str,
    chart_number: str,
    born: datetime | None,
    species: str | None,
    language: str,
    number: str | None,
    practice_name: str | None,
) -> None:
    """Add one patient; what is left out is asked for."""
    with _at_work() as session:
        practice = _practice(session, practice_name)
        now = clock.now(session)
        patient = patients_.add_patient(
            session,
            practice.id,
            first_name=first_name,
            last_name=last_name,
            chart_number=chart_number,
            born_on=born.date() if born else None,
            species=species,
            language=language,
            now=now,
        )
        if number:
            phone = phones.link(session, patient, number, region=practice.region, now=now)
            places.know_again(session, phone)
    click.echo(f"Patient {patient.chart_number} is there.")


@patients.command("list")
@IN_PRACTICE
def count_patients(practice_name: str | None) -> None:
    """How many patients each practice has; names are shown on pages alone, where looking leaves a trace."""
    table = Table("Practice", "Patients")
    with _at_work() as session:
        for practice in practices_.practices_by(session, practice_name):
            table.add_row(practice.name, str(patients_.count_patients(session, practice.id)))
    _print(table, "There is no practice yet. Make one: triage practices create NAME")


@patients.command("link-number")
@click.argument("chart_number", metavar="CHART")
@click.argument("number")
@IN_PRACTICE
def link_number(chart_number: str, number: str, practice_name: str | None) -> None:
    """The patient with this chart number is reached at this number. Safe to repeat."""
    with _at_work() as session:
        practice = _practice(session, practice_name)
        patient = patients_.by_chart_number(session, practice.id, chart_number)
        if patient is None:
            raise NotFound(f"{practice.name} has no patient with this chart number.")
        phone = phones.link(session, patient, number, region=practice.region, now=clock.now(session))
        places.know_again(session, phone)
    click.echo(f"Patient {chart_number} is reached at this number.")


@patients.command("import")
@click.argument(
    "path", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--apply", "is_applied", is_flag=True, help="Import; without it every row is only tried.")
@click.option(
    "--map", "fields", multiple=True, metavar="FIELD=HEADING", help="What a column means; may be repeated."
)
@click.option("--dates", type=click.Choice(["mdy", "dmy"]), help="What comes first in 03/04/1980.")
@click.option("--encoding", type=click.Choice(["utf-8", "utf-16", "cp1252"]), help="If it is not found out.")
@click.option("--delimiter", type=click.Choice([",", ";", "tab", "|"]), help="If it is not found out.")
@click.option(
    "--continue", "continued", type=click.UUID, metavar="ID", help="Go on with an import that stopped."
)
@click.option("--undo", "undone", type=click.UUID, metavar="ID", help="Take an import back, within 24 hours.")
@IN_PRACTICE
def import_patients(
    path: Path | None,
    is_applied: bool,
    fields: tuple[str, ...],
    dates: str | None,
    encoding: str | None,
    delimiter: str | None,
    continued: UUID | None,
    undone: UUID | None,
    practice_name: str | None,
) -> None:
    """Patients from a table (CSV) or FHIR R4 (bundle, NDJSON); tried first, and imported with --apply.

    A patient is known again by the chart number. Whether somebody may be texted is never changed.
    """
    if sum(one is not None for one in (path, continued, undone)) != 1:
        raise click.UsageError("Name a FILE, or an import with --continue or --undo.")
    with _at_work() as session:
        practice = _practice(session, practice_name)
        if path is not None:
            wanted = bulk_import.Wanted(encoding, delimiter, dates, fields)
            run_id = bulk_import.bring(session, practice.id, path, wanted).id
        else:
            run_id = bulk_import.go_on(
                session, practice.id, continued or undone, is_undone=undone is not None
            )
    with _clearly():
        bulk_import.finish(run_id, is_applied=is_applied or path is None)


@click.command("setup-code")
def setup_code() -> None:
    """Print a one-time code for the page /set-up, which makes the first practice and its admin. Voids the former code."""
    with _at_work() as session:
        code = set_up.new_code(session, now=clock.now(session))
    click.echo(_way_to_set_up(code))


def offer_set_up(given: Settings) -> str:
    """At the start of the web server: how to make the first practice; empty where there is one.

    On a connection of its own, which is closed before the server forks.
    """
    engine = create_engine(given.database_url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with Session(engine) as session, session.begin():
            now = clock.now(session)
            if not set_up.is_needed(session):
                return ""
            if set_up.has_code(session, now=now):
                return "There is no practice yet. A code was printed before; another one: triage setup-code"
            return _way_to_set_up(set_up.new_code(session, now=now))
    except (OperationalError, ProgrammingError):
        # Away, or not yet migrated: the server says so itself.
        return ""


def _way_to_set_up(code: str) -> str:
    return f"There is no practice yet. Open {config.settings().public_url}/set-up and enter the code {code}"


@contextmanager
def _at_work() -> Iterator[Session]:
    """One transaction on the database of this installation."""
    with _clearly():
        runtime.connect(config.settings())
        with db.transaction() as session:
            yield session


@contextmanager
def _clearly() -> Iterator[None]:
    """Whatever stops the work becomes a clear sentence."""
    try:
        yield
    except ValidationError as error:
        problems = "\n  ".join(config.problems(error))
        raise click.ClickException(f"These settings cannot be used.\n  {problems}") from None
    except Invalid as refusal:
        raise click.ClickException("\n  ".join(refusal.fields.values()) or refusal.sentence) from None
    except Refused as refusal:
        raise click.ClickException(refusal.sentence) from None
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
        raise click.ClickException(f"The database does not answer: {reason}") from None
    except ProgrammingError:
        raise click.ClickException("The database is not up to date. Run: triage migrate") from None


def _practice(session: Session, name_or_id: str | None) -> Practice:
    """The one that is meant. Raises `NotFound`, `Invalid`."""
    found = practices_.practices_by(session, name_or_id)
    if not found:
        raise NotFound(
            f"There is no practice {name_or_id}." if name_or_id else "There is no practice yet. Create one."
        )
    if len(found) > 1:
        listed = "\n  ".join(f"{one.id}  {one.name}" for one in found)
        raise Invalid(f"There are several practices. Name one with --practice, by name or id:\n  {listed}")
    return found[0]


def _policy_here() -> SecondFactor:
    """Where patients are real, everybody has a second factor until the practice decides otherwise."""
    return SecondFactor.EVERYBODY if config.settings().is_production else SecondFactor.OFFERED


def _token() -> str:
    """The carrier's token: never an argument, which every process on the machine can read."""
    return os.environ.get("TWILIO_AUTH_TOKEN") or _secret("Token of the carrier account", is_repeated=False)


def _secret(what: str, *, is_repeated: bool = True) -> str:
    """Asked for without showing it; without a terminal, one line of standard input."""
    if sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=True, confirmation_prompt=is_repeated)
        return answer
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.ClickException(f"{what}: nothing came on standard input.")
    return line


def _print(table: Table, when_empty: str) -> None:
    if table.row_count:
        Console(highlight=False).print(table)
    else:
        click.echo(when_empty)


def _record(session: Session, practice: Practice, now: datetime, fields: str) -> None:
    """A command acts for nobody in particular."""
    audit.record(
        session,
        practice.id,
        audit.Action.SETTINGS_CHANGED,
        by=None,
        at=now,
        subject_id=practice.id,
        what="practice",
        fields=fields,
        how="command",
    )
