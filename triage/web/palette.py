"""What the palette asks the server for: patients and colleagues of a name."""

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.patients import directory
from triage.domain.practice.member import Member, members_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db
from triage.kit.errors import NotPossible
from triage.web import render
from triage.web.auth import current_member, needs

palette = Blueprint("palette", __name__)

LONGEST = 100
MOST_PATIENTS = 8
MOST_PEOPLE = 4
Found = dict[str, str]


@palette.post("/palette")
@needs(Privilege.SIGNED_IN)
def search() -> Response:
    """The words travel in the form and stand in no address and no log."""
    member = current_member()
    directory.require(member)
    words = request.form.get("q", "").strip()[:LONGEST]
    found: list[Found] = []
    if len(words) >= 2:
        with db.transaction() as session:
            found = [*_patients(session, member, words), *_people(session, member, words)]
    return render.page_or_fragment("patients/palette.html", "patients/_palette.html", found=found)


def _patients(session: Session, member: Member, words: str) -> list[Found]:
    now = clock.now(session)
    wait = directory.wait_before_typing(session, member, now=now)
    if wait is not None:
        raise NotPossible("Too many searches. Wait a moment.")
    found = directory.search(session, member, words, limit=MOST_PATIENTS)
    if found:
        audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    return [
        {
            "group": "Patients",
            "label": one.patient.name,
            "note": " · ".join(note for note in (*one.owners[:1], f"no. {one.patient.chart_number}") if note),
            "url": url_for("patients.show", patient_id=one.patient.id),
        }
        for one in found
    ]


def _people(session: Session, member: Member, words: str) -> list[Found]:
    """A colleague leads to the work that is with them, for who may see it."""
    if member.messages is not Messages.ALL:
        return []
    wanted = words.lower().split()
    return [
        {
            "group": "People",
            "label": one.name,
            "note": "Work assigned to them",
            "url": url_for("inbox.folder", folder="all", who=one.id),
        }
        for one in members_of(session, member.practice_id)
        if one.is_active and all(part in one.name.lower() for part in wanted)
    ][:MOST_PEOPLE]
