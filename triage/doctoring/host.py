"""This computer: room on its disks, and the files that the build should have fetched."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from triage.doctoring.finding import Finding, bad, ok, warn
from triage.kit.paths import STATIC
from triage.web.assets import VENDOR_FILES

GIB = 1024**3
SCARCE, TOO_LITTLE = 2 * GIB, GIB // 5


def look() -> Iterator[Finding]:
    for folder in dict.fromkeys([Path.cwd(), Path(tempfile.gettempdir())]):
        yield _room(folder)
    yield _front_end()


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free / GIB:.1f} GiB are free in {folder}."
    mend = "Make room; a full disk stops the database and the logs."
    if free < TOO_LITTLE:
        return bad("disk", said, mend)
    return warn("disk", said, mend) if free < SCARCE else ok("disk", said)


def _front_end() -> Finding:
    missing = [name for name in VENDOR_FILES if not (STATIC / name).is_file()]
    if missing:
        return bad(
            "front end", f"{', '.join(missing)} is missing, so pages cannot be served.", "Run: make setup"
        )
    return ok("front end", "Every file that the build fetches is there.")
