"""A practice for measurements: as many patients as wanted, each with a number that may be texted."""

from datetime import date

from sqlalchemy.orm import Session

from triage.domain.patients.patient import Patient, PatientKind, sort_key
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import hours, sign_in
from triage.domain.practice.member import add_member
from triage.domain.practice.practice import Kind, Practice, PracticeNumber
from triage.domain.practice.privileges import add_built_in_roles
from triage.kit import clock, db
from triage.kit.secrets import Vault

ACCOUNT, TOKEN = "AC" + "c" * 32, "token-of-the-measured-practice"
NUMBER = "+12025550100"
PASSWORD = "a long enough password"
MEMBERS = ("alma", "bert", "cora", "dean")
CARRIER_ACCOUNTS = [{"sid": ACCOUNT, "token": TOKEN, "name": "Measured Clinic", "numbers": [NUMBER]}]


def phone_number(place: int) -> str:
    """A number of its own for each patient; none of them is anybody's."""
    return f"+1{202 + place // 10_000_00}{5_550_000 + 200 + place % 1_000_000:07d}"


def populate(session: Session, *, secret_key: str, patients: int, is_closed: bool = False) -> None:
    """One practice, four members who see all messages, and its patients; one that is closed tells who writes."""
    now = clock.now(session)
    practice = Practice(
        name="Measured Clinic",
        kind=Kind.HUMAN,
        carrier_account=ACCOUNT,
        carrier_token_sealed=Vault([secret_key]).seal(TOKEN),
        opening_hours=hours.as_kept([()] * 7, {date(2099, 1, 1): ()}) if is_closed else None,
        closed_reply_on=is_closed,
        # A text measured is one text.
        opt_in_notice_on=False,
        created_at=now,
    )
    session.add(practice)
    session.flush()
    role = add_built_in_roles(session, practice.id)["Care team"]
    session.add(PracticeNumber(practice_id=practice.id, number=NUMBER, label="Front desk"))
    hashed = sign_in.hash_password(PASSWORD)
    for login in MEMBERS:
        add_member(
            session,
            practice.id,
            login=login,
            name=login.title(),
            role_id=role.id,
            password_hash=hashed,
            now=now,
        )
    for place in range(patients):
        _add_patient(session, practice, place)
    session.flush()


def _add_patient(session: Session, practice: Practice, place: int) -> None:
    now = clock.now(session)
    patient = Patient(
        id=db.new_id(),
        practice_id=practice.id,
        kind=PatientKind.PERSON,
        first_name="Patient",
        last_name=f"Number {place}",
        name_key=sort_key("Patient", f"Number {place}"),
        chart_number=str(place),
        created_at=now,
    )
    phone = Phone(id=db.new_id(), practice_id=practice.id, number=phone_number(place), created_at=now)
    session.add_all([patient, phone])
    session.flush()
    session.add(
        PhoneUse(
            practice_id=practice.id,
            phone_id=phone.id,
            patient_id=patient.id,
            consented_at=now,
            consented_how="paper",
        )
    )
