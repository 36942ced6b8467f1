"""The closed-hours reply as somebody would get it now, or next time that the practice is closed."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.conversations import segments
from triage.domain.conversations.segments import Size
from triage.domain.practice import hours, texts
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice


class Preview(NamedTuple):
    preview: str
    size: Size


def closed_reply(session: Session, practice: Practice, language: str, now: datetime) -> Preview:
    said = of_bodies(practice, texts.bodies_of(session, practice.id), language, now)
    return Preview(said, segments.size_of(said))


def of_bodies(practice: Practice, bodies: Mapping[tuple[str, str], str], language: str, now: datetime) -> str:
    """The same of words that may not be saved yet."""
    given = practices.hours_of(practice)
    zone = ZoneInfo(practice.time_zone)
    since = hours.next_closing(given, now) or now
    opens = hours.next_opening(given, since) if given.are_set else None
    phrase = wording.opening_phrase(language, opens and opens.astimezone(zone), since.astimezone(zone))
    return wording.closed_reply(bodies, language, practice=practice.name, opens=phrase)
