"""Signing in: whether practices ask for a second factor."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from triage.config import Settings
from triage.doctoring.finding import Finding, ok, warn
from triage.domain.practice.practice import Practice, SecondFactor


def look(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Only for a database that is up to date."""
    if not settings.is_production:
        return
    yield from _mail(settings)
    names = connection.scalars(
        select(Practice.name).where(Practice.second_factor == SecondFactor.OFFERED).order_by(Practice.name)
    ).all()
    if names:
        yield warn(
            "second factor",
            f"A password alone opens {', '.join(names)}.",
            "Ask for a second factor under Settings, Security.",
        )
    else:
        yield ok("second factor", "Every practice asks for one.")


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.can_mail:
        yield warn(
            "mail",
            "There is no mail server: invitations are links to hand over, and nobody can ask for a new password.",
            "Set TRIAGE_SMTP_URL and TRIAGE_MAIL_FROM.",
        )
    elif not settings.mail_from:
        yield warn(
            "mail",
            "Letters have no address of yours, and may be taken for unwanted.",
            "Set TRIAGE_MAIL_FROM, such as: Triage <no-reply@clinic.example>.",
        )
    else:
        yield ok("mail", "Letters can be sent.")
