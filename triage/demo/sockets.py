"""Socket folders with short names that only their owner can enter."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from triage.demo.child import CannotStart

# A socket's whole path must fit into 104 bytes on macOS and 108 on Linux; the longest name we put there is
# ".s.PGSQL.5432.lock".
LONGEST_FOLDER = 80


def short_folder(data: Path) -> Path:
    """The folder for sockets of a server in `data`: inside it when that is short enough; made when missing.

    The same data folder always gets the same socket folder, so addresses survive a restart.
    """
    inside = data / "socket"
    folder = inside if len(os.fsencode(inside)) <= LONGEST_FOLDER else _elsewhere(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise CannotStart(f"{folder} must be a folder that belongs to you and that nobody else can open.")
    return folder


def _elsewhere(data: Path) -> Path:
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:10]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and len(runtime) < 50 and os.access(runtime, os.W_OK):
        return Path(runtime) / f"triage-{name}"
    temporary = tempfile.gettempdir()
    base = temporary if len(temporary) < 50 else "/tmp"
    return Path(base) / f"triage-{os.getuid()}-{name}"
