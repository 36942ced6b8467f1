"""The practice's own words in place of the product's, for the texts that patients get by themselves."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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

Bodies = dict[tuple[str, str], str]


class PracticeText(db.Base):
    """Where there is no row, the product's words hold. `language` is empty for words that are the same in all."""

    __tablename__ = "practice_text"

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True, default="", server_default="")
    body: Mapped[str]
    changed_at: Mapped[datetime]


def bodies_of(session: Session, practice_id: UUID) -> Bodies:
    """Every automatic text as this practice has it, by name and language."""
    return bodies_by_practice(session, [practice_id])[practice_id]


def bodies_by_practice(session: Session, practice_ids: Collection[UUID]) -> dict[UUID, Bodies]:
    """The same for several practices, with one query."""
    columns = (PracticeText.practice_id, PracticeText.name, PracticeText.language, PracticeText.body)
    own = session.execute(select(*columns).where(PracticeText.practice_id.in_(practice_ids)))
    bodies = {practice_id: _of_product() for practice_id in practice_ids}
    for row in own:
        if (row.name, row.language) in bodies[row.practice_id]:
            bodies[row.practice_id][row.name, row.language] = row.body
    return bodies


def _of_product() -> Bodies:
    return {
        (text.name, language): body
        for text in wording.TEXTS.values()
        for language, body in text.bodies.items()
    }


def language_for(wanted: Iterable[str], languages: Sequence[str]) -> str:
    """Pure. In which of the practice's languages to text somebody; its first where that is open."""
    given = set(wanted)
    return given.pop() if len(given) == 1 and given <= set(languages) else languages[0]


def find_text(name: str, language: str) -> Text:
    """Raises `Invalid`."""
    if name not in wording.TEXTS or language not in wording.TEXTS[name].bodies:
        raise Invalid("There is no such text.")
    return wording.TEXTS[name]


def key_of(text: Text, language: str) -> str:
    """Names these words in forms, and in what is noted of a change."""
    return f"{text.name}-{language}" if language else text.name


def checked(text: Text, body: str, language: str) -> str:
    """The words as they are kept. Raises `Invalid`."""
    body = "\n".join(line.strip() for line in body.replace("\x00", "").splitlines()).strip()
    problem = wording.problem_of(text, body)
    if problem:
        raise Invalid(**{key_of(text, language): problem})
    return body


def save(session: Session, practice_id: UUID, text: Text, body: str, *, language: str, now: datetime) -> bool:
    """Whether anything is different from now on. The product's own words leave no row. Raises `Invalid`."""
    body = checked(text, body, language)
    before = bodies_of(session, practice_id)[text.name, language]
    if body == text.bodies[language]:
        session.execute(
            delete(PracticeText).where(
                PracticeText.practice_id == practice_id,
                PracticeText.name == text.name,
                PracticeText.language == language,
            )
        )
    else:
        values = {
            "practice_id": practice_id,
            "name": text.name,
            "language": language,
            "body": body,
            "changed_at": now,
        }
        row = insert(PracticeText).values(values)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["practice_id", "name", "language"], set_={"body": body, "changed_at": now}
            )
        )
    return body != before


def signature_of(session: Session, member: Member) -> str:
    """What is added to this member's texts; empty where the practice does not want that."""
    if not member.practice.sign_texts:
        return ""
    body = bodies_of(session, member.practice_id)[wording.SIGNATURE.name, wording.ANY]
    return wording.signature(body, first_name=member.first_name, practice=member.practice.name)


def example(text: Text, body: str, values: Mapping[str, str]) -> str:
    """`body` as somebody would get it."""
    examples = {name: given for name, (_, given) in text.places.items()}
    return wording.filled(body, {**examples, **values})
