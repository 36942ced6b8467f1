"""The wheel holds everything that runs, and runs where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with this wheel, which borrows other packages from ours and knows no checkout."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--no-deps",
        "--offline",
        "--python",
        python,
        wheel,
        cwd=folder,
    )
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRIAGE_"))}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_packages_pages_migrations_and_front_end_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    for wanted in (
        "triage/cli.py",
        "workers/main.py",
        "triage/simulator/templates/page.html",
        "triage/_files/templates/layouts/page.html",
        "triage/_files/static/css/tokens.css",
        "triage/_files/static/vendor/htmx.min.js",
        "triage/_files/static/vendor/htmx.LICENSE.txt",
        "triage/_files/migrations/env.py",
        "triage/_files/migrations/versions/0001_practices.py",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_it_starts_where_there_is_no_checkout(python: Path, tmp_path: Path) -> None:
    said = run(python.with_name("triage"), "--help", cwd=tmp_path)

    assert all(command in said for command in ("web", "worker", "scheduler", "migrate", "demo"))


def test_its_files_are_found_inside_the_installed_package(python: Path, tmp_path: Path) -> None:
    program = """
from triage.app import create_app
from triage.kit import paths
import triage, workers
for thing in (triage.__path__[0], workers.__path__[0], paths.TEMPLATES, paths.STATIC, paths.MIGRATIONS):
    print(thing)
"""

    places = run(python, "-c", program, cwd=tmp_path).splitlines()

    assert len(places) == 5
    assert all(place.startswith(str(python.parents[1])) and Path(place).is_dir() for place in places)
