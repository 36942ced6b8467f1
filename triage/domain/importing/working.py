"""Works off imports: a chunk of rows in each transaction, with its place, so that any process can go on from there.

A worker does it when the doorbell rings, the scheduler when nobody hears it, and the command `triage patients import`
by itself. The row of the import is locked for a chunk: two who meet write nothing twice.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from triage.domain import jobs
from triage.domain.importing import fhir, reading, starting, undoing, writing
from triage.domain.importing.decide import Decider, Plan
from triage.domain.importing.entries import Entry, Reader, Record, Refusal
from triage.domain.importing.known import facilities_by_name, gather
from triage.domain.importing.reading import Format
from triage.domain.importing.run import AT_WORK, ImportRun, Outcome, State, piece_of
from triage.domain.importing.values import DateOrder
from triage.domain.practice.practice import find_practice
from triage.kit import clock, db, later
from triage.kit.phone import as_e164

CHUNK = 500
# Shorter than a worker's time limit, longer than any chunk.
SLICE_SECONDS = 20.0
LEASE = timedelta(seconds=20)
MOST_ATTEMPTS = 5
STUCK = "It failed several times in the same place. Go on with it later, or undo it."

Told = Callable[[], object]


class _Source(NamedTuple):
    """How the file of a run is read."""

    run_id: UUID
    state: State
    place: int
    format: Format
    encoding: str
    delimiter: str
    columns: list[str]
    order: DateOrder | None
    region: str
    facilities: dict[str, UUID]
    today: date


@dataclass(slots=True)
class _Seen:
    """How far the file has been read, and what of it was passed over."""

    read_bytes: int = 0
    passed_over: int = 0

    def pass_over(self) -> None:
        self.passed_over += 1


def run_due() -> None:
    """Work on imports that are due, for a while; rings again where there is more. Any number may run it at once."""
    until = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < until:
        run_id = _claim()
        if run_id is None:
            return
        work(run_id, until=until)
    later.ring(jobs.IMPORT_PATIENTS)


def _claim() -> UUID | None:
    with db.transaction() as session:
        now = clock.now(session)
        is_free = or_(ImportRun.lease_until.is_(None), ImportRun.lease_until < now)
        run = session.scalars(
            select(ImportRun)
            .where(ImportRun.state.in_(AT_WORK), is_free)
            .order_by(ImportRun.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if run is None:
            return None
        if run.attempts >= MOST_ATTEMPTS:
            starting.fail(session, run, STUCK, now=now)
            return None
        run.attempts += 1
        run.lease_until = now + LEASE
        return run.id


def work(run_id: UUID, *, until: float, told: Told = lambda: None) -> None:
    """Chunk after chunk until the time, the end, or a person's stop; `told` hears of each."""
    with db.reading() as session:
        source = _source(session, run_id)
    if source.state is State.UNDOING:
        step: Callable[[], bool] = partial(_undo_chunk, run_id)
        _repeat(step, until, told)
    elif source.state in AT_WORK:
        seen = _Seen()
        records = _records(source, seen)
        try:
            _repeat(partial(_next_chunk, source, records, seen, _Counter(source.place)), until, told)
        except fhir.Broken as broken:
            _break_off(source, broken.args[0])
    with db.transaction() as session:
        run = _locked(session, run_id)
        if run.is_at_work:
            run.lease_until = None


def _repeat(step: Callable[[], bool], until: float, told: Told) -> None:
    while step():
        told()
        if time.monotonic() >= until:
            return


class _Counter:
    """The place of the next record."""

    def __init__(self, place: int) -> None:
        self.place = place


def _source(session: Session, run_id: UUID) -> _Source:
    run = session.get_one(ImportRun, run_id)
    return _Source(
        run_id=run.id,
        state=run.state,
        place=run.place,
        format=run.format,
        encoding=run.encoding,
        delimiter=run.delimiter,
        columns=run.columns,
        order=run.date_order,
        region=find_practice(session, run.practice_id).region,
        facilities=facilities_by_name(session, run.practice_id),
        today=clock.now(session).date(),
    )


