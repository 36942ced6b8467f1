"""Writes the pages of docs/reference/ that are made from the code: settings and commands.

`python -m scripts.reference --check` writes nothing and fails when a page is behind the code.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


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

    yield "# Configuration"
    yield ""
    yield "Every setting is an environment variable, read once when a process starts."
    yield "This page is made from `triage/config.py` by `make docs`."
    yield ""
    yield "| Variable | Meaning | If not set |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias or f"TRIAGE_{name.upper()}"
        default = "required" if field.is_required() else f"`{field.default}`"
        if field.default in (None, ""):
            default = "empty"
        yield f"| `{variable}` | {field.description} | {default} |"


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
