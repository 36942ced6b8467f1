"""Which PostgreSQL and which Redis are taken, and what is said when none will do."""

from pathlib import Path

import pytest

from triage.demo.binaries import find_postgres, find_redis
from triage.demo.child import CannotStart


def a_program(folder: Path, name: str, says: str) -> Path:
    """An executable that answers every call with one line."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def a_postgres(folder: Path, version: str) -> Path:
    a_program(folder, "initdb", f"initdb (PostgreSQL) {version}")
    return a_program(folder, "postgres", f"postgres (PostgreSQL) {version} (Debian {version}-1)")


def test_the_servers_of_this_environment_are_new_enough() -> None:
    assert find_postgres().numbers >= (16,)
    assert find_redis().numbers >= (6, 2)


def test_an_old_postgres_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    old, new = a_postgres(tmp_path / "old", "15.18"), a_postgres(tmp_path / "new", "17.2")

    assert find_postgres([(old, False), (new, False)]).path == new


def test_only_an_old_postgres_is_refused_with_its_version_and_place(tmp_path: Path) -> None:
    old = a_postgres(tmp_path, "15.18")

    with pytest.raises(CannotStart, match=rf"PostgreSQL 15.18 at {old} is too old: .* 16 or newer"):
        find_postgres([(old, False)])


def test_no_postgres_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"No PostgreSQL was found: install .* or set DATABASE_URL"):
        find_postgres([(tmp_path / "postgres", False)])


def test_a_postgres_that_does_not_run_is_no_postgres(tmp_path: Path) -> None:
    broken = a_postgres(tmp_path, "17.2")
    broken.write_text("#!/bin/sh\nexit 1\n")

    with pytest.raises(CannotStart, match="No PostgreSQL was found"):
        find_postgres([(broken, False)])


def test_valkey_is_as_good_as_redis(tmp_path: Path) -> None:
    valkey = a_program(
        tmp_path, "valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc bits=64"
    )

    assert find_redis([(valkey, False)]).version == "8.1.0"


def test_an_old_redis_is_refused_with_its_version_and_place(tmp_path: Path) -> None:
    old = a_program(tmp_path, "redis-server", "Redis server v=5.0.14 sha=00000000:0 malloc=libc bits=64")

    with pytest.raises(CannotStart, match=rf"Redis 5.0.14 at {old} is too old: .* 6.2 or newer"):
        find_redis([(old, False)])


def test_no_redis_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"No Redis was found for Python 3.*: install .* or set REDIS_URL"):
        find_redis([(tmp_path / "redis-server", False)])
