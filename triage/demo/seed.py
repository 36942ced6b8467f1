"""Fills an empty database with the demo: two practices, their people, and ten days of life; once."""

import json
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.config import settings
from triage.demo.carrier import write_json
from triage.demo.history import History
from triage.demo.houses import House, set_up
from triage.demo.past import carrier_history, carrier_phones
from triage.demo.people import CLINICS, PASSWORD
from triage.demo.scripts import read_talks
from triage.demo.timetable import Step, steps_of
from triage.domain.conversations.message import Message
from triage.domain.patients.patient import Patient
from triage.domain.practice import sign_in
from triage.domain.practice.practice import Practice, by_account
from triage.kit import clock, db
from triage.kit.secrets import Vault

# Any number would do; the same one makes the same people write the same texts.
DICE = 20250613
PEOPLE_CAME = timedelta(days=40)
TWILIO = "https://api.twilio.com"


def seed(
    *,
    carrier_file: Path,
    secret_keys: list[str],
    say: Callable[[str], None],
    carrier_url: str = TWILIO,
    now: datetime | None = None,
) -> bool:
    """False where the demo is there already: then it stays as it is.

    The database gets everything or nothing. Practices take their carrier tokens from `carrier_file`, which is
    told in turn what the carrier must remember: the phones, and every text that passed through it.
    `carrier_url` is where the carrier keeps photos; the history ends `now`.
    """
    carrier = json.loads(carrier_file.read_text(encoding="utf-8"))
    tokens = {account["sid"]: account["token"] for account in carrier["accounts"]}
    vault = Vault(secret_keys)
    with db.transaction() as session:
        is_new = not is_seeded(session)
        if not is_new:
            _keep_tokens(session, tokens, vault)
    if is_new:
        with db.all_or_nothing():
            _fill(tokens, vault, carrier_url or TWILIO, now or datetime.now(UTC))
    _tell_carrier(carrier_file, carrier, anew=is_new)
    say(_summary() if is_new else "The demo's practices are there already.")
    return is_new


def is_seeded(session: Session) -> bool:
    return by_account(session, CLINICS[0].account) is not None


def _fill(tokens: dict[str, str], vault: Vault, carrier_url: str, now: datetime) -> None:
    dice = random.Random(DICE)
    password_hash = sign_in.hash_any_password(PASSWORD)
    with clock.shifted(now - PEOPLE_CAME - datetime.now(UTC)), db.transaction() as session:
        houses = [
            set_up(
                session,
                clinic,
                password_hash=password_hash,
                token_sealed=vault.seal(tokens[clinic.account]),
                dice=dice,
                now=clock.now(session),
            )
            for clinic in CLINICS
        ]
    steps = [step for house in houses for step in _steps(house, now)]
    history = History(carrier_url=carrier_url, dice=dice)
    for house in houses:
        # Before anything else happened there: nobody is answered who has not confirmed who they are.
        first = min(step.at for step in steps if step.house is house)
        _ask(history, house, since=first - timedelta(hours=1), now=now)
    history.play(sorted(steps, key=lambda step: step.at))
    history.hold_back(
        houses[0],
        at=now - timedelta(hours=2, minutes=20),
        sender="+13015550188",
        body="Your mailbox is full. Confirm your password at clinic-mail.example to keep your messages.",
    )


def _ask(history: History, house: House, *, since: datetime, now: datetime) -> None:
    """Where a practice asks for birth dates, everybody has answered rightly, but for a few."""
    clinic = house.clinic
    if not clinic.asks_birth_dates:
        return
    for reached in house.reached.values():
        right = f"{reached.born_on:%m/%d/%Y}"
        if reached.is_textable:
            history.ask(house, reached, at=since, answers=[right])
        elif reached.number in clinic.silent:
            history.ask(house, reached, at=now - timedelta(days=2, hours=3), answers=[])
        elif reached.number in clinic.mistaken:
            wrong = [f"{reached.born_on + timedelta(days=day):%m/%d/%Y}" for day in (1, 30, 365)]
            history.ask(house, reached, at=now - timedelta(days=1, hours=5), answers=wrong)


def _steps(house: House, now: datetime) -> list[Step]:
    name = house.clinic.file
    return steps_of(house, read_talks(f"{name}_talks"), read_talks(f"{name}_waiting"), now=now)


def _keep_tokens(session: Session, tokens: dict[str, str], vault: Vault) -> None:
    """A data folder that was made anew, for a database that was not, has other tokens and another key."""
    for clinic in CLINICS:
        practice = by_account(session, clinic.account)
        token = tokens.get(clinic.account)
        if practice is None or token is None:
            continue
        if vault.open(practice.carrier_token_sealed or "") != token:
            practice.carrier_token_sealed = vault.seal(token)


def _tell_carrier(carrier_file: Path, carrier: dict[str, Any], *, anew: bool) -> None:
    if anew or "history" not in carrier:
        with db.reading() as session:
            carrier |= {"phones": carrier_phones(session), "history": carrier_history(session)}
        write_json(carrier_file, carrier)


def _summary() -> str:
    with db.reading() as session:
        counts = [
            session.scalar(select(func.count()).select_from(table)) for table in (Practice, Patient, Message)
        ]
    return "{} practices, {} patients, {} texts".format(*counts)


def seed_here(carrier_file: Path) -> None:
    """With the database, the keys and the carrier that the environment names."""
    given = settings()
    engine = db.connect(given.database_url, pool_size=2)
    try:
        seed(
            carrier_file=carrier_file,
            secret_keys=given.secret_keys,
            say=print,
            carrier_url=given.twilio_api_url,
        )
    finally:
        engine.dispose()


if __name__ == "__main__":
    seed_here(Path(sys.argv[1]))
