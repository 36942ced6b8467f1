"""A member's second factors as a whole: what there is, what changes, and the note of every change."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.access import codes, passkeys
from triage.domain.access.passkeys import Passkey, Site
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.kit.errors import NotPossible
from triage.kit.secrets import Vault


class Factors(NamedTuple):
    """What a member can show beside the password."""

    has_app: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.has_app or self.passkeys > 0


def factors_of(session: Session, member: Member) -> Factors:
    return Factors(
        codes.has_app(session, member),
        passkeys.count_passkeys(session, member),
        codes.count_recovery_codes(session, member),
    )


def confirm_app(session: Session, member: Member, code: str, *, vault: Vault, now: datetime) -> list[str]:
    """The app counts from now on. Returns recovery codes where the member has none yet, to be shown this once.

    Raises `Invalid`, `NotPossible`.
    """
    codes.confirm(session, member, code, vault=vault, now=now)
    return _added(session, member, "app", now=now)


def add_passkey(
    session: Session, member: Member, site: Site, *, answer: str, challenge: str, name: str, now: datetime
) -> list[str]:
    """As `confirm_app`. Raises `Invalid`."""
    passkeys.add(session, member, site, answer=answer, challenge=challenge, name=name, now=now)
    return _added(session, member, "passkey", now=now)


def _added(session: Session, member: Member, what: str, *, now: datetime) -> list[str]:
    member.second_factor_at = member.second_factor_at or now
    session.flush()
    note(session, member, f"{what} added", by=member, now=now)
    if codes.count_recovery_codes(session, member):
        return []
    return codes.new_recovery_codes(session, member, now=now)


def renew_recovery_codes(session: Session, member: Member, *, now: datetime) -> list[str]:
    """Raises `NotPossible` where there is nothing to recover from."""
    if not factors_of(session, member).any:
        raise NotPossible("Recovery codes belong to an app or a passkey. Add one first.")
    note(session, member, "recovery codes renewed", by=member, now=now)
    return codes.new_recovery_codes(session, member, now=now)


def remove_app(session: Session, member: Member, *, now: datetime) -> None:
    """Safe to repeat."""
    codes.remove_app(session, member)
    _removed(session, member, "app", now=now)


def remove_passkey(session: Session, member: Member, passkey: Passkey, *, now: datetime) -> None:
    session.delete(passkey)
    session.flush()
    _removed(session, member, "passkey", now=now)


def _removed(session: Session, member: Member, what: str, *, now: datetime) -> None:
    if not factors_of(session, member).any:
        codes.forget_recovery_codes(session, member)
        member.second_factor_at = None
    session.flush()
    note(session, member, f"{what} removed", by=member, now=now)


def reset(session: Session, member: Member, *, by: Member | None, now: datetime) -> None:
    """For somebody who lost phone and paper: everything is gone, also every session. Safe to repeat."""
    codes.remove_app(session, member)
    codes.forget_recovery_codes(session, member)
    session.execute(
        delete(Passkey).where(Passkey.practice_id == member.practice_id, Passkey.member_id == member.id)
    )
    member.second_factor_at = None
    session.flush()
    sign_in.end_all_sessions(session, member, now=now)
    note(session, member, "second factor reset", by=by, now=now)


def note(session: Session, member: Member, what: str, *, by: Member | None, now: datetime) -> None:
    """Words of ours only."""
    audit.record(
        session,
        member.practice_id,
        audit.Action.SECURITY_CHANGED,
        by=by.id if by else None,
        at=now,
        subject_id=member.id,
        what=what,
    )
