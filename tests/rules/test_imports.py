"""Who may import whom: the contracts of pyproject.toml hold, and leave nobody out."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.rules.sources import ROOT, files


def test_the_contracts_hold(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")

    looked = subprocess.run(
        [program, "--no-logo", "--cache-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert looked.returncode == 0, looked.stdout + looked.stderr


def test_every_part_of_the_product_stands_in_a_ring() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rings = next(contract for contract in contracts if contract["id"] == "rings")["layers"]
    placed = {name.strip(" ()").removeprefix("triage.") for layer in rings for name in layer.split("|")}
    parts = {path.split("/")[1].removesuffix(".py") for path in files() if path.startswith("triage/")}

    assert parts - {"__init__"} <= placed
