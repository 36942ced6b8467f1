"""May we text this number? The one gate, the words that close and open it, and the record of each event.

Sources: 47 CFR 64.1200(a)(10) to (12) for revocation; Twilio's default keywords; Instinct's Client Chat for
"staff's off beats START" (B52, B56).
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Index, String, and_, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.patients.patient import Patient, PatientContact
from triage.domain.patients.phones import Identity, Phone, PhoneUse, Verification
from triage.domain.practice.practice import Practice
from triage.kit import db, live
from triage.kit.errors import NotPossible
from triage.kit.phone import is_e164

STOP_WORDS = frozenset("STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT".split())
START_WORDS = frozenset("START YES UNSTOP".split())
HELP_WORDS = frozenset("HELP INFO".split())
# Phones put curly quotes around what is quoted, and people a space before the mark.
AROUND_A_WORD = " \t\r\n.!\"'“”‘’"


# How a number opted out (`Phone.opted_out_how`). The first two the carrier knows of, and holds against us.
BY_TEXT, BY_CARRIER, OWN_WORDS, BY_STAFF = "text", "carrier", "own_words", "staff"
HELD_BY_CARRIER = frozenset({BY_TEXT, BY_CARRIER})


class Keyword(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


class ConsentKind(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    RECORDED = "recorded"
    WROTE_FIRST = "wrote_first"
    CARRIER_BLOCKED = "carrier_blocked"
    SWITCHED_OFF = "switched_off"
    SWITCHED_ON = "switched_on"
    OPTED_OUT_BY_STAFF = "opted_out_by_staff"
    OPTED_IN_BY_STAFF = "opted_in_by_staff"
    VERIFICATION_ASKED = "verification_asked"
    WRONG_BIRTH_DATE = "wrong_birth_date"
    UNREADABLE_BIRTH_DATE = "unreadable_birth_date"
    VERIFIED = "verified"
    VERIFICATION_FAILED = "verification_failed"


class Category(StrEnum):
    """What somebody agrees to hear of. Care is part of every consent."""

    CARE = "care"
    REMINDERS = "reminders"
    NOTICES = "notices"


# Whoever did one of these has said no, however it was said.
OPTING_OUT = (ConsentKind.STOP, ConsentKind.CARRIER_BLOCKED, ConsentKind.OPTED_OUT_BY_STAFF)


class ConsentEvent(db.OfPractice, db.Base):
    """One thing that changed whether a number may be texted; rows are only ever added.

    Of a consent: `wording` is what the patient was shown or read, `categories` what it covers, `signature` the
    strokes of a pen as `consent_form` reads them.
    """

    __tablename__ = "consent_event"
    __table_args__ = (
        db.within_practice("phone_id", "phone"),
        db.within_practice("member_id", "member"),
        db.within_practice("patient_id", "patient"),
        Index("ix_consent_event_phone", "practice_id", "phone_id", "at"),
        Index(
            "ix_consent_event_patient", "practice_id", "patient_id", postgresql_where="patient_id is not null"
        ),
    )

    phone_id: Mapped[UUID]
    patient_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    kind: Mapped[ConsentKind] = mapped_column(db.choice(ConsentKind, "kind"))
    source: Mapped[str]
    inbound_id: Mapped[UUID | None]
    wording: Mapped[str | None]
    categories: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    signed_by: Mapped[str | None]
    signature: Mapped[list[list[int]] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime]


def keyword_of(body: str, opt_out_type: str | None) -> Keyword | None:
    """The command that a text is, by the carrier's own mark or as a single word. Sentences are not."""
    if opt_out_type and opt_out_type.lower() in set(Keyword):
        return Keyword(opt_out_type.lower())
    word = body.strip(AROUND_A_WORD).upper()
    if word in STOP_WORDS:
        return Keyword.STOP
    if word in HELP_WORDS:
        return Keyword.HELP
    return Keyword.START if word in START_WORDS else None


def says_start(body: str, opt_out_type: str | None) -> bool:
    """Whether a start word is more than an answer: "Yes" may answer whatever a colleague had asked."""
    return bool(opt_out_type) or body.strip(AROUND_A_WORD).upper() != "YES"


