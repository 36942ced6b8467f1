"""Importing patients from a file: bring it, say what its columns mean, look at what would happen, import, undo."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import IO, Any
from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, request, url_for
from sqlalchemy.orm import Session

from triage.domain.importing import columns, reading, starting
from triage.domain.importing import run as runs
from triage.domain.importing.reading import Format
from triage.domain.importing.run import ImportRun, State
from triage.domain.importing.values import DateOrder, is_date
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import filters, once, render
from triage.web.auth import current_member, needs, now_of_request
from triage.web.render import Toast
from triage.web.security import takes_up_to

importing = Blueprint("importing", __name__)

# Around the file there is a form.
MOST_BYTES = runs.MOST_BYTES + 64 * 1024
READ_AT_ONCE = 256 * 1024
MOST_IN_A_REPORT = 200_000
STATES = {
    State.DRAFT: "Columns to choose",
    State.CHECKING: "Being tried",
    State.CHECKED: "Tried, not imported",
    State.RUNNING: "Importing",
    State.STOPPED: "Stopped",
    State.DONE: "Imported",
    State.FAILED: "Failed",
    State.UNDOING: "Being undone",
    State.UNDONE: "Undone",
}
FORMATS = {Format.CSV: "Table", Format.BUNDLE: "FHIR bundle", Format.NDJSON: "FHIR NDJSON"}
ORDERS = [
    (DateOrder.MONTH_FIRST.value, "Month first", "03/04/1980 is 4 March"),
    (DateOrder.DAY_FIRST.value, "Day first", "03/04/1980 is 3 April"),
]


@importing.get("/patients/import")
@needs(Privilege.PATIENTS)
def index() -> Response:
    return _index({})


@importing.post("/patients/import")
@takes_up_to(MOST_BYTES)
@needs(Privilege.PATIENTS)
def bring() -> Response:
    """The file is kept in the database, in pieces, until the import is over."""
    member = current_member()
    runs.require(member)
    brought: list[UUID] = []

    def keep(session: Session) -> str:
        given = request.files.get("file")
        if given is None or not given.filename:
            raise Invalid(file="Choose a file.")
        chunks = _chunks(given.stream)
        run = starting.bring(session, member.practice_id, chunks, by=member.id, now=clock.now(session))
        brought.append(run.id)
        return ""

    try:
        once.run(keep)
    except Invalid as refusal:
        return _index(once.errors_of(refusal), 422)
    address = url_for("importing.show", import_id=brought[0]) if brought else url_for("importing.index")
    return make_response(redirect(address, 303))


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(partial(stream.read, READ_AT_ONCE), b"")


def _index(errors: Mapping[str, str], status: int = 200) -> Response:
    member = current_member()
    runs.require(member)
    with db.reading() as session:
        found = runs.runs_of(session, member.practice_id)
    return render.page(
        "importing/index.html", status, errors=errors, runs=found, states=STATES, formats=FORMATS
    )


@importing.get("/patients/import/<uuid:import_id>")
@needs(Privilege.PATIENTS)
def show(import_id: UUID) -> Response:
    return _page(import_id)


@importing.get("/patients/import/<uuid:import_id>/progress")
@needs(Privilege.PATIENTS, is_activity=False)
def progress(import_id: UUID) -> Response:
    """The page asks for it while a worker is at it."""
    return render.page_or_fragment("importing/show.html", "importing/_run.html", **_shown(import_id))


@importing.post("/patients/import/<uuid:import_id>/reading")
@needs(Privilege.PATIENTS)
def reread(import_id: UUID) -> Response:
    """Another encoding or delimiter."""

    def change(session: Session) -> str:
        starting.reread(
            session,
            _find(session, import_id, lock=True),
            encoding=request.form.get("encoding", ""),
            delimiter=request.form.get("delimiter", ""),
        )
        return "The file is read in another way."

    return _changed(import_id, change)


@importing.post("/patients/import/<uuid:import_id>/columns")
@needs(Privilege.PATIENTS)
def choose(import_id: UUID) -> Response:
    """What the columns mean; then every row is tried."""

    def choose(session: Session) -> str:
        run = _find(session, import_id, lock=True)
        if run.format is Format.CSV:
            fields = request.form.getlist("columns")[: reading.MOST_COLUMNS]
            starting.choose(session, run, fields=fields, order=request.form.get("date_order", ""))
        starting.check(session, run, now=clock.now(session))
        return "Every row is being tried."

    return _changed(import_id, choose)


@importing.post("/patients/import/<uuid:import_id>/start")
@needs(Privilege.PATIENTS)
def start(import_id: UUID) -> Response:
    return _changed(import_id, _by_hand(import_id, starting.start, "The import has begun."))


@importing.post("/patients/import/<uuid:import_id>/second-thoughts")
@needs(Privilege.PATIENTS)
def rethink(import_id: UUID) -> Response:
    return _changed(import_id, _by_hand(import_id, starting.rethink, "Choose the columns again."))


@importing.post("/patients/import/<uuid:import_id>/stop")
@needs(Privilege.PATIENTS)
def stop(import_id: UUID) -> Response:
    return _changed(import_id, _by_hand(import_id, starting.stop, "Stopped."))


@importing.post("/patients/import/<uuid:import_id>/undo")
@needs(Privilege.PATIENTS)
def undo(import_id: UUID) -> Response:
    return _changed(import_id, _by_hand(import_id, starting.undo, "The import is being undone."))


@importing.post("/patients/import/<uuid:import_id>/removal")
@needs(Privilege.PATIENTS)
def remove(import_id: UUID) -> Response:
    said = once.run(_by_hand(import_id, starting.remove, "The file is removed."))
    return render.changed(toast=Toast(said), back=url_for("importing.index"))


@importing.get("/patients/import/<uuid:import_id>/report")
@needs(Privilege.PATIENTS)
def report(import_id: UUID) -> Response:
    """Lines and reasons as a table; nothing of a patient is in it."""
    with db.reading() as session:
        told = runs.told_of(session, _find(session, import_id), limit=MOST_IN_A_REPORT)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("line", "outcome", "reason"))
    writer.writerows((one.line, one.outcome, one.reason) for one in told)
    response = make_response(text.getvalue())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = "attachment; filename=import-report.csv"
    return response


def _find(session: Session, import_id: UUID, *, lock: bool = False) -> ImportRun:
    member = current_member()
    runs.require(member)
    return runs.find_run(session, member.practice_id, import_id, lock=lock)


def _by_hand(import_id: UUID, verb: Callable[..., None], said: str) -> Callable[[Session], str]:
    def act(session: Session) -> str:
        run = _find(session, import_id, lock=True)
        verb(session, run, by=current_member().id, now=clock.now(session))
        return said

    return act


def _changed(import_id: UUID, deed: Callable[[Session], str]) -> Response:
    """Back to the page of the import, which shows where it stands."""
    try:
        said = once.run(deed)
    except Invalid as refusal:
        return _page(import_id, once.errors_of(refusal), 422)
    return render.changed(toast=Toast(said), back=url_for("importing.show", import_id=import_id))


def _page(import_id: UUID, errors: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return render.page("importing/show.html", status, **_shown(import_id, errors))


def _shown(import_id: UUID, errors: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything that the page of an import shows."""
    now = now_of_request()
    with db.reading() as session:
        run = _find(session, import_id)
        preview = starting.preview_of(session, run) if run.has_file and not run.started_at else None
        told, kept = runs.told_of(session, run), runs.kept_of(session, run)
    chosen = request.form.getlist("columns") or run.columns
    order = request.form.get("date_order") or run.date_order or (preview.suggested if preview else None)
    return {
        "run": run,
        "state": STATES[run.state],
        "format": FORMATS[run.format],
        "preview": preview,
        "samples": _samples(preview) if preview else [],
        "kilobytes": max(1, round(run.size / 1024)),
        "told": told,
        "is_told_cut": len(told) >= runs.MOST_SHOWN,
        "kept": kept,
        "errors": errors or {},
        "values": {
            "encoding": run.encoding,
            "delimiter": run.delimiter,
            "date_order": str(order or ""),
        },
        "chosen": chosen,
        "field_options": [("", "Not imported"), *columns.LABELS.items()],
        "encodings": list(reading.ENCODINGS.items()),
        "delimiters": list(reading.DELIMITERS.items()),
        "orders": ORDERS,
        "can_be_undone": run.can_be_undone(now),
        "can_go_on": run.state in (State.STOPPED, State.FAILED) and bool(run.started_at) and run.has_file,
        "is_choosing": _is_choosing(run),
        **_speed(run),
    }


