"""Writes the pages of docs/reference/ that are made from the code: settings and commands.

`python -m scripts.reference --check` writes nothing and fails when a page is behind the code.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

CONFIGURATION_OPENS = """\
# Configuration

Every setting is an environment variable, read once when a process starts; Docker Compose takes them from `.env` (see
`.env.example`). What belongs to one practice (its numbers, its carrier account, its rules) is kept in the database and
changed on the pages under Settings.

`triage doctor` tells what is missing or wrong. In production a process does not start on settings that would break a
promise, and says which ([guarantees](../guarantees.md)).

This page is made from `triage/config.py` by `make docs`.

| Variable | Meaning | If not set |
|---|---|---|
"""

CONFIGURATION_ENDS = """
`DATABASE_URL` and `REDIS_URL` may lead to this computer, to a server that speaks TLS (`?sslmode=verify-full` for PostgreSQL,
`rediss://` for Redis), or through a network that nobody else can join (`TRIAGE_PRIVATE_NETWORK=1`).

To change the secret key, put the new one in front and keep the old one behind a comma: sessions and carrier tokens made
with the old one stay valid until it is removed.
"""


def main() -> None:
    pages = reference_pages()
    behind = [name for name, text in pages.items() if not is_current(name, text)]
    if "--check" in sys.argv:
        sys.exit(f"Behind the code: {', '.join(behind)}. Run make docs." if behind else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in behind:
        (FOLDER / name).write_text(pages[name], encoding="utf-8")
        print(f"docs/reference/{name} written")


def reference_pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "configuration.md": "\n".join(_configuration()) + "\n",
        "commands.md": "\n".join(_commands()) + "\n",
    }


def is_current(name: str, text: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text(encoding="utf-8") == text


def _configuration() -> Iterator[str]:
    from triage.config import Settings

    yield from CONFIGURATION_OPENS.splitlines()
    for name, field in Settings.model_fields.items():
        said = f"{field.description}{_choices(field)}{_bounds(field)}"
        yield f"| `{variable(name, field)}` | {said} | {_default(field)} |"
    yield from CONFIGURATION_ENDS.splitlines()


def variable(name: str, field: FieldInfo) -> str:
    """The name that the environment knows."""
    return str(field.validation_alias or f"TRIAGE_{name.upper()}")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be set**"
    given: Any = field.default
    if given is None or given == "":
        return "empty"
    return f"`{int(given) if isinstance(given, bool) else given}`"


def _choices(field: FieldInfo) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return " One of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation)) + "."


def _bounds(field: FieldInfo) -> str:
    least = next((one.ge for one in field.metadata if isinstance(one, Ge)), None)
    most = next((one.le for one in field.metadata if isinstance(one, Le)), None)
    if least is not None and most is not None:
        return f" From {least} to {most}."
    return f" At least {least}." if least else ""


def _commands() -> Iterator[str]:
    from triage.cli import cli

    yield "# Commands"
    yield ""
    yield "`triage COMMAND --help` says the same. This page is made from the commands by `make docs`."
    yield from _described(cli, "triage", None)


def _described(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    name = path.rpartition(" ")[2]
    context = click.Context(
        command, parent=parent, info_name=name, terminal_width=100, **command.context_settings
    )
    yield ""
    yield f"## `{path}`"
    yield ""
    yield "```text"
    yield command.get_help(context)
    yield "```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            described = command.get_command(context, inner)
            if described is not None and not described.hidden:
                yield from _described(described, f"{path} {inner}", context)


if __name__ == "__main__":
    main()
