"""Is it the right person who reads this number? Asked by text, answered with a birth date (ThoroughCare, C90 to C97).

It belongs to the use of a number: who shares one is asked for each. The birth date is that of the person who is
texted; an animal has an owner for that.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, bindparam, case, func, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.patients import birth_dates
from triage.domain.patients.birth_dates import Found, Order
from triage.domain.patients.consent import Category, ConsentEvent, ConsentKind
from triage.domain.patients.patient import Contact, Patient, PatientKind
from triage.domain.patients.phones import Identity, Phone, PhoneUse, Verification
from triage.domain.practice.throttle import Limit
from triage.kit import db, live
from triage.kit.bulk import Rows
from triage.kit.phone import is_e164

MOST_WRONG = 3
LASTS_FOR = timedelta(days=14)
# A date that cannot be read is asked for again so often; after that somebody of the practice reads it.
MOST_ASKED_AGAIN = 2
# Again at any time, and never so often that the phone does not stop ringing.
RESENDS = Limit("verification-resend", tries=1, window=timedelta(minutes=1))
REQUESTS = Limit("verification-request", tries=6, window=timedelta(days=1))
MOST_EXPIRED = 500


class Status(StrEnum):
    """As pages show it: what the number says goes before what the person has said."""

    NOT_STARTED = "not_started"
    PENDING = "pending"
    FAILED = "failed"
    OPTED_OUT = "opted_out"
    ENABLED = "enabled"


WORDS: Mapping[Status, tuple[str, str]] = {
    Status.NOT_STARTED: ("Not asked", "neutral"),
    Status.PENDING: ("Pending", "warn"),
    Status.FAILED: ("Failed", "danger"),
    Status.OPTED_OUT: ("Opted out", "danger"),
    Status.ENABLED: ("Enabled", "ok"),
}


def status_of(use: PhoneUse, phone: Phone) -> Status:
    """Pure."""
    return Status.OPTED_OUT if phone.opted_out_at is not None else Status(use.verification.value)


class Shown(NamedTuple):
    """What a page says of one use of a number; `why_not` says why nobody can ask now, empty where somebody can.

    `since` is when it became so, `until` when it will have failed; `tries` are the ones that are left.
    """

    use_id: UUID
    status: Status
    word: str
    tone: str
    since: datetime | None
    asked_at: datetime | None
    until: datetime | None
    tries: int
    may_ask: bool
    why_not: str


def shown(use: PhoneUse, phone: Phone, born_on: date | None) -> Shown:
    """Pure. `born_on` is of the person who is texted."""
    status = status_of(use, phone)
    is_pending = status is Status.PENDING
    may_ask = status in (Status.NOT_STARTED, Status.PENDING, Status.FAILED)
    return Shown(
        use_id=use.id,
        status=status,
        word=WORDS[status][0],
        tone=WORDS[status][1],
        since=phone.opted_out_at or use.verified_since,
        asked_at=use.asked_at,
        until=use.verified_since + LASTS_FOR if is_pending and use.verified_since else None,
        tries=MOST_WRONG - use.wrong_dates if is_pending else 0,
        may_ask=may_ask,
        why_not=why_not(phone, born_on) if may_ask else "",
    )


def why_not(phone: Phone, born_on: date | None) -> str:
    """Pure. What must be put right before anybody can be asked at this number."""
    if phone.is_landline or not is_e164(phone.number):
        return "This needs a valid mobile number."
    if born_on is None:
        return "Record the birth date of the person who is texted first."
    return ""


# Of the person who is texted: a contact's own, else the patient's, unless the patient is an animal.
_BORN_ON = case(
    (PhoneUse.contact_id.is_not(None), Contact.born_on),
    (Patient.kind == PatientKind.ANIMAL, None),
    else_=Patient.born_on,
)
_NAME = func.coalesce(Contact.name, Patient.first_name + " " + Patient.last_name)


def born_on_by_use(session: Session, use_ids: Collection[UUID]) -> dict[UUID, date | None]:
    """The birth dates that would be right answers, by use."""
    query = (
        select(PhoneUse.id, _BORN_ON.label("born_on"))
        .join(Patient, Patient.id == PhoneUse.patient_id)
        .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
        .where(PhoneUse.id.in_(use_ids))
    )
    return {row.id: row.born_on for row in session.execute(query)} if use_ids else {}


def uses_of_person(session: Session, use: PhoneUse) -> list[PhoneUse]:
    """This use, and where a contact is reached here about several patients, each of them; locked.

    An owner of two animals is one person, and is asked once.
    """
    mine: ColumnElement[bool] = PhoneUse.id == use.id
    if use.contact_id is not None:
        mine = PhoneUse.contact_id == use.contact_id
    query = select(PhoneUse).where(
        PhoneUse.practice_id == use.practice_id,
        PhoneUse.phone_id == use.phone_id,
        PhoneUse.ended_at.is_(None),
        mine,
    )
    locked = query.order_by(PhoneUse.id).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))


def start(session: Session, uses: Iterable[PhoneUse], *, by: UUID, now: datetime) -> bool:
    """The person is being asked. True where that began anew: asking again gives no more tries and no more time."""
    is_new = False
    for use in uses:
        use.asked_at = now
        if use.verification is Verification.PENDING:
            continue
        is_new = True
        use.verification, use.verified_since, use.asked_by_id = Verification.PENDING, now, by
        use.wrong_dates = use.unreadable_dates = 0
    return is_new


def note_asked(
    session: Session, use: PhoneUse, *, wording: str, by: UUID, now: datetime, is_new: bool
) -> None:
    """In the history of consent and in the audit trail, who asked, and in which words."""
    how = "asked" if is_new else "asked_again"
    _note(
        session,
        use.practice_id,
        use,
        ConsentKind.VERIFICATION_ASKED,
        source=how,
        by=by,
        now=now,
        wording=wording,
    )


def join_person(session: Session, uses: Iterable[PhoneUse], *, by: UUID, now: datetime) -> bool:
    """Whoever has confirmed who they are about one patient has done so about all. False where nobody has."""
    uses = list(uses)
    if not any(use.verification is Verification.ENABLED for use in uses):
        return False
    for use in uses:
        if use.verification is not Verification.ENABLED:
            use.verification, use.verified_since = Verification.ENABLED, now
            use.consented_at, use.consented_how = use.consented_at or now, use.consented_how or "verified"
            use.consented_to = use.consented_to or [Category.CARE.value]
            _note(session, use.practice_id, use, ConsentKind.VERIFIED, source="same_person", by=by, now=now)
    return True


def _note(
    session: Session,
    practice_id: UUID,
    use: "PhoneUse | Asked | Row[*tuple[Any, ...]]",
    kind: ConsentKind,
    *,
    source: str,
    now: datetime,
    by: UUID | None = None,
    inbound_id: UUID | None = None,
    wording: str | None = None,
) -> None:
    session.add(
        ConsentEvent(
            practice_id=practice_id,
            phone_id=use.phone_id,
            patient_id=use.patient_id,
            member_id=by,
            kind=kind,
            source=source,
            inbound_id=inbound_id,
            wording=wording,
            at=now,
        )
    )
    audit.record(
        session,
        practice_id,
        audit.Action.VERIFICATION_CHANGED,
        by=by,
        at=now,
        subject_id=use.phone_id,
        patient_id=use.patient_id,
        what=kind.value,
        how=source,
    )


# ---- an answer ----


class Asked(NamedTuple):
    """Somebody who was asked for a birth date, and what came of it so far; `names` are the words of the name."""

    use_id: UUID
    phone_id: UUID
    patient_id: UUID
    born_on: date | None
    since: datetime
    asked_by_id: UUID | None
    wrong: int
    unreadable: int
    names: frozenset[str] = frozenset()
    state: Verification = Verification.PENDING


class Result(StrEnum):
    """What an answer was; `GIVEN_UP` is the last wrong one that is allowed."""

    VERIFIED = "verified"
    WRONG = "wrong"
    GIVEN_UP = "given_up"
    UNREADABLE = "unreadable"


class Heard(NamedTuple):
    """An answer, for whom it counts and what it left of them; `says_more` than a date, so somebody must read it."""

    result: Result
    counted: tuple[Asked, ...]
    says_more: bool


def hear(asked: Sequence[Asked], body: str, order: Order, *, at: datetime) -> Heard | None:
    """Pure. What a text that was sent `at` answers to those who were asked at its number; None: it is no answer.

    Of those who share a number the date says who has answered. One that fits nobody counts for all of them.
    """
    waiting = [one for one in asked if one.state is Verification.PENDING and at < one.since + LASTS_FOR]
    if not waiting:
        return None
    names = frozenset[str]().union(*[one.names for one in waiting])
    reading = birth_dates.read(body, order, today=at.date(), names=names)
    if reading.found is Found.NOTHING:
        return None
    if reading.found is Found.IMPOSSIBLE:
        return None if reading.says_more else _unreadable(waiting)
    right = [one for one in waiting if one.born_on == reading.born_on]
    if right:
        enabled = tuple(one._replace(state=Verification.ENABLED) for one in right)
        return Heard(Result.VERIFIED, enabled, reading.says_more)
    wrong = tuple(_wrong(one) for one in waiting)
    has_failed = all(one.state is Verification.FAILED for one in wrong)
    return Heard(Result.GIVEN_UP if has_failed else Result.WRONG, wrong, reading.says_more)


def _unreadable(waiting: Sequence[Asked]) -> Heard | None:
    if all(one.unreadable >= MOST_ASKED_AGAIN for one in waiting):
        return None
    counted = tuple(one._replace(unreadable=one.unreadable + 1) for one in waiting)
    return Heard(Result.UNREADABLE, counted, says_more=False)


def _wrong(one: Asked) -> Asked:
    state = Verification.FAILED if one.wrong + 1 >= MOST_WRONG else Verification.PENDING
    return one._replace(wrong=one.wrong + 1, state=state)


def pending_of(identities: Iterable[Identity]) -> list[UUID]:
    """Pure. The uses that wait for an answer, as far as is known without looking again."""
    return [
        person.use_id
        for identity in identities
        for person in identity.people
        if person.verification is Verification.PENDING and person.use_id is not None
    ]


_PENDING = (
    select(
        PhoneUse.id,
        PhoneUse.phone_id,
        PhoneUse.patient_id,
        _BORN_ON.label("born_on"),
        PhoneUse.verified_since,
        PhoneUse.asked_by_id,
        PhoneUse.wrong_dates,
        PhoneUse.unreadable_dates,
        _NAME.label("name"),
    )
    .join(Patient, Patient.id == PhoneUse.patient_id)
    .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
    .where(
        PhoneUse.id == func.any(bindparam("use_ids", type_=ARRAY(Uuid))),
        PhoneUse.ended_at.is_(None),
        PhoneUse.verification == Verification.PENDING,
    )
    # In one order, so that two who hear answers from the same number never wait for each other.
    .order_by(PhoneUse.id)
    .with_for_update(of=PhoneUse)
)


def lock_pending(session: Session, use_ids: Collection[UUID]) -> dict[UUID, tuple[Asked, ...]]:
    """Those of these uses that still wait, by number. No other answer is heard before this transaction ends."""
    found: dict[UUID, tuple[Asked, ...]] = {}
    if use_ids:
        for row in session.execute(_PENDING, {"use_ids": list(use_ids)}):
            asked = Asked(
                use_id=row.id,
                phone_id=row.phone_id,
                patient_id=row.patient_id,
                born_on=row.born_on,
                since=row.verified_since,
                asked_by_id=row.asked_by_id,
                wrong=row.wrong_dates,
                unreadable=row.unreadable_dates,
                names=birth_dates.words_of(row.name),
            )
            found[asked.phone_id] = (*found.get(asked.phone_id, ()), asked)
    return found


KINDS = {
    Result.VERIFIED: ConsentKind.VERIFIED,
    Result.WRONG: ConsentKind.WRONG_BIRTH_DATE,
    Result.UNREADABLE: ConsentKind.UNREADABLE_BIRTH_DATE,
}
_LEFT = Rows(
    "left_of",
    {
        "id": PhoneUse.id.type,
        "verification": PhoneUse.verification.type,
        "wrong_dates": PhoneUse.wrong_dates.type,
        "unreadable_dates": PhoneUse.unreadable_dates.type,
    },
)
_left = _LEFT.table.c
_uses = db.Base.metadata.tables["phone_use"]
_IS_ENABLED = _left.verification == Verification.ENABLED.value
_KEEP = (
    update(_uses)
    .where(_uses.c.id == _left.id)
    .values(
        verification=_left.verification,
        verified_since=case(
            (_left.verification == _uses.c.verification, _uses.c.verified_since),
            else_=bindparam("now", type_=_uses.c.verified_since.type),
        ),
        wrong_dates=_left.wrong_dates,
        unreadable_dates=_left.unreadable_dates,
        # Who answers the question has agreed to be texted.
        consented_at=case(
            (
                _IS_ENABLED,
                func.coalesce(_uses.c.consented_at, bindparam("now", type_=_uses.c.verified_since.type)),
            ),
            else_=_uses.c.consented_at,
        ),
        consented_how=case(
            (_IS_ENABLED, func.coalesce(_uses.c.consented_how, "verified")), else_=_uses.c.consented_how
        ),
        consented_to=case(
            (_IS_ENABLED, func.coalesce(_uses.c.consented_to, array([Category.CARE.value]))),
            else_=_uses.c.consented_to,
        ),
    )
)


def keep(session: Session, heard: Iterable[Heard], *, now: datetime) -> None:
    """What answers have left of those who were asked, in one statement; a later answer goes before earlier ones."""
    left = {one.use_id: one for answer in heard for one in answer.counted}
    rows = [(one.use_id, one.state.value, one.wrong, one.unreadable) for one in left.values()]
    session.execute(_KEEP, {**_LEFT.given(rows), "now": now})


def note_heard(session: Session, practice_id: UUID, heard: Heard, *, inbound_id: UUID, now: datetime) -> None:
    """The history of everybody for whom it counted. The first names the text, which has one event that says why."""
    for place, one in enumerate(heard.counted):
        kind = ConsentKind.VERIFICATION_FAILED if one.state is Verification.FAILED else KINDS[heard.result]
        told_by = inbound_id if place == 0 else None
        _note(session, practice_id, one, kind, source="text", now=now, inbound_id=told_by)
        if one.state is not Verification.PENDING:
            tell(session, practice_id, one.state, {one.asked_by_id} - {None})


def tell(session: Session, practice_id: UUID, state: Verification, to: Collection[UUID | None]) -> None:
    """Open pages hear that somebody has come further; whoever asked hears that it was they (ThoroughCare, C97)."""
    members = {member_id for member_id in to if member_id is not None}
    live.announce(session, practice_id, "verification", to=members, state=state.value)


# ---- nobody answered ----

_LATE = (
    select(PhoneUse.id)
    .where(
        PhoneUse.verification == Verification.PENDING,
        PhoneUse.verified_since <= bindparam("began_before"),
    )
    .order_by(PhoneUse.id)
    .limit(MOST_EXPIRED)
    .with_for_update(skip_locked=True)
)
_EXPIRE = (
    update(PhoneUse)
    .where(PhoneUse.id.in_(_LATE), Phone.id == PhoneUse.phone_id)
    .values(verification=Verification.FAILED, verified_since=bindparam("now"))
    .returning(
        PhoneUse.practice_id, PhoneUse.phone_id, PhoneUse.patient_id, PhoneUse.asked_by_id, Phone.opted_out_at
    )
    .execution_options(synchronize_session=False)
)


def expire(session: Session, *, now: datetime) -> int:
    """Whoever has not answered rightly within two weeks has failed. Safe to repeat; returns how many."""
    late = session.execute(_EXPIRE, {"now": now, "began_before": now - LASTS_FOR}).all()
    for row in late:
        _note(session, row.practice_id, row, ConsentKind.VERIFICATION_FAILED, source="expired", now=now)
        # Of who opted out the members concerned have heard already.
        if row.opted_out_at is None:
            tell(session, row.practice_id, Verification.FAILED, {row.asked_by_id})
    return len(late)