def _samples(preview: starting.Preview) -> list[list[str]]:
    """For each column the first cells that hold something; dates are hidden from who sees birth dates on request."""
    is_hidden = is_date if current_member().role.birth_dates_masked else lambda _: False
    return [
        ["••••••••" if is_hidden(row[place]) else row[place] for row in preview.rows if row[place].strip()][
            :3
        ]
        for place in range(len(preview.headings))
    ]


def _in_words(left: timedelta) -> str:
    return filters.duration(left) if left >= timedelta(minutes=1) else "less than a minute"


def _is_choosing(run: ImportRun) -> bool:
    return run.has_file and (run.state is State.DRAFT or (run.state is State.FAILED and not run.started_at))


def _speed(run: ImportRun) -> dict[str, Any]:
    """How far it is, rows a second, and how long it may still take."""
    done, of = run.place, run.total
    if run.state is State.CHECKING:
        passes = 1 if run.format is Format.CSV else 2
        done, of = min(run.read_bytes, run.size * passes), run.size * passes
    if run.state is State.UNDOING:
        done, of = run.undone + run.kept, run.made + run.changed
    seconds = (now_of_request() - run.pass_began_at).total_seconds() if run.pass_began_at else 0.0
    since = done - (run.pass_began_place if run.state is State.RUNNING else 0)
    pace = since / seconds if seconds > 0.5 and since > 0 else 0.0
    left = timedelta(seconds=round((of - done) / pace)) if pace and of else None
    rows = run.undone + run.kept if run.state is State.UNDOING else run.place
    return {
        "done": done,
        "of": of or 0,
        "rows": rows,
        "rate": round((rows - (run.pass_began_place if run.state is State.RUNNING else 0)) / seconds)
        if seconds > 0.5
        else None,
        "left": _in_words(left) if left is not None else "",
    }
