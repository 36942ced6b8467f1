"""`triage patients import`: a file becomes patients from a terminal, by the same steps as on the pages."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from sqlalchemy.orm import Session

from triage.domain.importing import columns, starting, working
from triage.domain.importing import run as runs
from triage.domain.importing.reading import Format
from triage.domain.importing.run import ImportRun, State
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotPossible

AT_ONCE = 1024 * 1024
SLICE_SECONDS = 3600.0
# Between two looks at what another process does.
WAIT_SECONDS = 0.5
MOST_TOLD = 20


class Wanted(NamedTuple):
    """How the file is to be read, where it is not as it seems."""

    encoding: str | None
    delimiter: str | None
    order: str | None
    fields: tuple[str, ...]


def bring(session: Session, practice_id: UUID, path: Path, wanted: Wanted) -> ImportRun:
    """The file in the database, and its columns chosen. Raises `Invalid`."""
    now = clock.now(session)
    with path.open("rb") as opened:
        run = starting.bring(session, practice_id, _chunks(opened.read), by=None, now=now)
    if run.format is Format.CSV:
        starting.reread(
            session,
            run,
            encoding=wanted.encoding or run.encoding,
            delimiter={"tab": "\t"}.get(wanted.delimiter or "", wanted.delimiter) or run.delimiter,
        )
        starting.choose(session, run, fields=_fields(session, run, wanted.fields), order=wanted.order or "")
    starting.check(session, run, now=now)
    _hold(run, now)
    return run


def _hold(run: ImportRun, now: datetime) -> None:
    """This process does it: workers, who are rung for too, come only when it has died."""
    run.lease_until = now + working.LEASE


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    return iter(lambda: read(AT_ONCE), b"")


def _fields(session: Session, run: ImportRun, given: tuple[str, ...]) -> list[str]:
    """What the headings suggest, less and more what was said as FIELD=HEADING. Raises `Invalid`."""
    headings = starting.preview_of(session, run).headings
    fields = list(run.columns)
    for one in given:
        field, sign, heading = one.partition("=")
        if not sign or field not in columns.LABELS:
            raise Invalid(map=f"--map is FIELD=HEADING. The fields are: {', '.join(columns.LABELS)}.")
        fields = ["" if name == field else name for name in fields]
        if heading:
            fields[_place_of(heading, headings)] = field
    return fields


def _place_of(heading: str, headings: list[str]) -> int:
    places = [place for place, one in enumerate(headings) if one.strip().lower() == heading.strip().lower()]
    if not places:
        raise Invalid(map=f"There is no column {heading}. There are: {', '.join(headings)}.")
    return places[0]


def go_on(session: Session, practice_id: UUID, run_id: UUID | None, *, is_undone: bool) -> UUID:
    """Raises `NotFound`, `NotPossible`."""
    assert run_id is not None
    run = runs.find_run(session, practice_id, run_id, lock=True)
    verb = starting.undo if is_undone else starting.start
    if run.state not in (State.RUNNING, State.UNDOING):
        verb(session, run, by=None, now=clock.now(session))
        _hold(run, clock.now(session))
    return run.id


def finish(run_id: UUID, *, is_applied: bool) -> None:
    """Try, and where it is wanted import; says what came of it and what can be done next."""
    state = work(run_id)
    if state is State.CHECKED and is_applied:
        with db.transaction() as session:
            run = session.get_one(ImportRun, run_id, with_for_update=True)
            starting.start(session, run, by=None, now=clock.now(session))
            _hold(run, clock.now(session))
        state = work(run_id)
    report(run_id)
    match state:
        case State.CHECKED:
            click.echo(f"Nothing was imported. To import: triage patients import --continue {run_id}")
        case State.DONE:
            click.echo(f"Imported. Within 24 hours: triage patients import --undo {run_id}")
        case State.STOPPED:
            click.echo(f"Stopped. To go on: triage patients import --continue {run_id}")
        case State.DRAFT:
            click.echo("Stopped; nothing was imported.")
        case _:
            click.echo("Undone.")


def work(run_id: UUID) -> State:
    """Until the pass is over; Ctrl-C leaves it stopped, to go on with later."""
    with db.reading() as session:
        run = session.get_one(ImportRun, run_id)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} a second"),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    words = {State.CHECKING: "Trying", State.RUNNING: "Importing", State.UNDOING: "Undoing"}
    with bar:
        task = bar.add_task(words.get(run.state, "Working"), total=_total(run), rate=0)
        began, from_place = time.monotonic(), _done(run)

        def told() -> None:
            with db.reading() as session:
                now = session.get_one(ImportRun, run_id)
            done = _done(now)
            rate = round((done - from_place) / max(time.monotonic() - began, 0.001))
            bar.update(task, completed=done, rate=rate)

        try:
            _until_over(run_id, run.state, told)
        except KeyboardInterrupt:
            _stop(run_id)
    with db.reading() as session:
        return session.get_one(ImportRun, run_id).state


def _until_over(run_id: UUID, state: State, told: Callable[[], None]) -> None:
    """Where a worker is at it too, this process waits for its chunks and goes on after them."""
    while True:
        working.work(run_id, until=time.monotonic() + SLICE_SECONDS, told=told)
        with db.reading() as session:
            if session.get_one(ImportRun, run_id).state is not state:
                told()
                return
        time.sleep(WAIT_SECONDS)


def _total(run: ImportRun) -> int | None:
    return run.made + run.changed if run.state is State.UNDOING else run.total


def _done(run: ImportRun) -> int:
    return run.undone + run.kept if run.state is State.UNDOING else run.place


def _stop(run_id: UUID) -> None:
    with db.transaction() as session:
        run = session.get_one(ImportRun, run_id, with_for_update=True)
        if run.state in (State.CHECKING, State.RUNNING):
            starting.stop(session, run, by=None, now=clock.now(session))


def report(run_id: UUID) -> None:
    """What happened, or would: counts, and the first rows that need a look; no name and no number."""
    with db.reading() as session:
        run = session.get_one(ImportRun, run_id)
        told, kept = (
            runs.told_of(session, run, limit=MOST_TOLD + 1),
            runs.kept_of(session, run, limit=MOST_TOLD + 1),
        )
    table = Table("Made", "Changed", "Unchanged", "Refused")
    table.add_row(*(f"{one:,}" for one in (run.made, run.changed, run.unchanged, run.refused)))
    Console(highlight=False).print(table)
    if run.undone or run.kept:
        click.echo(f"Undone: {run.undone:,}. Kept: {run.kept:,}.")
    if run.not_kept:
        click.echo(f"{run.not_kept:,} appointments are not kept yet.")
    if run.passed_over:
        click.echo(f"{run.passed_over:,} other entries were passed over.")
    word = "Entry" if run.format is Format.BUNDLE else "Line"
    for one in [*told, *kept][:MOST_TOLD]:
        click.echo(f"  {word} {one.line}, {one.outcome}: {one.reason}")
    if len(told) + len(kept) > MOST_TOLD:
        click.echo("  ... and more. The page of the import has all of them.")
    if run.problem:
        raise NotPossible(run.problem)
