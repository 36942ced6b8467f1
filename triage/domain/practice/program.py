"""Care programs that patients are enrolled in and members can be kept out of (ThoroughCare, C87)."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.kit import db


class Program(db.OfPractice, db.Base):
    __tablename__ = "program"
    __table_args__ = (db.referable(), UniqueConstraint("practice_id", "name"))

    name: Mapped[str]


class ProgramRestriction(db.Base):
    """This member has no access to patients who are enrolled only in such programs."""

    __tablename__ = "program_restriction"
    __table_args__ = (
        db.within_practice("program_id", "program"),
        db.within_practice("member_id", "member"),
        Index("ix_program_restriction_program", "practice_id", "program_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    program_id: Mapped[UUID] = mapped_column(primary_key=True)


def programs_of(session: Session, practice_id: UUID) -> list[Program]:
    return list(
        session.scalars(select(Program).where(Program.practice_id == practice_id).order_by(Program.name))
    )