class Leg(StrEnum):
    """What says no, in the order in which the gate asks."""

    PRACTICE_OFF = "practice_off"
    NOT_A_MOBILE = "not_a_mobile"
    OPTED_OUT = "opted_out"
    MAY_HAVE_OPTED_OUT = "may_have_opted_out"
    NUMBER_OFF = "number_off"
    PATIENT_OFF = "patient_off"
    LANDLINE = "landline"
    NOT_CURRENT = "not_current"
    NOT_VERIFIED = "not_verified"
    NO_CONSENT = "no_consent"
    CHOOSE_PATIENT = "choose_patient"


class Purpose(StrEnum):
    """What a text is for. A reply and a care message are written by a member; nobody writes the others.

    `VERIFICATION` asks for a birth date, or says what came of the answer. `CODE` is what somebody has just asked
    for on a page of ours. `OPT_OUT_CONFIRMATION` is the one text that the law allows after an opt-out.
    """

    REPLY = "reply"
    CARE = "care"
    REMINDER = "reminder"
    NOTICE = "notice"
    VERIFICATION = "verification"
    CODE = "code"
    OPT_OUT_CONFIRMATION = "opt_out_confirmation"


# THE TABLE: which legs a text passes, because of what it is for. What stands here for nobody stops everything.
# A person who writes sees the question whether the patient has opted out, and may ask what was meant.
_BY_PEOPLE = frozenset({Leg.MAY_HAVE_OPTED_OUT})
# To ask who somebody is cannot wait until it is known; they answer, or never hear from us again.
_TO_KNOW_WHO = frozenset({Leg.NOT_VERIFIED, Leg.NO_CONSENT})
PASSES: Mapping[Purpose, frozenset[Leg]] = {
    Purpose.REPLY: _BY_PEOPLE,
    Purpose.CARE: _BY_PEOPLE,
    Purpose.REMINDER: frozenset(),
    Purpose.NOTICE: frozenset(),
    Purpose.VERIFICATION: _TO_KNOW_WHO,
    Purpose.CODE: _TO_KNOW_WHO | {Leg.MAY_HAVE_OPTED_OUT},
    # Of an opt-out alone that a member has recorded: what the carrier holds it has confirmed itself, and lets
    # nothing through.
    Purpose.OPT_OUT_CONFIRMATION: _TO_KNOW_WHO | {Leg.OPTED_OUT, Leg.MAY_HAVE_OPTED_OUT},
}


class Answer(NamedTuple):
    """`leg` is None when the number may be texted; `how` says how it opted out."""

    leg: Leg | None
    since: datetime | None = None
    how: str | None = None

    @property
    def is_yes(self) -> bool:
        return self.leg is None


class Facts(NamedTuple):
    """All that the gate needs to know of one number.

    `may_have_opted_out`: a text of theirs may ask for no more texts, and nobody has decided yet. `is_verified` is
    also true where the practice asks nobody for a birth date. `names_person`: the text tells whoever reads it of a
    patient of this practice.
    """

    practice_on: bool
    number: str
    texting_on: bool
    opted_out_at: datetime | None
    opted_out_how: str | None
    is_landline: bool
    patient_on: bool
    is_current: bool
    has_consent: bool
    is_verified: bool
    may_have_opted_out: bool
    # Who is writing: one person has the number, or a member has chosen.
    is_chosen: bool = True
    names_person: bool = False


_SAYS_NO: Mapping[Leg, Callable[[Facts], bool]] = {
    Leg.PRACTICE_OFF: lambda facts: not facts.practice_on,
    Leg.NOT_A_MOBILE: lambda facts: not is_e164(facts.number),
    Leg.OPTED_OUT: lambda facts: facts.opted_out_at is not None,
    Leg.MAY_HAVE_OPTED_OUT: lambda facts: facts.may_have_opted_out,
    Leg.NUMBER_OFF: lambda facts: not facts.texting_on,
    Leg.PATIENT_OFF: lambda facts: not facts.patient_on,
    Leg.LANDLINE: lambda facts: facts.is_landline,
    Leg.NOT_CURRENT: lambda facts: not facts.is_current,
    Leg.NOT_VERIFIED: lambda facts: not facts.is_verified,
    Leg.NO_CONSENT: lambda facts: not facts.has_consent,
    Leg.CHOOSE_PATIENT: lambda facts: facts.names_person and not facts.is_chosen,
}


