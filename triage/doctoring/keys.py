"""The practices' carrier accounts: whether their tokens can be opened, for without one no text can be verified."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from triage.config import Settings
from triage.doctoring.finding import Finding, ok, unsafe, warn
from triage.domain.practice.practice import Practice
from triage.kit.secrets import Vault


def look(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Only for a database that is up to date."""
    vault = Vault(settings.secret_keys)
    rows = connection.execute(
        select(Practice.id, Practice.name, Practice.carrier_token_sealed, Practice.carrier_next_token_sealed)
        .where(Practice.carrier_account.is_not(None))
        .order_by(Practice.name)
    ).all()
    for row in rows:
        yield _token(vault, row.name, row.carrier_token_sealed, row.carrier_next_token_sealed)
    if not rows:
        yield warn(
            "carrier account",
            "No practice has a carrier account, so no text comes in or goes out.",
            "Make the first practice with: triage practices create NAME --account AC… --number +1…",
        )


def _token(vault: Vault, practice: str, sealed: str | None, next_sealed: str | None) -> Finding:
    subject = "carrier account"
    if sealed is None:
        return unsafe(
            subject,
            f"{practice} has a carrier account without a token, so none of its texts can be verified.",
            f"Enter it with: triage practices set-token '{practice}'",
        )
    if vault.open(sealed) is None:
        return unsafe(
            subject,
            f"The carrier token of {practice} was sealed with another TRIAGE_SECRET_KEY.",
            f"Append the former key after a comma, or enter the token with: triage practices set-token '{practice}'",
        )
    if next_sealed is not None and vault.open(next_sealed) is None:
        return warn(
            subject,
            f"The next carrier token of {practice} cannot be opened.",
            f"Enter it with: triage practices set-token --next '{practice}'",
        )
    return ok(subject, f"The token of {practice} can be opened.")
