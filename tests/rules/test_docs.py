"""The papers are true: links lead somewhere, and commands, settings, files and packages that they name exist."""

import re
import tomllib
from functools import cache
from pathlib import PurePosixPath
from posixpath import normpath

import click
import pytest
import yaml

from scripts.reference import is_current, reference_pages, variable
from tests.rules.sources import files, modules, read
from triage.cli import cli
from triage.config import Settings

PAPERS = [path for path in files() if path.endswith(".md")]
# Made by `make pictures`.
PICTURES = "docs/pictures/"
# Where a path in a paper may begin.
PARTS = (
    "",
    "triage/",
    "triage/domain/",
    "triage/domain/inbox/",
    "triage/domain/practice/",
    "triage/domain/access/",
    "triage/domain/intake/",
    "triage/domain/importing/",
)
OF_COMPOSE = {"TRIAGE_DOMAIN", "TRIAGE_OWNER_PASSWORD", "TRIAGE_APP_PASSWORD"}

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


@cache
def _folders() -> frozenset[str]:
    return frozenset(str(parent) for path in files() for parent in PurePosixPath(path).parents)


def _exists(path: str) -> bool:
    path = normpath(path)
    return path in files() or path in _folders()


def _anchors(path: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", read(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAPERS)
def test_every_link_leads_somewhere(path: str) -> None:
    folder = path.rpartition("/")[0]
    for link in LINK.findall(CODE.sub("", read(path))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        found = normpath(f"{folder}/{target}" if folder else target) if target else path
        assert _exists(found) or found.startswith(PICTURES), f"{path} links to {link}"
        assert not anchor or anchor in _anchors(found), f"{path} links to {link}, which has no such title"


@pytest.mark.parametrize("path", PAPERS)
def test_every_file_that_a_paper_names_exists(path: str) -> None:
    for span in _spans(path):
        if re.fullmatch(r"\.?[\w-]+(/[\w.-]+)*/?(\.\w+)?", span) and (
            "/" in span or span.endswith((".py", ".md"))
        ):
            where = [part + span for part in (*PARTS, path.rpartition("/")[0] + "/")]
            assert any(_exists(one) for one in where) or _is_made(span), f"{path} names {span}"


def _spans(path: str) -> list[str]:
    """What stands in code type, inside sentences and tables, split where several are listed in one."""
    return [one for span in SPAN.findall(CODE.sub("", read(path))) for one in span.split(", ")]


def _is_made(span: str) -> bool:
    """What the build, the demo or the tests make, and what only stands for a name."""
    made = (".venv", ".triage", "dist/", "static/vendor/", "build/", ".env")
    names_of_pages = {"name.html", "_name.html"}
    is_address = span.startswith("/") or not re.search(
        r"\.(py|md|html|css|js|lock|toml|yml|json|sh)$|/$", span
    )
    return span.startswith(made) or span in names_of_pages or is_address


@pytest.mark.parametrize("path", [*PAPERS, "Makefile", ".ci/run"])
def test_every_make_target_that_is_named_exists(path: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+)(?=[\s`\"']|$)", _commands_in(path))) <= targets


def _commands_in(path: str) -> str:
    """Only what stands in code type: prose may make sense of things."""
    text = read(path)
    if not path.endswith(".md"):
        return "\n".join(line for line in text.splitlines() if line.startswith("make "))
    return "\n".join([*CODE.findall(text), *_spans(path)])


@pytest.mark.parametrize("path", [path for path in PAPERS if not path.startswith("docs/reference/")])
def test_every_command_that_is_named_exists(path: str) -> None:
    for said in re.findall(r"\btriage ((?:[a-z-]+ ?)+)", _commands_in(path)):
        assert _is_command(said.split()), f"{path}: triage {said}"


def _is_command(words: list[str]) -> bool:
    """Words after a command without commands of its own are its arguments."""
    command: click.Command | None = cli
    for word in words:
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word)
    return command is not None


def test_what_the_doctor_prescribes_exists() -> None:
    said = [
        prescribed
        for module in modules("triage/doctoring")
        for prescribed in re.findall(r"(?:Run|with): triage ([a-z-]+(?: [a-z-]+)?)", module.source)
    ]

    assert said
    assert [words for words in said if not _is_command(words.split())] == []


@pytest.mark.parametrize("path", PAPERS)
def test_every_option_that_is_named_exists(path: str) -> None:
    options = {
        option
        for command in _all(cli)
        for one in command.params
        for option in (*one.opts, *one.secondary_opts)
    }

    for line in re.findall(r"\btriage [a-z][^\n|]*", _commands_in(path)):
        if "Usage:" not in line:
            assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= options | {"--help", "--version"}, line


def _all(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    inner = [command.get_command(context, name) for name in command.list_commands(context)]
    return [command, *(below for one in inner if one is not None for below in _all(one))]


@pytest.mark.parametrize("path", [*PAPERS, ".env.example", "docker-compose.yml", "Dockerfile"])
def test_every_setting_that_is_named_exists(path: str) -> None:
    known = {variable(name, field) for name, field in Settings.model_fields.items()}

    assert set(re.findall(r"\bTRIAGE_[A-Z_]+[A-Z]\b", read(path))) <= known | OF_COMPOSE


def test_the_example_of_an_environment_has_all_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", read("docker-compose.yml")))
    offered = set(re.findall(r"^#? ?([A-Z_]+)=", read(".env.example"), re.MULTILINE))

    assert asked <= offered
    assert offered <= set(re.findall(r"\$\{([A-Z_]+)", read("docker-compose.yml")))


def test_what_compose_hands_to_our_processes_is_a_setting() -> None:
    known = {variable(name, field) for name, field in Settings.model_fields.items()}
    services = yaml.safe_load(read("docker-compose.yml"))["services"]
    ours = [service for service in services.values() if service.get("image") == "triage:local"]

    assert ours and all(set(service["environment"]) <= known for service in ours)


@pytest.mark.parametrize("name", sorted(reference_pages()))
def test_the_reference_pages_are_current(name: str) -> None:
    assert is_current(name, reference_pages()[name]), "run make docs"


def test_decisions_have_numbers_of_their_own_and_say_what_was_weighed() -> None:
    records = [path for path in PAPERS if path.startswith("docs/decisions/")]
    numbers = [int(path.rsplit("/", 1)[1][:4]) for path in records]

    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    for path, number in zip(records, numbers, strict=True):
        text = read(path)
        assert text.startswith(f"# {number}. "), path
        for part in ("Context.", "Decision.", "Consequences.", "Alternatives."):
            assert f"**{part}**" in text, f"{path} has no {part}"


def test_every_package_is_thanked() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    packages = {found.group() for one in wanted if (found := re.match(r"[\w-]+", one))}
    thanked = set(re.findall(r"[\w@./-]+", read("THIRD_PARTY.md")))

    assert packages <= thanked
    assert set(re.findall(r'"([@\w./-]+)": "\d', read("package.json"))) <= thanked