def _records(source: _Source, seen: _Seen) -> Iterator[Record]:
    """From the place at hand; what comes before it is read and passed by."""
    open_file = partial(reading.open_bytes, partial(_piece, source.run_id, seen))
    if source.format is Format.CSV:
        rows = reading.rows(open_file(), encoding=source.encoding, delimiter=source.delimiter)
        reader = Reader(source.columns, source.order, source.today)
        return reader.read(islice(rows, source.place + 1, None))
    found = fhir.records(open_file, source.format, today=source.today, passed_over=seen.pass_over)
    return islice(found, source.place, None)


def _piece(run_id: UUID, seen: _Seen, number: int) -> bytes | None:
    with db.reading() as session:
        content = piece_of(session, run_id, number)
    seen.read_bytes += len(content or b"")
    return content


def _next_chunk(source: _Source, records: Iterator[Record], seen: _Seen, counter: _Counter) -> bool:
    """False at the end, and where the import is not ours any more."""
    chunk = list(islice(records, CHUNK))
    write = partial(_write, source, seen)
    try:
        is_ours = write(counter.place, chunk)
    except (DataError, IntegrityError):
        is_ours = all(_write_alone(write, counter.place + n, one) for n, one in enumerate(chunk))
    counter.place += len(chunk)
    return (is_ours and len(chunk) == CHUNK) or (is_ours and not _finish(source, counter.place))


def _write_alone(write: Callable[[int, list[Record]], bool], place: int, record: Record) -> bool:
    """One row that the database refuses does not hold up the others."""
    try:
        return write(place, [record])
    except (DataError, IntegrityError):
        return write(place, [Refusal(record.line, "It could not be stored.")])


def _write(source: _Source, seen: _Seen, place: int, chunk: list[Record]) -> bool:
    if not chunk:
        return True
    with db.transaction() as session:
        run = _locked(session, source.run_id)
        if run.state is not source.state or run.place != place:
            return False
        now = clock.now(session)
        read = partial(as_e164, region=source.region)
        entries = [record for record in chunk if isinstance(record, Entry)]
        facts = gather(session, run, entries, _numbers(entries, read), source.facilities)
        decider = Decider(facts, now=now, is_trial=run.is_trial, as_e164=read)
        for offset, record in enumerate(chunk):
            decider.decide(record, place + offset)
        if run.is_trial:
            writing.write_trial(session, run, decider.plan)
        else:
            writing.write(session, run, decider.plan, now=now)
        _count(run, decider.plan, seen)
        run.place = place + len(chunk)
        run.lease_until, run.attempts = now + LEASE, 0
    return True


def _numbers(entries: list[Entry], read: Callable[[str], str | None]) -> set[str]:
    written = (
        number
        for entry in entries
        for number in (*entry.numbers, *(one for contact in entry.contacts for one in contact.numbers))
    )
    return {number for one in written if (number := read(one))}


def _count(run: ImportRun, plan: Plan, seen: _Seen) -> None:
    run.made += plan.count(Outcome.MADE)
    run.changed += plan.count(Outcome.CHANGED)
    run.unchanged += plan.count(Outcome.UNCHANGED)
    run.refused += plan.count(Outcome.REFUSED)
    run.noted += sum(row["reason"] is not None and row["outcome"] is not Outcome.REFUSED for row in plan.rows)
    run.not_kept += plan.not_kept
    run.read_bytes, run.passed_over = seen.read_bytes, seen.passed_over


def _finish(source: _Source, place: int) -> bool:
    with db.transaction() as session:
        run = _locked(session, source.run_id)
        if run.state is source.state and run.place == place:
            starting.finish(session, run, now=clock.now(session))
    return True


def _undo_chunk(run_id: UUID) -> bool:
    with db.transaction() as session:
        run = _locked(session, run_id)
        if run.state is not State.UNDOING:
            return False
        now = clock.now(session)
        run.lease_until, run.attempts = now + LEASE, 0
        if undoing.undo_chunk(session, run, now=now):
            return True
        starting.finish(session, run, now=now)
    return False


def _break_off(source: _Source, entry: int) -> None:
    sentence = f"The file stops being JSON in entry {entry}." if entry else "There is no entry in this file."
    with db.transaction() as session:
        run = _locked(session, source.run_id)
        if run.state is source.state:
            starting.fail(session, run, sentence, now=clock.now(session))


def _locked(session: Session, run_id: UUID) -> ImportRun:
    return session.scalars(db.locked(select(ImportRun).where(ImportRun.id == run_id))).one()
