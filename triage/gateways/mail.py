"""Letters: written from templates/mail/, and handed to a mail server."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from functools import cache
from urllib.parse import unquote, urlsplit
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from triage.config import settings
from triage.kit.errors import GatewayFailed
from triage.kit.paths import TEMPLATES

TIMEOUT_SECONDS = 10
NEAR = ("localhost", "127.0.0.1", "::1")


def send(letter_id: UUID, to: str, template: str, values: dict[str, str]) -> None:
    """Raises `GatewayFailed`. Called twice it sends twice, with the same message id."""
    given = settings()
    subject, body = _written(template, values)
    name, sender = parseaddr(given.mail_from)
    host = urlsplit(given.public_url).hostname or "localhost"
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = Address(name or "Triage", addr_spec=sender or f"no-reply@{host}")
    message["To"] = to
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{letter_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    try:
        _hand_in(given.smtp_url.get_secret_value(), message)
    except smtplib.SMTPRecipientsRefused:
        raise GatewayFailed("The mail server does not know this address.", permanent=True) from None
    except smtplib.SMTPResponseException as refusal:
        is_final = 500 <= refusal.smtp_code < 600 and not isinstance(refusal, smtplib.SMTPAuthenticationError)
        raise GatewayFailed(
            f"The mail server refuses the letter ({refusal.smtp_code}).",
            permanent=is_final,
            code=refusal.smtp_code,
        ) from None
    except (smtplib.SMTPException, OSError) as failure:
        raise GatewayFailed(
            f"The mail server cannot be reached ({type(failure).__name__}).", permanent=False
        ) from None


def _hand_in(address: str, message: EmailMessage) -> None:
    parts = urlsplit(address)
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_SECONDS)
    with server:
        # On its way through a network a letter that opens an account is encrypted, or stays.
        if parts.scheme == "smtp" and host not in NEAR:
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _written(template: str, values: dict[str, str]) -> tuple[str, str]:
    """Its first line is the subject, what follows an empty line is the body."""
    text = _templates().get_template(f"{template}.txt").render(values)
    subject, _, body = text.partition("\n\n")
    return " ".join(subject.removeprefix("Subject:").split()), body


@cache
def _templates() -> Environment:
    # Letters are plain text, where nothing is markup.
    return Environment(
        loader=FileSystemLoader(TEMPLATES / "mail"), undefined=StrictUndefined, autoescape=False
    )
