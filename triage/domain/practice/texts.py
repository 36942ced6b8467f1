"""The practice's own words in place of the product's, for the texts that patients get by themselves."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import wording
from triage.domain.practice.member import Member
from triage.domain.wording import Text
from triage.kit import db
from triage.kit.errors import Invalid


class PracticeText(db.Base):
    """Where there is no row, the product's words hold."""

    __tablename__ = "practice_text"

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[str]
    changed_at: Mapped[datetime]


def bodies_of(session: Session, practice_id: UUID) -> dict[str, str]:
    """Every automatic text as this practice has it, by name."""
    own = session.execute(
        select(PracticeText.name, PracticeText.body).where(PracticeText.practice_id == practice_id)
    )
    bodies = {text.name: text.body for text in wording.TEXTS.values()}
    return {**bodies, **{row.name: row.body for row in own if row.name in bodies}}


def find_text(name: str) -> Text:
    """Raises `Invalid`."""
    if name not in wording.TEXTS:
        raise Invalid("There is no such text.")
    return wording.TEXTS[name]


def checked(text: Text, body: str) -> str:
    """The words as they are kept. Raises `Invalid`."""
    body = "\n".join(line.strip() for line in body.replace("\x00", "").splitlines()).strip()
    problem = wording.problem_of(text, body)
    if problem:
        raise Invalid(**{text.name: problem})
    return body


def save(session: Session, practice_id: UUID, text: Text, body: str, *, now: datetime) -> bool:
    """Whether anything is different from now on. The product's own words leave no row. Raises `Invalid`."""
    body = checked(text, body)
    before = bodies_of(session, practice_id)[text.name]
    if body == text.body:
        session.execute(
            delete(PracticeText).where(
                PracticeText.practice_id == practice_id, PracticeText.name == text.name
            )
        )
    else:
        values = {"practice_id": practice_id, "name": text.name, "body": body, "changed_at": now}
        row = insert(PracticeText).values(values)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["practice_id", "name"], set_={"body": body, "changed_at": now}
            )
        )
    return body != before


def signature_of(session: Session, member: Member) -> str:
    """What is added to this member's texts; empty where the practice does not want that."""
    if not member.practice.sign_texts:
        return ""
    body = bodies_of(session, member.practice_id)[wording.SIGNATURE.name]
    return wording.signature(body, first_name=member.first_name, practice=member.practice.name)


def example(text: Text, body: str, values: Mapping[str, str]) -> str:
    """`body` as somebody would get it."""
    examples = {name: given for name, (_, given) in text.places.items()}
    return wording.filled(body, {**examples, **values})