def may_text(facts: Facts, purpose: Purpose) -> Answer:
    """Pure. The first leg that says no to a text with this purpose.

    A reply to somebody who wrote counts as consented (CharmHealth, A8).
    """
    for leg in Leg:
        if _SAYS_NO[leg](facts) and not _passes(purpose, leg, facts):
            is_opt_out = leg is Leg.OPTED_OUT
            return Answer(leg, facts.opted_out_at, facts.opted_out_how) if is_opt_out else Answer(leg)
    return Answer(None)


def _passes(purpose: Purpose, leg: Leg, facts: Facts) -> bool:
    is_held = leg is Leg.OPTED_OUT and facts.opted_out_how in HELD_BY_CARRIER
    return leg in PASSES[purpose] and not is_held


# Whoever is archived opens no number any more. A no that was said goes on closing it, and one who shares a number and
# wants no texts closes it for all: nobody knows who reads what is sent there.
IS_CURRENT = and_(PhoneUse.ended_at.is_(None), PatientContact.archived_at.is_(None))
SAYS_NO = and_(PhoneUse.ended_at.is_(None), ~Patient.texting_on, Patient.merged_into_id.is_(None))
OF_LINK = and_(
    PatientContact.patient_id == PhoneUse.patient_id, PatientContact.contact_id == PhoneUse.contact_id
)
_USES = (
    select(
        PhoneUse.patient_id,
        PhoneUse.consented_at,
        PhoneUse.verification,
        IS_CURRENT.label("is_current"),
        SAYS_NO.label("says_no"),
    )
    .join(Patient, Patient.id == PhoneUse.patient_id)
    .outerjoin(PatientContact, OF_LINK)
)


def gather(
    session: Session,
    practice: Practice,
    phone: Phone,
    identity: Identity,
    *,
    wrote_first: bool,
    may_have_opted_out: bool = False,
    about: UUID | None = None,
) -> Facts:
    """What the gate needs, from the database. `wrote_first`: a text from this number has been filed.

    `about` is the patient whom the text concerns, where it is open from the number alone.
    """
    uses = session.execute(
        _USES.where(PhoneUse.practice_id == phone.practice_id, PhoneUse.phone_id == phone.id)
    ).all()
    current = [use for use in uses if use.is_current]
    concerned = about or identity.patient_id
    return Facts(
        practice_on=practice.texting_on,
        number=phone.number,
        texting_on=phone.texting_on,
        opted_out_at=phone.opted_out_at,
        opted_out_how=phone.opted_out_how,
        is_landline=phone.is_landline,
        patient_on=not any(use.says_no for use in uses),
        is_current=not uses or bool(current),
        has_consent=wrote_first or any(use.consented_at is not None for use in current),
        is_verified=not practice.verification_on
        or any(
            use.verification is Verification.ENABLED for use in current if concerned in (None, use.patient_id)
        ),
        may_have_opted_out=may_have_opted_out,
    )


def gather_for_writers(
    session: Session,
    practices: Mapping[UUID, Practice],
    identities: Mapping[UUID, Identity],
    *,
    asking_out: Collection[UUID],
) -> dict[UUID, Facts]:
    """The same for many numbers that have just texted us, which stay as they are until this transaction ends.

    `practices` are by id, `identities` and the answer are by number; `asking_out` are numbers that may have asked
    for no more texts.
    """
    # In one order, so that two who ask about the same numbers never wait for each other.
    query = select(Phone).where(Phone.id.in_(identities)).order_by(Phone.id)
    found = session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    uses = (
        select(
            PhoneUse.phone_id,
            func.bool_or(IS_CURRENT).label("is_current"),
            func.bool_or(SAYS_NO).label("says_no"),
        )
        .join(Patient, Patient.id == PhoneUse.patient_id)
        .outerjoin(PatientContact, OF_LINK)
        .where(PhoneUse.phone_id.in_(identities))
        .group_by(PhoneUse.phone_id)
    )
    used = {row.phone_id: row for row in session.execute(uses)}
    return {
        phone.id: Facts(
            practice_on=practices[phone.practice_id].texting_on,
            number=phone.number,
            texting_on=phone.texting_on,
            opted_out_at=phone.opted_out_at,
            opted_out_how=phone.opted_out_how,
            is_landline=phone.is_landline,
            patient_on=phone.id not in used or not used[phone.id].says_no,
            is_current=phone.id not in used or bool(used[phone.id].is_current),
            has_consent=True,
            is_verified=not practices[phone.practice_id].verification_on or is_verified(identities[phone.id]),
            may_have_opted_out=phone.id in asking_out,
        )
        for phone in found
    }


