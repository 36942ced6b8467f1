"""The commands: `triage web`, `worker`, `scheduler`, `migrate`, `verify`, `doctor`, `demo` and the rest."""

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import click
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from triage import config
from triage.config import Settings
from triage.demo.folder import ENVIRONMENT_FILE
from triage.kit.errors import Refused


class Commands(click.Group):
    """Loads the commands of other modules only when they are called: they bring whole libraries along."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "members": "triage.commands",
        "patients": "triage.commands",
        "practices": "triage.commands",
        "setup-code": "triage.commands",
        "demo": "triage.demo.command",
        "simulator": "triage.simulator.command",
        "simulate": "triage.simulator.command",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(self.ELSEWHERE[cmd_name]), cmd_name.replace("-", "_"))
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="triage")
def cli() -> None:
    """Every text that a patient sends becomes a task that somebody owns."""


@cli.command()
def web() -> None:
    """Serve the pages and the carrier's webhooks."""
    given = _settings()
    _refuse_unsafe(given)
    with tempfile.TemporaryDirectory(prefix="triage-metrics-") as folder:
        # The metrics library reads this when it is imported, so the server comes after it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        if given.environment in ("production", "development"):
            _offer_set_up(given)
        from triage import server

        server.run()


@cli.command()
@click.option("--processes", default=2, show_default=True, help="Worker processes.")
@click.option("--threads", default=4, show_default=True, help="Threads of a process.")
def worker(processes: int, threads: int) -> None:
    """File texts, send replies and look up what is unclear."""
    given = _settings()
    _refuse_unsafe(given)
    arguments = [
        "--processes",
        str(processes),
        "--threads",
        str(threads),
        "--worker-shutdown-timeout",
        "25000",
    ]
    os.execv(sys.executable, [sys.executable, "-m", "workers.processes", *arguments])


@cli.command()
@click.option("--without", multiple=True, metavar="TICK", help="A tick that another process looks after.")
def scheduler(without: tuple[str, ...]) -> None:
    """Look after what nobody announced: the sweeper, reconciliation, leases."""
    from workers import scheduler as process

    _refuse_unsafe(_settings())
    process.run(without=without)


@cli.command()
@click.option("--revision", default="head", show_default=True, help="Up to this migration.")
def migrate(revision: str) -> None:
    """Bring the database up to date, as the role that owns the tables. Safe to repeat."""
    from triage.kit import schema

    given = _settings()
    try:
        schema.upgrade(given.owner_database_url, revision)
    except SQLAlchemyError as error:
        raise click.ClickException(_database_sentence(error)) from None
    click.echo(f"The database is at migration {schema.newest()}.")


OF_DEMO = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Look at the demo in this folder (.triage/demo), not at what the environment names.",
)


@cli.command()
@OF_DEMO
@click.option("--carrier/--no-carrier", default=True, help="Also compare with the carrier's list.")
@click.option("--json", "as_json", is_flag=True, help="Print the report for a program.")
def verify(data: Path | None, carrier: bool, as_json: bool) -> None:
    """Prove that no text was lost or doubled and that every rule holds; exit code 1 where one does not."""
    _use_demo(data)
    from triage import verifying

    sys.exit(verifying.run(with_carrier=carrier, as_json=as_json))


@cli.command()
@OF_DEMO
def doctor(data: Path | None) -> None:
    """Look at everything this installation needs; each line says what to do."""
    _use_demo(data)
    from triage import doctoring

    sys.exit(doctoring.run())


def _offer_set_up(given: Settings) -> None:
    """A fresh installation is set up on its own page by whoever can read this."""
    from triage import commands

    sentence = commands.offer_set_up(given)
    if sentence:
        click.echo(sentence)


def _use_demo(data: Path | None) -> None:
    if data is None:
        return
    try:
        os.environ.update(json.loads((data / ENVIRONMENT_FILE).read_text()))
    except FileNotFoundError:
        raise click.ClickException(f"There is no demo in {data}. Start one with: triage demo") from None


def _settings() -> Settings:
    try:
        return config.settings()
    except ValidationError as error:
        problems = "\n  ".join(config.problems(error))
        raise click.ClickException(f"These settings cannot be used.\n  {problems}") from None


def _refuse_unsafe(given: Settings) -> None:
    """Production starts only on settings that keep the promises."""
    if given.is_production:
        from triage import doctoring

        problems = doctoring.unsafe(given)
        if problems:
            raise click.ClickException("This installation is not safe to start.\n  " + "\n  ".join(problems))


def _database_sentence(error: Exception) -> str:
    reason = str(getattr(error, "orig", error)).strip().splitlines()
    return f"The database cannot be used: {reason[0] if reason else type(error).__name__}"


def main() -> None:
    try:
        cli()
    except Refused as refusal:
        click.echo(f"Error: {refusal.sentence}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
