"""Makes .venv ready to run, test and build Triage; does nothing when it is ready. Needs nothing but Python.

Third-party packages come from the hashed locks, the project itself is installed editable without
dependencies. `--browser` also sees to a Chromium for the tests of pages.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "ready"
FRONT_END = ROOT / "static" / "vendor" / ".stamp"

OLDEST_PYTHON = (3, 11)
LOCKS = ("requirements-dev.lock", "requirements-build.lock")
NODE_LOCK = "requirements-node.lock"
INGREDIENTS = (*LOCKS, NODE_LOCK, "pyproject.toml", "package.json", "package-lock.json", "hatch_build.py")


class SetupFailed(Exception):
    """One sentence for the person who runs this."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--browser", action="store_true", help="make sure that there is a Chromium for the tests"
    )
    wanted = parser.parse_args()
    try:
        use_new_enough_python()
        os.chdir(ROOT)
        if not is_ready():
            make_ready()
        if wanted.browser:
            make_browser_ready()
    except SetupFailed as problem:
        sys.exit(f"Set-up failed: {problem}")


def use_new_enough_python() -> None:
    if sys.version_info >= OLDEST_PYTHON:
        return
    for name in ("python3.13", "python3.12", "python3.11", "python3.14"):
        path = shutil.which(name)
        if path and runs(path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
            os.execv(path, [path, *sys.argv])
    found = ".".join(map(str, sys.version_info[:3]))
    raise SetupFailed(
        f"Python 3.11 or newer is needed and this is {found}: install one, or PYTHON3=/path/to/it."
    )


def is_ready() -> bool:
    return (
        STAMP.exists() and STAMP.read_text() == fingerprint() and runs(PYTHON, "-c", "import triage, pytest")
    )


def fingerprint() -> str:
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for name in INGREDIENTS:
        path = ROOT / name
        digest.update(name.encode() + (path.read_bytes() if path.exists() else b""))
    return digest.hexdigest()


def make_ready() -> None:
    print("Setting up .venv (once, and again when dependencies change) ...", flush=True)
    STAMP.unlink(missing_ok=True)
    make_venv()
    install = find_installer()
    for lock in LOCKS:
        install(["--require-hashes", "-r", lock])
    if not shutil.which("npm"):
        # The front-end packages are fetched with npm when the package is built.
        install(["--require-hashes", "-r", NODE_LOCK])
    install(["--no-deps", "--no-build-isolation", "-e", "."])
    STAMP.write_text(fingerprint())


def make_venv() -> None:
    if runs(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    # Without pip: Debian and Ubuntu leave ensurepip out of Python, and uv can do without.
    call(sys.executable, "-m", "venv", "--without-pip", VENV)


def find_installer() -> Callable[[list[str]], None]:
    """uv when it is there or can be had, else pip: a function that installs what its arguments say."""
    candidates = []
    uv = shutil.which("uv")
    if uv:
        candidates.append([uv, "pip", "install", "--quiet", "--python", str(PYTHON)])
    else:
        pip = find_pip()
        if install_uv(pip):
            candidates.append(
                [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
            )
        candidates.append(pip)

    def install(arguments: list[str]) -> None:
        for candidate in candidates:
            if runs(*candidate, *arguments, quiet=False):
                return
            # uv does not read pip's configuration, so where that names a mirror pip may manage what uv
            # cannot.
            if candidate is not candidates[-1]:
                print("uv could not install; trying with pip ...", flush=True)
        raise SetupFailed("packages could not be installed; the lines above say why.")

    return install


def find_pip() -> list[str]:
    """pip for .venv: its own, else the one that belongs to the Python that runs this."""
    own = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if runs(PYTHON, "-m", "pip", "--version") or runs(PYTHON, "-m", "ensurepip"):
        return own
    if runs(sys.executable, "-m", "pip", "--version"):
        return [sys.executable, "-m", "pip", "--python", str(PYTHON), *own[3:]]
    raise SetupFailed(
        "this Python can neither make environments nor install packages: install uv, "
        "or the package that your system calls python3-venv."
    )


def install_uv(pip: list[str]) -> bool:
    if (VENV / "bin" / "uv").exists():
        return True
    pinned = re.search(r"^uv==[^\\\n]*(?:\\\n[^\\\n]*)+", (ROOT / LOCKS[0]).read_text(), re.MULTILINE)
    if not pinned:
        return False
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write(pinned.group() + "\n")
        lock.flush()
        return runs(*pip, "--require-hashes", "-r", lock.name)


def make_browser_ready() -> None:
    """On the PATH, else Playwright's own, else (as root, with apt-get) the system's."""
    if has_browser():
        return
    print("Fetching a Chromium for the tests of pages (once) ...", flush=True)
    runs(PYTHON, "-m", "playwright", "install", "chromium", quiet=False)
    if has_browser():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        runs("apt-get", "update", "-qq", quiet=False)
        runs("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", quiet=False)
    if not has_browser():
        raise SetupFailed(
            "no Chromium was found and none could be fetched: install Chromium or Google Chrome, "
            "or set TRIAGE_CHROMIUM to one."
        )


def has_browser() -> bool:
    return runs(PYTHON, ROOT / "tests" / "chromium.py")


def call(*command: str | Path) -> None:
    if not runs(*command, quiet=False):
        raise SetupFailed(f"{' '.join(map(str, command))} did not work; the lines above say why.")


def runs(*command: str | Path, quiet: bool = True) -> bool:
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, stdout=output, stderr=output, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
