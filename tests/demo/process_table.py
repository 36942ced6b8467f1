"""What runs on this machine, as `ps` tells it on every Unix."""

import subprocess


def descendants(pid: int) -> set[int]:
    """The process itself, its children, their children and so on."""
    parents = {row[0]: row[1] for row in _rows()}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def running(pids: set[int]) -> set[int]:
    """Those that have not ended; one that ended and that nobody has asked about yet counts as ended."""
    return {pid for pid, _, state in _rows() if not state.startswith("Z")} & pids


def _rows() -> list[tuple[int, int, str]]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [(int(pid), int(parent), state) for pid, parent, state in rows]
