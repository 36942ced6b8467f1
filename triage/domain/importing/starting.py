"""What a person does with an import: bring the file, choose its columns, try it, start it, stop it, take it back."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from triage.domain import audit, jobs
from triage.domain.importing import columns, reading, values
from triage.domain.importing.reading import Format
from triage.domain.importing.run import (
    ENDED,
    MOST_BYTES,
    MOST_UNFINISHED,
    PIECE,
    ImportPiece,
    ImportRun,
    State,
    drop_file,
    drop_rows,
    piece_of,
)
from triage.domain.importing.values import DateOrder
from triage.domain.practice import throttle
from triage.kit import later
from triage.kit.errors import Invalid, NotPossible

SHOWN_ROWS = 5
UPLOADS = throttle.Limit("patient import", tries=30, window=timedelta(hours=1))
LOOKED_AT = 2000


class Preview(NamedTuple):
    """The first rows, and what a person has to choose. `is_order_asked`: dates can be read in two ways.

    `suggested` is the order in which all dates that were looked at exist, where it is the only one.
    """

    headings: list[str]
    rows: list[list[str]]
    is_order_asked: bool
    suggested: DateOrder | None


def bring(
    session: Session,
    practice_id: UUID,
    chunks: Iterable[bytes],
    *,
    by: UUID | None,
    now: datetime,
) -> ImportRun:
    """Keep a file for as long as it is needed. Raises `Invalid`."""
    _refuse_too_many(session, practice_id, by, now)
    run = ImportRun(
        practice_id=practice_id, member_id=by, format=Format.CSV, state=State.DRAFT, size=1, created_at=now
    )
    session.add(run)
    session.flush()
    head, size, encoding = b"", 0, reading.Encoding()
    for number, piece in enumerate(reading.in_pieces(chunks, PIECE)):
        size += len(piece)
        if size > MOST_BYTES:
            raise Invalid(
                file="The file is larger than 64 MB. Split it, and import one part after the other."
            )
        head = head or piece[: reading.SAMPLE]
        encoding.see(piece)
        session.execute(
            insert(ImportPiece).values(practice_id=practice_id, run_id=run.id, number=number, content=piece)
        )
    if not head.strip():
        raise Invalid(file="The file is empty.")
    run.size, run.format = size, reading.format_of(head)
    if run.format is Format.CSV:
        _refuse_no_text(head)
        run.encoding = encoding.found()
        run.delimiter = reading.delimiter_of(head, run.encoding)
        run.fields = {"columns": columns.guess(_head_rows(session, run, 1)[0] if head else [])}
    session.flush()
    _record(session, run, "brought", by=by, now=now)
    return run


def _refuse_too_many(session: Session, practice_id: UUID, by: UUID | None, now: datetime) -> None:
    unfinished = select(func.count()).where(
        ImportRun.practice_id == practice_id, ImportRun.state.not_in(ENDED), ImportRun.has_file
    )
    if (session.scalar(unfinished) or 0) >= MOST_UNFINISHED:
        raise Invalid(file=f"{MOST_UNFINISHED} imports are unfinished. Finish or remove one of them first.")
    if throttle.wait_for(session, UPLOADS, str(by or practice_id), now=now) is not None:
        raise Invalid(file="Too many files in one hour. Wait a while.")


def _refuse_no_text(head: bytes) -> None:
    """Spreadsheets and archives are no text."""
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")):
        raise Invalid(file="This is no text file. In the spreadsheet program, save it as CSV.")


def _head_rows(session: Session, run: ImportRun, count: int) -> list[list[str]]:
    head = piece_of(session, run.id, 0) or b""
    opened = reading.open_bytes(lambda number: head if number == 0 else None)
    found: list[list[str]] = []
    for row in reading.rows(opened, encoding=run.encoding, delimiter=run.delimiter):
        found.append(row.cells or [])
        if len(found) == count:
            break
    return found or [[]]


def preview_of(session: Session, run: ImportRun) -> Preview:
    """What the file looks like, with the present choice of encoding, delimiter and columns."""
    if run.format is not Format.CSV:
        return Preview([], [], False, None)
    headings, *rows = _head_rows(session, run, LOOKED_AT)
    dates = _dates_in_an_order(run, rows)
    left = [order for order in DateOrder if dates and all(order in values.orders_of(one) for one in dates)]
    width = len(headings)
    shown = [[cell[:80] for cell in (row + [""] * width)[:width]] for row in rows[:SHOWN_ROWS]]
    return Preview(
        [heading[:80] for heading in headings], shown, bool(dates), left[0] if len(left) == 1 else None
    )


def _dates_in_an_order(run: ImportRun, rows: Sequence[Sequence[str]]) -> list[str]:
    if columns.BORN_ON not in run.columns:
        return []
    place = run.columns.index(columns.BORN_ON)
    cells = (row[place] for row in rows if len(row) > place)
    return [cell for cell in cells if values.is_written_in_an_order(cell)]


def reread(session: Session, run: ImportRun, *, encoding: str, delimiter: str) -> bool:
    """Another encoding or delimiter; True where the columns were guessed anew because of it. Raises `Invalid`."""
    wrong = {}
    if encoding not in reading.ENCODINGS:
        wrong["encoding"] = "Choose one of the encodings."
    if delimiter not in reading.DELIMITERS:
        wrong["delimiter"] = "Choose one of the signs."
    if wrong:
        raise Invalid(**wrong)
    _refuse_begun(run)
    if (encoding, delimiter) == (run.encoding, run.delimiter):
        return False
    run.encoding, run.delimiter, run.state = encoding, delimiter, State.DRAFT
    run.fields = {"columns": columns.guess(_head_rows(session, run, 1)[0])}
    return True


def choose(session: Session, run: ImportRun, *, fields: Sequence[str], order: str) -> None:
    """What the columns mean, and what comes first in dates that can be read in two ways. Raises `Invalid`."""
    _refuse_begun(run)
    wrong = columns.problems(fields)
    if wrong:
        raise Invalid(**wrong)
    run.fields = {"columns": list(fields)}
    run.date_order = DateOrder(order) if order in set(DateOrder) else None
    if run.date_order is None and preview_of(session, run).is_order_asked:
        raise Invalid(date_order="Choose what comes first in a birth date such as 03/04/1980.")


def _refuse_begun(run: ImportRun) -> None:
    if run.state not in (State.DRAFT, State.CHECKED) and not (
        run.state is State.FAILED and not run.started_at
    ):
        raise NotPossible("This import has begun. Bring the file again to choose anew.")


def rethink(session: Session, run: ImportRun, *, by: UUID | None, now: datetime) -> None:
    """Back to the columns, after looking at what would happen."""
    _refuse_begun(run)
    drop_rows(session, run.id, is_trial=True)
    run.state = State.DRAFT


def check(session: Session, run: ImportRun, *, now: datetime) -> None:
    """Try every row without writing a patient."""
    _refuse_begun(run)
    drop_rows(session, run.id, is_trial=True)
    _begin_pass(run, State.CHECKING, now)
    run.total = None
    later.run(session, jobs.IMPORT_PATIENTS)


def start(session: Session, run: ImportRun, *, by: UUID | None, now: datetime) -> None:
    """Import what was tried, or go on with what was stopped."""
    if run.state is State.CHECKED:
        drop_rows(session, run.id, is_trial=True)
        _begin_pass(run, State.RUNNING, now)
        run.started_at = now
    elif run.state in (State.STOPPED, State.FAILED) and run.started_at and run.has_file:
        _go_on(run, State.RUNNING, now)
    else:
        raise NotPossible("There is nothing to start: the import was not tried, or is at work already.")
    _record(session, run, "started", by=by, now=now)
    later.run(session, jobs.IMPORT_PATIENTS)


def stop(session: Session, run: ImportRun, *, by: UUID | None, now: datetime) -> None:
    """After the chunk at hand. A trial goes back to the columns."""
    if run.state is State.CHECKING:
        run.state = State.DRAFT
    elif run.state is State.RUNNING:
        run.state, run.finished_at = State.STOPPED, now
    else:
        raise NotPossible("This import is not at work.")
    run.lease_until = None
    _record(session, run, "stopped", by=by, now=now)


def undo(session: Session, run: ImportRun, *, by: UUID | None, now: datetime) -> None:
    """Take back what nobody has used or changed since. Raises `NotPossible` after a day."""
    if not run.can_be_undone(now):
        raise NotPossible("This import cannot be taken back any more.")
    drop_file(session, run)
    finished_at = run.finished_at
    _go_on(run, State.UNDOING, now)
    run.finished_at = finished_at
    run.pass_began_place = 0
    _record(session, run, "undo", by=by, now=now)
    later.run(session, jobs.IMPORT_PATIENTS)


def remove(session: Session, run: ImportRun, *, by: UUID | None, now: datetime) -> None:
    """Forget a file of which nothing has been imported."""
    if run.started_at is not None:
        raise NotPossible("Patients were imported from this file. Undo it instead.")
    _record(session, run, "removed", by=by, now=now)
    session.delete(run)


def finish(session: Session, run: ImportRun, *, now: datetime) -> None:
    """The last record of a pass is done."""
    was, run.lease_until, run.attempts = run.state, None, 0
    if was is State.CHECKING:
        run.state, run.total = State.CHECKED, run.place
        return
    if was is State.UNDOING:
        run.state = State.UNDONE
    else:
        run.state, run.total, run.finished_at = State.DONE, run.place, now
        drop_file(session, run)
    _record(session, run, run.state.value, by=run.member_id, now=now)


def fail(session: Session, run: ImportRun, sentence: str, *, now: datetime) -> None:
    """It cannot go on by itself; what is done stays done."""
    run.problem, run.lease_until = sentence, None
    run.state, run.finished_at = State.FAILED, run.finished_at or now
    _record(session, run, "failed", by=run.member_id, now=now)


def _begin_pass(run: ImportRun, state: State, now: datetime) -> None:
    run.place = run.read_bytes = run.made = run.changed = run.unchanged = run.refused = 0
    run.noted = run.not_kept = run.passed_over = 0
    _go_on(run, state, now)


def _go_on(run: ImportRun, state: State, now: datetime) -> None:
    run.state, run.problem, run.lease_until, run.attempts = state, None, None, 0
    run.pass_began_at, run.pass_began_place, run.finished_at = now, run.place, None


def _record(session: Session, run: ImportRun, what: str, *, by: UUID | None, now: datetime) -> None:
    audit.record(
        session,
        run.practice_id,
        audit.Action.PATIENTS_IMPORTED,
        by=by,
        at=now,
        subject_id=run.id,
        what=what,
        made=run.made,
        changed=run.changed,
        refused=run.refused,
    )
