"""The files of the project, and the Python among them as syntax trees."""

import ast
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MADE = {"__pycache__", "build", "dist", "node_modules", "vendor"}
PYTHON = ("triage", "workers", "migrations", "tests", "scripts", "bench")


class Module(NamedTuple):
    """A Python file: its path from the root, its text and its tree."""

    path: str
    source: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.source.count("\n")


@cache
def files() -> tuple[str, ...]:
    """Every file that belongs to the project, by its path from the root."""
    if (ROOT / ".git").exists():
        asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            "\0"
        )
        return tuple(name for name in listed if name and (ROOT / name).is_file())
    return tuple(_without_git())


def _without_git() -> Iterator[str]:
    """As they lie in an unpacked release, where nothing says what is ours but the names."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in MADE and (name == ".ci" or name[0] != ".")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def modules(*under: str) -> tuple[Module, ...]:
    """The Python files below these folders, or all of them."""
    wanted = tuple(f"{folder.rstrip('/')}/" for folder in under or PYTHON)
    found = [path for path in files() if path.endswith(".py") and path.startswith(wanted)]
    assert found, f"no Python below {under}"
    return tuple(Module(path, read(path), ast.parse(read(path), path)) for path in sorted(found))


def calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last name of what is called: `scope.find_task(…)` as "find_task"."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


def at(module: Module, node: ast.expr | ast.stmt) -> str:
    return f"{module.path}:{node.lineno}"