def is_verified(identity: Identity) -> bool:
    """Pure. Whether the person, or one of those who share the number, has confirmed who they are."""
    return any(
        person.verification is Verification.ENABLED
        for person in identity.people
        if identity.patient_id in (None, person.patient_id)
    )


def stop(
    session: Session,
    phone: Phone,
    *,
    how: str,
    now: datetime,
    sent_at: datetime | None = None,
    inbound_id: UUID | None = None,
    may_be_asked: bool = True,
) -> None:
    """STOP: the number has opted out, when the text was sent: only a START after the last STOP undoes it. Safe to repeat.

    `may_be_asked`: the practice asks for birth dates, so somebody may wait for one from this number.
    """
    _write(session, phone, ConsentKind.STOP, source=how, now=now, inbound_id=inbound_id)
    was_opted_out_at, stopped_at = phone.opted_out_at, sent_at or now
    phone.opted_out_at = max(was_opted_out_at or stopped_at, stopped_at)
    if phone.opted_out_how not in HELD_BY_CARRIER:
        phone.opted_out_how = how
    if was_opted_out_at is None:
        audit.record(
            session, phone.practice_id, audit.Action.OPTED_OUT, by=None, at=now, subject_id=phone.id, how=how
        )
        if may_be_asked:
            _tell_who_asked(session, phone)


def start(
    session: Session,
    phone: Phone,
    *,
    now: datetime,
    sent_at: datetime | None = None,
    inbound_id: UUID | None = None,
) -> None:
    """The number has opted in again, unless it said no after it; what staff switched off stays off."""
    _write(session, phone, ConsentKind.START, source="text", now=now, inbound_id=inbound_id)
    if phone.opted_out_at is not None and (sent_at or now) >= phone.opted_out_at:
        phone.opted_out_at = phone.opted_out_how = None
        audit.record(session, phone.practice_id, audit.Action.OPTED_IN, by=None, at=now, subject_id=phone.id)


def ask_for_help(session: Session, phone: Phone, *, now: datetime, inbound_id: UUID | None) -> None:
    """HELP was texted; the carrier answers it."""
    _write(session, phone, ConsentKind.HELP, source="text", now=now, inbound_id=inbound_id)


def carrier_refused(session: Session, phone: Phone, *, now: datetime) -> None:
    """Error 21610: the carrier knows of an opt-out that we did not. Safe to repeat."""
    if phone.opted_out_at is None:
        _write(session, phone, ConsentKind.CARRIER_BLOCKED, source="21610", now=now)
        phone.opted_out_at, phone.opted_out_how = now, BY_CARRIER
        audit.record(
            session,
            phone.practice_id,
            audit.Action.OPTED_OUT,
            by=None,
            at=now,
            subject_id=phone.id,
            how="carrier",
        )
        _tell_who_asked(session, phone)


def opt_out(session: Session, phone: Phone, *, how: str, by: UUID, now: datetime) -> bool:
    """Staff were told, in whatever words and way, that no texts are wanted (ThoroughCare, C95). Safe to repeat.

    False where the number had opted out already.
    """
    if phone.opted_out_at is not None:
        return False
    _write(session, phone, ConsentKind.OPTED_OUT_BY_STAFF, source=how, now=now, by=by)
    phone.opted_out_at, phone.opted_out_how = now, how
    audit.record(
        session, phone.practice_id, audit.Action.OPTED_OUT, by=by, at=now, subject_id=phone.id, how=how
    )
    _tell_who_asked(session, phone)
    return True


