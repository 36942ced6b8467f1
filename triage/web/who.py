"""Who is this? A member says whose texts a number's are: one of those who share it, somebody found, or a new record."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import folders, scope
from triage.domain.inbox import who as whose
from triage.domain.inbox.choices import PatientChoice, Reach
from triage.domain.inbox.folders import Slug
from triage.domain.patients import directory, newcomers
from triage.domain.patients.newcomers import Newcomer
from triage.domain.patients.patient import find_patient
from triage.domain.patients.phones import Phone, identities
from triage.domain.practice.member import hue_of, initials_of
from triage.domain.practice.practice import Kind
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound, NotPossible
from triage.kit.phone import is_e164
from triage.web import changed, once, opened, render
from triage.web.auth import current_member, needs
from triage.web.render import Toast

who = Blueprint("who", __name__)
LONGEST_SEARCH = 100

Deed = Callable[[Session, Conversation], PatientChoice]


class Candidate(NamedTuple):
    """Somebody whom the texts may be from."""

    patient_id: UUID
    name: str
    note: str
    initials: str
    hue: int
    is_chosen: bool


@who.get("/conversations/<uuid:conversation_id>/who")
@needs(Privilege.ALL_MESSAGES)
def show(conversation_id: UUID) -> Response:
    return _page(conversation_id)


@who.post("/conversations/<uuid:conversation_id>/who/search")
@needs(Privilege.ALL_MESSAGES)
def search(conversation_id: UUID) -> Response:
    """Anybody of the directory; what was looked for stands in no address."""
    member, words = current_member(), request.form.get("q", "").strip()[:LONGEST_SEARCH]
    if len(words) < 2:
        return _page(conversation_id, {"q": "Type at least two letters or digits."}, status=422)
    with db.transaction() as session:
        scope.find_conversation(session, member, conversation_id)
        now = clock.now(session)
        wait = directory.wait_before_searching(session, member, now=now)
        if wait is None:
            found = directory.search(session, member, words)
            audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        return _page(conversation_id, {"q": f"Too many searches. Wait {minutes} min."}, status=429)
    return _page(conversation_id, found=[_found(one) for one in found])


@who.post("/conversations/<uuid:conversation_id>/who")
@needs(Privilege.ALL_MESSAGES)
def choose(conversation_id: UUID) -> Response:
    """`reach` says how far back; `seen` what the page showed of earlier choices."""

    def deed(session: Session, conversation: Conversation) -> PatientChoice:
        # Before the conversation: whoever merges two records locks in this order.
        patient = find_patient(session, current_member(), _patient_id(), lock=True)
        return whose.choose(session, conversation, patient, reach=_reach(), seen=_seen(), by=current_member())

    return _do(conversation_id, deed, "Chosen for these texts")


@who.post("/conversations/<uuid:conversation_id>/who/patient")
@needs(Privilege.ALL_MESSAGES)
def add(conversation_id: UUID) -> Response:
    """A new record with the little that is known, which is chosen at once."""

    def deed(session: Session, conversation: Conversation) -> PatientChoice:
        member = current_member()
        new = newcomers.add(session, _newcomer(), by=member, now=clock.now(session))
        return whose.choose(
            session,
            conversation,
            new.patient,
            reach=_reach(),
            seen=_seen(),
            by=member,
            contact_id=new.contact_id,
        )

    return _do(conversation_id, deed, "Added, and chosen for these texts")


@who.post("/conversations/<uuid:conversation_id>/who/nobody")
@needs(Privilege.ALL_MESSAGES)
def nobody(conversation_id: UUID) -> Response:
    def deed(session: Session, conversation: Conversation) -> PatientChoice:
        return whose.say_nobody(session, conversation, seen=_seen(), by=current_member())

    return _do(conversation_id, deed, "Kept: not a patient")


@who.post("/conversations/<uuid:conversation_id>/who/nothing")
@needs(Privilege.ALL_MESSAGES)
def take_back(conversation_id: UUID) -> Response:
    """Nobody knows again whose texts these are."""

    def deed(session: Session, conversation: Conversation) -> PatientChoice:
        return whose.say_open(session, conversation, seen=_seen(), by=current_member())

    return _do(conversation_id, deed, "Taken back")


@who.post("/choices/<uuid:choice_id>/undo")
@needs(Privilege.ALL_MESSAGES)
def undo(choice_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        if once.is_repeated(session, member):
            now = changed.nothing()
        else:
            conversation = whose.undo(session, choice_id, by=member)
            session.flush()
            now = changed.gather(session, member, conversation)
    return changed.answer(now, Toast("Undone"), composer={}, around=True)


def _do(conversation_id: UUID, deed: Deed, said: str) -> Response:
    """Once, and back to the conversation; where that cannot be, the page again with what was typed."""
    member = current_member()
    try:
        with db.transaction() as session:
            conversation = scope.find_conversation(session, member, conversation_id)
            choice = None if once.is_repeated(session, member) else deed(session, conversation)
            undo_url = url_for("who.undo", choice_id=choice.id) if choice else ""
    except Invalid as refusal:
        return _page(conversation_id, once.errors_of(refusal), status=422)
    except NotPossible as refusal:
        return _page(conversation_id, {"": refusal.sentence}, status=409)
    return render.changed(toast=Toast(said, undo_url=undo_url), back=render.back())


def _page(
    conversation_id: UUID,
    errors: dict[str, str] | None = None,
    *,
    found: list[Candidate] | None = None,
    status: int = 200,
) -> Response:
    member = current_member()
    with db.reading() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        identity = identities(session, [conversation.phone_id])[conversation.phone_id]
        number = session.get_one(Phone, conversation.phone_id).number
        heading = opened.heading(session, member, conversation, identity)
        seen = whose.seen_of(conversation)
        sharers = opened.sharers_of(session, member, identity)
        ids = {person.patient_id for person in identity.people}
    candidates = [
        Candidate(
            one.patient_id,
            one.patient_name,
            f"{one.note.partition(' of ')[0]} {one.name}" if one.note else "",
            initials_of(one.patient_name),
            hue_of(one.patient_id),
            identity.has_several and one.patient_id == conversation.patient_id,
        )
        for one in sharers
        if one.patient_id
    ]
    return render.page(
        "conversations/who.html",
        status,
        conversation=heading,
        candidates=candidates,
        found=None if found is None else [one for one in found if one.patient_id not in ids],
        errors=errors or {},
        values={"reach": Reach.TASK.value, **request.form},
        seen=seen,
        back=request.form.get("back") or _address_of(conversation_id),
        may_add=member.may(Privilege.PATIENTS),
        is_number=is_e164(number),
        is_animal=member.practice.kind is Kind.VETERINARY,
        reaches=_reaches(heading.chosen),
    )


def _reaches(chosen: str) -> list[tuple[str, str, str]]:
    """Value, label and help of each."""
    before = [
        (
            Reach.CHOICE.value,
            f"Also what is filed for {chosen}",
            "Since they were chosen: that was a mistake.",
        )
    ]
    return [
        (Reach.TASK.value, "The texts that wait", "And those that come from now on."),
        *(before if chosen else []),
        (Reach.ALL.value, "All earlier texts of this number too", "As far as they are nobody's yet."),
    ]


def _address_of(conversation_id: UUID) -> str:
    """The conversation in the folder from which the page was opened."""
    try:
        slug = folders.find_slug(current_member(), request.args.get("folder", ""))
    except NotFound:
        slug = Slug.ALL
    return url_for("inbox.conversation", folder=slug.value, conversation_id=conversation_id)


def _found(found: directory.Found) -> Candidate:
    patient = found.patient
    notes = [patient.species or "", *found.owners[:2], f"no. {patient.chart_number}"]
    return Candidate(
        patient.id,
        patient.name,
        " · ".join(note for note in notes if note),
        initials_of(patient.name),
        hue_of(patient.id),
        False,
    )


def _newcomer() -> Newcomer:
    return Newcomer(
        first_name=request.form.get("first_name", ""),
        last_name=request.form.get("last_name", ""),
        born_on=request.form.get("born_on", ""),
        chart_number=request.form.get("chart_number", ""),
        species=request.form.get("species", ""),
        owner=request.form.get("owner", ""),
    )


def _reach() -> Reach:
    try:
        return Reach(request.form.get("reach", Reach.TASK.value))
    except ValueError:
        raise Invalid(reach="Choose how far back this goes.") from None


def _seen() -> str:
    return request.form.get("seen", "")


def _patient_id() -> UUID:
    try:
        return UUID(request.form.get("patient_id", ""))
    except ValueError:
        raise Invalid("Choose somebody first.") from None
