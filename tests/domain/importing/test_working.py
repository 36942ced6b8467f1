"""An import goes on from its place, whoever died in the middle of it, and stops when a person says so."""

import time
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.domain.importing.files import HEADINGS, ROSA, a_table, brought, counts, tried, worked_off
from triage.domain.importing import run as runs
from triage.domain.importing import starting, working
from triage.domain.importing.run import ImportPiece, ImportRow, ImportRun, State
from triage.domain.patients.patient import Patient
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotPossible

ROWS = [f"{7000 + number},Ana,Number {number},,,," for number in range(working.CHUNK * 3 + 10)]


class Killed(Exception):
    """The process is gone."""


def started(session: Session, cast: Cast, content: bytes) -> ImportRun:
    run = tried(session, cast, content)
    starting.start(session, run, by=cast.admin.id, now=clock.now(session))
    session.commit()
    return run


def made(session: Session) -> int:
    return (
        session.scalar(select(func.count()).select_from(Patient).where(Patient.chart_number >= "7000")) or 0
    )


def work_until_killed(run_id: UUID, *, after: int) -> None:
    chunks = count(1)

    def told() -> None:
        if next(chunks) == after:
            raise Killed

    with pytest.raises(Killed):
        working.work(run_id, until=time.monotonic() + 30, told=told)


def test_another_worker_goes_on_where_one_was_killed(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(*ROWS))

    work_until_killed(run.id, after=2)
    session.expire_all()
    halfway = (run.state, run.place, made(session))
    with clock.shifted(2 * working.LEASE):
        run = worked_off(session, run)

    assert halfway == (State.RUNNING, 2 * working.CHUNK, 2 * working.CHUNK)
    assert (run.state, counts(run)) == (State.DONE, (len(ROWS), 0, 0, 0))
    assert made(session) == len(ROWS)


def test_nobody_takes_what_another_worker_holds(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(*ROWS))
    run.lease_until = clock.now(session) + working.LEASE
    session.commit()

    working.run_due()

    session.refresh(run)
    assert (run.place, runs.is_due(session, now=clock.now(session))) == (0, False)


def test_two_who_meet_write_nothing_twice(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(*ROWS))
    inner: list[bool] = []

    def another() -> None:
        if not inner:
            inner.append(True)
            working.work(run.id, until=time.monotonic() + 30)

    working.work(run.id, until=time.monotonic() + 30, told=another)

    session.refresh(run)
    assert (run.state, run.made, made(session)) == (State.DONE, len(ROWS), len(ROWS))


def test_a_person_stops_it_and_lets_it_go_on(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(*ROWS))

    def stop() -> None:
        with db.transaction() as other:
            found = runs.find_run(other, cast.practice_id, run.id, lock=True)
            if found.state is State.RUNNING:
                starting.stop(other, found, by=cast.admin.id, now=clock.now(other))

    working.work(run.id, until=time.monotonic() + 30, told=stop)
    session.refresh(run)
    stopped = (run.state, run.place)
    starting.start(session, run, by=cast.admin.id, now=clock.now(session))
    session.commit()
    run = worked_off(session, run)

    assert stopped == (State.STOPPED, working.CHUNK)
    assert (run.state, run.made) == (State.DONE, len(ROWS))


def test_what_fails_again_and_again_in_one_place_is_left_to_a_person(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(ROSA))
    run.attempts = working.MOST_ATTEMPTS
    session.commit()

    run = worked_off(session, run)

    assert (run.state, run.problem) == (State.FAILED, working.STUCK)


@pytest.mark.usefixtures("superuser")
def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table("7001,Ana,A,,,,", "7002,Bad,B,,,,", "7003,Cleo,C,,,,"))
    session.execute(text("alter table patient add constraint not_bad check (first_name <> 'Bad')"))
    session.commit()

    run = worked_off(session, run)

    assert (run.state, counts(run)) == (State.DONE, (2, 0, 0, 1))
    assert [(one.line, one.reason) for one in runs.told_of(session, run)] == [(3, "It could not be stored.")]


def test_a_trial_leaves_no_patient_and_the_import_nothing_of_the_file(session: Session, cast: Cast) -> None:
    run = started(session, cast, a_table(ROSA))
    worked_off(session, run)

    assert session.scalars(select(ImportPiece)).all() == []
    assert session.scalars(select(ImportRow).where(ImportRow.is_trial)).all() == []


def test_a_file_is_forgotten_after_a_week(session: Session, cast: Cast) -> None:
    unfinished = brought(session, cast, a_table(ROSA)).id
    finished = started(session, cast, a_table(ROSA))
    worked_off(session, finished)
    later = clock.now(session) + runs.KEPT_FOR + runs.UNDO_WITHIN

    runs.trim(session, now=later)
    session.commit()

    session.expire_all()
    assert session.get(ImportRun, unfinished) is None
    assert (finished.has_rows, finished.made) == (False, 1)
    assert session.scalars(select(ImportRow)).all() == []


def test_a_practice_keeps_a_bounded_number_of_files(session: Session, cast: Cast) -> None:
    for _ in range(runs.MOST_UNFINISHED):
        brought(session, cast, a_table(ROSA))

    with pytest.raises(Invalid):
        brought(session, cast, a_table(ROSA))


def test_a_file_that_is_too_large_is_refused(session: Session, cast: Cast) -> None:
    chunks = (b"x" * runs.PIECE for _ in range(65))

    with pytest.raises(Invalid):
        starting.bring(session, cast.practice_id, chunks, by=cast.admin.id, now=clock.now(session))


def test_nothing_is_written_before_it_was_tried(session: Session, cast: Cast) -> None:
    run = brought(session, cast, f"{HEADINGS}\n{ROSA}\n".encode())

    with pytest.raises(NotPossible):
        starting.start(session, run, by=cast.admin.id, now=clock.now(session))