def opt_in(session: Session, phone: Phone, *, how: str, by: UUID, now: datetime) -> None:
    """The patient wants texts again, and told a member so. Safe to repeat.

    Raises `NotPossible` where the carrier holds the opt-out: it lets nothing through before a START.
    """
    if phone.opted_out_how in HELD_BY_CARRIER:
        raise NotPossible(
            "The carrier blocks this number since the patient texted STOP. Only START, texted from that phone, opens it."
        )
    if phone.opted_out_at is not None:
        _write(session, phone, ConsentKind.OPTED_IN_BY_STAFF, source=how, now=now, by=by)
        phone.opted_out_at = phone.opted_out_how = None
        audit.record(
            session, phone.practice_id, audit.Action.OPTED_IN, by=by, at=now, subject_id=phone.id, how=how
        )


class Agreement(NamedTuple):
    """What a patient agrees to, and how that is known; `signature` is of `consent_form.strokes`."""

    how: str
    categories: frozenset[Category] = frozenset({Category.CARE})
    wording: str | None = None
    signed_by: str | None = None
    signature: list[list[int]] | None = None

    @property
    def covers(self) -> list[str]:
        return [one.value for one in Category if one in self.categories or one is Category.CARE]


def record_consent(
    session: Session, phone: Phone, use: PhoneUse, agreed: Agreement, *, by: UUID, now: datetime
) -> None:
    """A member has the patient's consent, signed, on paper or by word of mouth. Safe to repeat: the same is kept once."""
    is_new = use.consented_at is None or use.consented_to != agreed.covers or agreed.signed_by is not None
    if not is_new:
        return
    use.consented_at, use.consented_how, use.consented_to = now, agreed.how, agreed.covers
    _write(
        session,
        phone,
        ConsentKind.RECORDED,
        source=agreed.how,
        now=now,
        by=by,
        patient_id=use.patient_id,
        agreed=agreed,
    )
    audit.record(
        session,
        phone.practice_id,
        audit.Action.CONSENT_RECORDED,
        by=by,
        at=now,
        subject_id=phone.id,
        patient_id=use.patient_id,
        covers=", ".join(agreed.covers),
    )


def switch_number(session: Session, phone: Phone, *, on: bool, by: UUID, now: datetime) -> None:
    """Staff turn texting to a number on or off; off outlasts a START from the patient."""
    if phone.texting_on != on:
        phone.texting_on = on
        kind = ConsentKind.SWITCHED_ON if on else ConsentKind.SWITCHED_OFF
        _write(session, phone, kind, source="staff", now=now, by=by)
        audit.record(
            session,
            phone.practice_id,
            audit.Action.NUMBER_SWITCHED,
            by=by,
            at=now,
            subject_id=phone.id,
            on=on,
        )


def switch_patient(session: Session, patient: Patient, *, on: bool, by: UUID, now: datetime) -> None:
    """Staff turn texts to a patient on or off, whatever the number. Safe to repeat."""
    if patient.texting_on != on:
        patient.texting_on = on
        audit.record(
            session,
            patient.practice_id,
            audit.Action.NUMBER_SWITCHED,
            by=by,
            at=now,
            subject_id=patient.id,
            patient_id=patient.id,
            on=on,
        )


def _tell_who_asked(session: Session, phone: Phone) -> None:
    """Whoever waits for a birth date from this number need not wait any more (ThoroughCare, C97)."""
    waiting = select(PhoneUse.asked_by_id).where(
        PhoneUse.practice_id == phone.practice_id,
        PhoneUse.phone_id == phone.id,
        PhoneUse.ended_at.is_(None),
        PhoneUse.verification == Verification.PENDING,
    )
    asked_by = session.scalars(waiting).all()
    if asked_by:
        to = {member_id for member_id in asked_by if member_id}
        live.announce(session, phone.practice_id, "verification", to=to, state="opted_out")


def _write(
    session: Session,
    phone: Phone,
    kind: ConsentKind,
    *,
    source: str,
    now: datetime,
    by: UUID | None = None,
    patient_id: UUID | None = None,
    inbound_id: UUID | None = None,
    agreed: Agreement | None = None,
) -> None:
    session.add(
        ConsentEvent(
            practice_id=phone.practice_id,
            phone_id=phone.id,
            patient_id=patient_id,
            member_id=by,
            kind=kind,
            source=source,
            inbound_id=inbound_id,
            wording=agreed.wording if agreed else None,
            categories=agreed.covers if agreed else None,
            signed_by=agreed.signed_by if agreed else None,
            signature=agreed.signature if agreed else None,
            at=now,
        )
    )
