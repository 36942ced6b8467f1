"""Do texts reach us on this number? What the database knows of it, as lines that are right or wrong."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.domain.conversations.carrier import NumberAtCarrier
from triage.domain.intake.gather import NOT_SET_UP
from triage.domain.intake.ledger import Inbound, InboundState, Via
from triage.domain.practice.practice import Practice, PracticeNumber

# Reconciliation runs every few minutes; after an hour somebody should look.
LATE = timedelta(hours=1)
LOOK_BACK = timedelta(days=7)


class Light(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"


class Check(NamedTuple):
    """One line: `said` is a sentence, `at` the moment that it speaks of."""

    subject: str
    light: Light
    said: str
    at: datetime | None = None


class Facts(NamedTuple):
    """Of one number, over the last seven days, but for the last call, which may be of any time."""

    account: str | None
    has_token: bool
    is_set_up: bool
    texting_on: bool
    last_call_at: datetime | None
    last_text_at: datetime | None
    fetched: int
    last_fetched_at: datetime | None
    badly_signed: int
    last_badly_signed_at: datetime | None
    reconciled_at: datetime | None


def facts_of(session: Session, practice: Practice, number: PracticeNumber, *, now: datetime) -> Facts:
    of_number = (Inbound.practice_id == number.practice_id, Inbound.to_number == number.number)
    newest = (
        select(Inbound.received_at)
        .where(*of_number, Inbound.via == Via.WEBHOOK, Inbound.state != InboundState.QUARANTINED)
        .order_by(Inbound.received_at.desc())
        .limit(1)
    )
    newest_text = newest.with_only_columns(Inbound.sent_at)
    lately = (*of_number, Inbound.received_at >= now - LOOK_BACK)
    fetched, last_fetched_at = session.execute(
        select(func.count(), func.max(Inbound.received_at)).where(*lately, Inbound.via == Via.RECONCILE)
    ).one()
    badly_signed, last_badly_signed_at = session.execute(
        select(func.count(), func.max(Inbound.received_at)).where(
            *lately, Inbound.state == InboundState.QUARANTINED
        )
    ).one()
    return Facts(
        account=practice.carrier_account,
        has_token=bool(practice.carrier_token_sealed),
        is_set_up=number.label != NOT_SET_UP,
        texting_on=practice.texting_on,
        last_call_at=session.scalar(newest),
        last_text_at=session.scalar(newest_text),
        fetched=fetched,
        last_fetched_at=last_fetched_at,
        badly_signed=badly_signed,
        last_badly_signed_at=last_badly_signed_at,
        reconciled_at=number.reconciled_at,
    )


def checks(facts: Facts, *, now: datetime) -> list[Check]:
    """Pure. In the order in which one would look for a fault."""
    return [
        _account(facts),
        _set_up(facts),
        _reached(facts),
        _signed(facts),
        _last_text(facts),
        _compared(facts, now),
        _sending(facts),
    ]


def worst(found: list[Check]) -> Light:
    """For a list of numbers: one light for each."""
    order = (Light.RED, Light.AMBER, Light.GREY, Light.GREEN)
    return min((check.light for check in found), key=order.index)


def compare(expected: str, at_carrier: NumberAtCarrier | None) -> Check:
    """Pure. What the carrier answered when it was asked for the number."""
    if at_carrier is None:
        return Check("At the carrier", Light.RED, "The account has no such number.")
    called = at_carrier.webhook.partition("#")[0]
    if not called:
        return Check("At the carrier", Light.RED, f"No address is set there. Set {expected} for messages.")
    if called.rstrip("/") != expected.rstrip("/"):
        return Check("At the carrier", Light.RED, f"It calls {called}. Set {expected} for messages.")
    return Check("At the carrier", Light.GREEN, "The account has this number, and calls this installation.")


def _account(facts: Facts) -> Check:
    if not facts.account:
        return Check("Account", Light.RED, "No account at the carrier. Connect one: triage practices --help.")
    if not facts.has_token:
        return Check(
            "Account", Light.RED, "The account's token is missing. Store one: triage practices --help."
        )
    return Check("Account", Light.GREEN, f"Connected: the one that ends in {facts.account[-4:]}.")


def _set_up(facts: Facts) -> Check:
    if facts.is_set_up:
        return Check("Number", Light.GREEN, "Set up.")
    return Check("Number", Light.AMBER, "Texts came before anybody set it up. Say below what it is for.")


def _reached(facts: Facts) -> Check:
    missed = f"{facts.fetched} {'text' if facts.fetched == 1 else 'texts'} of the last 7 days"
    if facts.fetched and (
        facts.last_call_at is None or facts.last_call_at < (facts.last_fetched_at or facts.last_call_at)
    ):
        return Check("Calls reach us", Light.RED, f"{missed} had to be fetched, and no call came since.")
    if facts.fetched:
        return Check("Calls reach us", Light.AMBER, f"{missed} had to be fetched; calls come again.")
    if facts.last_call_at is None:
        return Check("Calls reach us", Light.GREY, "The carrier has not called yet. Text this number to see.")
    return Check("Calls reach us", Light.GREEN, "The carrier last called", facts.last_call_at)


def _signed(facts: Facts) -> Check:
    if facts.last_badly_signed_at is not None:
        calls = "call has" if facts.badly_signed == 1 else "calls have"
        said = f"{facts.badly_signed} {calls} a signature that does not match"
        if facts.last_call_at is not None and facts.last_call_at > facts.last_badly_signed_at:
            return Check("Signatures", Light.AMBER, f"{said}; genuine ones came since. Look at Quarantine.")
        return Check("Signatures", Light.RED, f"{said}, and no genuine one came since. Look at Quarantine.")
    if facts.last_call_at is None:
        return Check("Signatures", Light.GREY, "Seen with the first call.")
    return Check("Signatures", Light.GREEN, "Every call of the last 7 days was genuine.")


def _last_text(facts: Facts) -> Check:
    if facts.last_text_at is None:
        return Check("Last text", Light.GREY, "None yet.")
    return Check("Last text", Light.GREEN, "Sent", facts.last_text_at)


def _compared(facts: Facts, now: datetime) -> Check:
    if facts.reconciled_at is None:
        return Check("Carrier's list", Light.GREY, "Not compared yet.")
    if now - facts.reconciled_at > LATE:
        return Check("Carrier's list", Light.RED, "The carrier did not answer since", facts.reconciled_at)
    return Check("Carrier's list", Light.GREEN, "Last compared", facts.reconciled_at)


def _sending(facts: Facts) -> Check:
    if facts.texting_on:
        return Check("Sending", Light.GREEN, "Switched on.")
    return Check("Sending", Light.AMBER, "Switched off for the whole practice.")
