"""What the processes of an installation cost: processor time and memory, by part."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from bench.installation import Installation

_TICKS = os.sysconf("SC_CLK_TCK")
POSTGRES, REDIS = "postgres", "redis"


def roots(house: Installation) -> dict[str, int]:
    """The first process of each part."""
    assert house.supervisor is not None
    parts = {name: pid for name in house.parts if (pid := house.pid(name)) is not None}
    return {**parts, POSTGRES: house.postgres.pid, REDIS: house.redis.pid}


def processor_seconds(pid: int) -> float:
    """Of the process and everything it started, also of children that have ended."""
    return sum(_own_seconds(one) for one in family(pid))


def memory_mib(pid: int) -> float:
    """Proportional set size: what several processes share is divided among them."""
    return sum(_own_memory(one) for one in family(pid)) / 1024


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for one, parent in _parents():
        children.setdefault(parent, []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _parents() -> Iterable[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                yield int(entry.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _own_seconds(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _own_memory(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) if found else 0
