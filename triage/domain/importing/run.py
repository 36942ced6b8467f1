"""An import: one file on its way to becoming patients, where it stands, and what each of its rows has led to."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.importing.reading import Format
from triage.domain.importing.values import DateOrder
from triage.domain.practice.member import Member
from triage.kit import db
from triage.kit.errors import NotAllowed, NotFound

MOST_BYTES = 64 * 1024 * 1024
PIECE = 1024 * 1024
# An unfinished import keeps its file, and every import what it would take to undo it, for so long.
KEPT_FOR = timedelta(days=7)
UNDO_WITHIN = timedelta(hours=24)
MOST_UNFINISHED = 10
MOST_SHOWN = 200


class State(StrEnum):
    """`draft` waits for its columns, `checked` for a person's yes; `stopped` can go on."""

    DRAFT = "draft"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


# What a worker goes on with.
AT_WORK = (State.CHECKING, State.RUNNING, State.UNDOING)
ENDED = (State.DONE, State.UNDONE)


class Outcome(StrEnum):
    """`seen` is a row that is no patient and was needed for others: a colleague."""

    MADE = "made"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    SEEN = "seen"


class Undo(StrEnum):
    UNDONE = "undone"
    KEPT = "kept"


class ImportRun(db.OfPractice, db.Base):
    """One import. `place` is how many records of this pass are done; they are counted by outcome.

    `read_bytes` is how far the file has been read. `fields` holds a field for each column, under `columns`.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        db.referable(),
        db.within_practice("member_id", "member"),
        Index("ix_import_run_practice_id", "practice_id", "id"),
        Index(
            "ix_import_run_at_work",
            "lease_until",
            postgresql_where="state in ('checking', 'running', 'undoing')",
        ),
        CheckConstraint("size between 1 and 67108864", name="size"),
    )

    member_id: Mapped[UUID | None]
    format: Mapped[Format] = mapped_column(db.choice(Format, "format"))
    state: Mapped[State] = mapped_column(db.choice(State, "state"))
    size: Mapped[int]
    encoding: Mapped[str] = mapped_column(default="utf-8")
    delimiter: Mapped[str] = mapped_column(default=",")
    date_order: Mapped[DateOrder | None] = mapped_column(db.choice(DateOrder, "date_order"))
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    place: Mapped[int] = mapped_column(default=0)
    read_bytes: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    made: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    noted: Mapped[int] = mapped_column(default=0)
    not_kept: Mapped[int] = mapped_column(default=0)
    passed_over: Mapped[int] = mapped_column(default=0)
    undone: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    problem: Mapped[str | None]
    has_file: Mapped[bool] = mapped_column(default=True)
    has_rows: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    # Of the pass at hand: what the rate is measured from.
    pass_began_at: Mapped[datetime | None]
    pass_began_place: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None]

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def is_trial(self) -> bool:
        return self.state is State.CHECKING

    @property
    def columns(self) -> list[str]:
        found: list[str] = self.fields.get("columns", [])
        return found

    def can_be_undone(self, now: datetime) -> bool:
        has_written = self.state in (State.DONE, State.STOPPED, State.FAILED) and self.made + self.changed > 0
        return has_written and self.has_rows and now < self.undo_until

    @property
    def undo_until(self) -> datetime:
        return (self.finished_at or self.started_at or self.created_at) + UNDO_WITHIN


class ImportPiece(db.Base):
    """A part of the file, kept only as long as the import needs it."""

    __tablename__ = "import_piece"
    __table_args__ = (db.within_practice("run_id", "import_run", ondelete="CASCADE"),)

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportRow(db.Base):
    """What one record led to. `former` is what undoing needs; `references` by which others in the file mean it.

    `fingerprint` is a digest of the patient as the import left it: another one says that somebody has edited it.
    """

    __tablename__ = "import_row"
    __table_args__ = (
        db.within_practice("run_id", "import_run", ondelete="CASCADE"),
        Index("ix_import_row_chart_number", "run_id", "is_trial", "chart_number"),
        Index(
            "ix_import_row_reference",
            "run_id",
            "is_trial",
            "reference",
            postgresql_where="reference is not null",
        ),
        Index(
            "ix_import_row_second_reference",
            "run_id",
            "is_trial",
            "second_reference",
            postgresql_where="second_reference is not null",
        ),
        Index("ix_import_row_told", "run_id", "is_trial", "place", postgresql_where="reason is not null"),
        Index("ix_import_row_kept", "run_id", "place", postgresql_where="undo = 'kept'"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_trial: Mapped[bool] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(db.choice(Outcome, "outcome"))
    reason: Mapped[str | None]
    chart_number: Mapped[str | None]
    reference: Mapped[str | None]
    second_reference: Mapped[str | None]
    patient_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    fingerprint: Mapped[str | None]
    former: Mapped[dict[str, Any] | None]
    undo: Mapped[Undo | None] = mapped_column(db.choice(Undo, "undo"))
    undo_reason: Mapped[str | None]


class Told(NamedTuple):
    """A row that a person should know of."""

    line: int
    outcome: str
    reason: str
    patient_id: UUID | None


def require(member: Member) -> None:
    """Raises `NotAllowed` for who may only see a part of the patients: a file speaks of all of them."""
    if member.role.own_facilities_only or member.kept_out_of:
        raise NotAllowed(
            "Importing concerns the patients of every location and program; your role sees a part of them."
        )


def find_run(session: Session, practice_id: UUID, run_id: UUID, *, lock: bool = False) -> ImportRun:
    """Raises `NotFound`, also for an import of another practice."""
    query = select(ImportRun).where(ImportRun.practice_id == practice_id, ImportRun.id == run_id)
    run = session.scalar(db.locked(query) if lock else query)
    if run is None:
        raise NotFound("There is no such import.")
    return run


def runs_of(session: Session, practice_id: UUID, *, limit: int = 20) -> list[ImportRun]:
    """The latest first."""
    query = select(ImportRun).where(ImportRun.practice_id == practice_id)
    return list(session.scalars(query.order_by(ImportRun.id.desc()).limit(limit)))


def piece_of(session: Session, run_id: UUID, number: int) -> bytes | None:
    return session.scalar(
        select(ImportPiece.content).where(ImportPiece.run_id == run_id, ImportPiece.number == number)
    )


def told_of(session: Session, run: ImportRun, *, limit: int = MOST_SHOWN) -> list[Told]:
    """Rows with something to say, in the order of the file: refused ones, and notes on others."""
    is_trial = run.state in (State.CHECKING, State.CHECKED) or run.started_at is None
    rows = session.execute(
        select(ImportRow.line, ImportRow.outcome, ImportRow.reason, ImportRow.patient_id)
        .where(ImportRow.run_id == run.id, ImportRow.is_trial == is_trial, ImportRow.reason.is_not(None))
        .order_by(ImportRow.place)
        .limit(limit)
    )
    return [Told(row.line, row.outcome.value, row.reason or "", row.patient_id) for row in rows]


def kept_of(session: Session, run: ImportRun, *, limit: int = MOST_SHOWN) -> list[Told]:
    """What undoing has left as it is."""
    rows = session.execute(
        select(ImportRow.line, ImportRow.undo_reason, ImportRow.patient_id)
        .where(ImportRow.run_id == run.id, ImportRow.undo == Undo.KEPT)
        .order_by(ImportRow.place)
        .limit(limit)
    )
    return [Told(row.line, "kept", row.undo_reason or "", row.patient_id) for row in rows]


def drop_file(session: Session, run: ImportRun) -> None:
    """The file is not needed any more."""
    session.execute(delete(ImportPiece).where(ImportPiece.run_id == run.id))
    run.has_file = False


def drop_rows(session: Session, run_id: UUID, *, is_trial: bool) -> None:
    session.execute(delete(ImportRow).where(ImportRow.run_id == run_id, ImportRow.is_trial == is_trial))


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether there is work that nobody does at this moment."""
    query = select(ImportRun.id).where(
        ImportRun.state.in_(AT_WORK),
        (ImportRun.lease_until.is_(None)) | (ImportRun.lease_until < now),
    )
    return session.scalar(query.limit(1)) is not None


def trim(session: Session, *, now: datetime) -> None:
    """After a week nothing but the counts of an import is left; what never began is left nothing of."""
    old = ImportRun.created_at < now - KEPT_FOR
    at_rest = ImportRun.state.not_in(AT_WORK)
    never_began = ImportRun.started_at.is_(None)
    session.execute(delete(ImportRun).where(old, at_rest, never_began))
    ids = list(
        session.scalars(
            select(ImportRun.id)
            .where(old, at_rest, ImportRun.has_rows | ImportRun.has_file)
            .limit(5)
            .with_for_update()
        )
    )
    for table in (ImportPiece, ImportRow):
        session.execute(delete(table).where(table.run_id.in_(ids)))
    session.execute(update(ImportRun).where(ImportRun.id.in_(ids)).values(has_file=False, has_rows=False))
