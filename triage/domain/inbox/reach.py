"""How far a member's role reaches in the practice: sites to look at, and numbers to write from."""

from sqlalchemy.orm import Session

from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility, PracticeNumber, facilities_of, numbers_of


def facilities_for(session: Session, member: Member) -> list[Facility]:
    """By name. A role for its own sites alone knows no others."""
    every = facilities_of(session, member.practice_id)
    return [one for one in every if not member.role.own_facilities_only or one.id in _own(member)]


def numbers_for(session: Session, member: Member) -> list[PracticeNumber]:
    """Oldest first. A number of no site is everybody's."""
    every = numbers_of(session, member.practice_id)
    if not member.role.own_facilities_only:
        return every
    return [one for one in every if one.facility_id is None or one.facility_id in _own(member)]


def _own(member: Member) -> set[object]:
    return {place.facility_id for place in member.at_facilities}
