"""The commands `simulator`, which runs the pretend carrier, and `simulate`, which sends through it."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click

from triage.simulator.serve import ADDRESS_FILE, serve

_DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".triage/demo"),
    show_default=True,
    help="The folder of the demo.",
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8081, show_default=True, help="The port to listen on.")
@_DATA
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Accounts, numbers and phones.  [default: carrier.json in the data folder, made if need be]",
)
@click.option("--product-url", default="http://localhost:8080", show_default=True, help="Where Triage is.")
@click.option("--url", default="", help="Where Triage reaches it, if not on this host and port.")
@click.option("--mail-port", default=0, help="Also catch letters on this port; /mail shows them.")
@click.option("--memory", is_flag=True, help="Keep nothing: for measurements.")
def simulator(
    host: str,
    port: int,
    data: Path,
    config: Path | None,
    product_url: str,
    url: str,
    mail_port: int,
    memory: bool,
) -> None:
    """Run the pretend carrier with its phones."""
    try:
        serve(
            host=host,
            port=port,
            data=data,
            config=config,
            product_url=product_url,
            url=url,
            memory=memory,
            mail_port=mail_port,
        )
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem


@click.group()
def simulate() -> None:
    """Do what a patient does, through the running pretend carrier."""


@simulate.command()
@click.option(
    "--from", "sender", required=True, metavar="NUMBER", help="The patient's phone, as +12025550123."
)
@click.option(
    "--to",
    "recipient",
    default=None,
    metavar="NUMBER",
    help="The practice's number.  [default: the one this phone wrote to last]",
)
@click.option("--photo", is_flag=True, help="Send a sample picture along.")
@_DATA
@click.argument("body")
def text(sender: str, recipient: str | None, photo: bool, data: Path, body: str) -> None:
    """Send the text BODY to the practice."""
    content = {"from": sender, "to": recipient, "body": body, "media": ["sample"] if photo else []}
    answer = _ask(_address(data) + "/_control/texts", content)
    click.echo(f"Sent as {answer['sid']}.")


def _address(data: Path) -> str:
    try:
        return str(json.loads((data / ADDRESS_FILE).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        raise click.ClickException(
            f"No pretend carrier runs on {data}. Start one with 'triage demo' or name its folder with --data."
        ) from None


def _ask(url: str, content: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refused:
        problem = json.load(refused).get("error", "it gave no reason")
        raise click.ClickException(f"The pretend carrier refused the text: {problem}.") from None
    except OSError:
        raise click.ClickException(
            "The pretend carrier does not answer; it seems to have stopped. Start it with 'triage demo'."
        ) from None
