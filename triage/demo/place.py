"""Where a PostgreSQL cluster lives: the data folder, or for root a place where another account can enter.

PostgreSQL refuses to run as root. So root runs it as an account that exists already, and the cluster, a
copy of the programs and the socket go to a folder of their own below the system's state folder: a checkout
and a virtual environment in a home that only root can enter then work too, and no mode of a folder that is
not ours is changed. The data folder notes where the place is, and the place notes whose it is.
"""

import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from triage.demo.binaries import Program
from triage.demo.child import Account, CannotStart, run_as
from triage.demo.sockets import short_folder

STATE_FOLDERS = (Path("/var/lib"), Path("/var/tmp"), Path("/tmp"))
ACCOUNTS = ("postgres", "nobody", "daemon")

NOTE = "place"
OWNER_NOTE = "owner"
TEMPORARY_NOTE = "temporary"


@dataclass(frozen=True)
class Place:
    """`account` runs the server there; None means ourselves."""

    home: Path
    programs: Path
    socket: Path
    account: Account | None

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"


def find_place(data: Path, program: Program, *, temporary: bool = False) -> Place:
    """The place of this data folder's cluster, made when there is none; raises CannotStart."""
    data.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return Place(home=data, programs=program.path.parent, socket=short_folder(data), account=None)
    home = _noted_home(data) or _make_home(data, program, temporary=temporary)
    found = home.stat()
    account = Account(found.st_uid, found.st_gid)
    programs = _programs(home, program)
    socket = home / "socket"
    _make_folder(socket, account)
    return Place(home=home, programs=programs, socket=socket, account=account)


def forget_place(data: Path) -> None:
    """Remove what lies outside of the data folder. No server may be running in it."""
    if os.geteuid() != 0:
        socket = short_folder(data) if data.exists() else None
        if socket is not None:
            shutil.rmtree(socket, ignore_errors=True)
        return
    home = _noted_home(data)
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)
    (data / NOTE).unlink(missing_ok=True)


def _noted_home(data: Path) -> Path | None:
    note = data / NOTE
    if not note.exists():
        return None
    home = Path(note.read_text().strip())
    if not home.exists():
        return None
    owner = Path((home / OWNER_NOTE).read_text())
    if owner != data and _points_at(owner, home):
        raise CannotStart(
            f"{data} is a copy of {owner} and would share its database: delete {note} to give it its own."
        )
    (home / OWNER_NOTE).write_text(str(data))
    return home


def _points_at(data: Path, home: Path) -> bool:
    note = data / NOTE
    return note.exists() and note.read_text().strip() == str(home)


def _make_home(data: Path, program: Program, *, temporary: bool) -> Path:
    account = _unprivileged_account()
    problems = []
    for state in STATE_FOLDERS:
        try:
            home = _make_home_below(state, account)
        except OSError as problem:
            problems.append(f"{state}: {problem.strerror}")
            continue
        (home / OWNER_NOTE).write_text(str(data))
        if temporary:
            (home / TEMPORARY_NOTE).write_text(str(os.getpid()))
        if _can_run(_programs(home, program) / "postgres", account):
            _clear_away(home.parent, data, keep=home)
            (data / NOTE).write_text(str(home))
            return home
        shutil.rmtree(home)
        problems.append(f"{state}: programs cannot be run there")
    raise CannotStart(
        "PostgreSQL does not run as root and no folder was found for another account "
        f"({'; '.join(problems)}): run as an ordinary user, or set DATABASE_URL."
    )


def _make_home_below(state: Path, account: Account) -> Path:
    ours = state / "triage"
    ours.mkdir(mode=0o755, exist_ok=True)
    found = ours.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise OSError(1, f"{ours} belongs to somebody else")
    ours.chmod(0o755)
    home = ours / secrets.token_hex(4)
    _make_folder(home, account)
    return home


def _make_folder(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, account.user, account.group)


def _unprivileged_account() -> Account:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        f"PostgreSQL does not run as root and none of the accounts {', '.join(ACCOUNTS)} exists: "
        "run as an ordinary user, or set DATABASE_URL."
    )


def _can_run(postgres: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [postgres, "--version"], cwd=postgres.parent, capture_output=True, timeout=20, **run_as(account)
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _programs(home: Path, program: Program) -> Path:
    """The folder of programs to run: an installed server is used where it is, a package's is copied once."""
    if not program.bundled:
        return program.path.parent
    installation = program.path.parent.parent
    package = installation.parent
    copy = home / f"software-{program.version}"
    programs = copy / package.name / installation.name / "bin"
    if programs.exists():
        return programs
    unfinished = copy.with_name("software-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The programs find their libraries by the way from folder to folder: the copy keeps the package's shape.
    unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
    shutil.copytree(
        installation, unfinished / package.name / installation.name, symlinks=True, ignore=unneeded
    )
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    unfinished.chmod(0o755)
    unfinished.rename(copy)
    return programs


def _clear_away(ours: Path, data: Path, *, keep: Path) -> None:
    """Places whose data folder was deleted by hand and made anew, and those of tests that were killed."""
    for home in ours.iterdir():
        if home != keep and _is_abandoned(home, data):
            shutil.rmtree(home, ignore_errors=True)


def _is_abandoned(home: Path, data: Path) -> bool:
    owner, temporary = home / OWNER_NOTE, home / TEMPORARY_NOTE
    try:
        if temporary.exists():
            return not _is_alive(int(temporary.read_text()))
        return owner.read_text() == str(data)
    except (FileNotFoundError, ValueError):
        # Whoever made it is removing it at this moment, or has not written its notes yet.
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
