"""Letters as a mail server sees them, over SMTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from triage import config
from triage.config import Settings
from triage.demo.ports import find_port
from triage.gateways import mail
from triage.kit import db
from triage.kit.errors import GatewayFailed
from triage.kit.paths import TEMPLATES
from triage.simulator.post import Mailbox

VALUES = {
    "name": "Inês Duarte",
    "login": "ines",
    "practice": "Harbor Clinic",
    "by": "Ada Lindqvist",
    "until": "29 November",
    "link": "https://texts.clinic.example/invitations/abc",
}


@pytest.fixture
def mailbox(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    port = find_port(21000, explicit=False)
    mailbox = Mailbox(port)
    monkeypatch.setenv("TRIAGE_SMTP_URL", f"smtp://localhost:{port}")
    monkeypatch.setenv("TRIAGE_MAIL_FROM", "Triage <no-reply@clinic.example>")
    config.settings.cache_clear()
    yield mailbox
    mailbox.close()


def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    mail.send(db.new_id(), "ines@clinic.example", "invitation", VALUES)

    [letter] = mailbox.letters
    assert (letter.sender, letter.recipient) == ("no-reply@clinic.example", "ines@clinic.example")
    assert letter.subject == "Harbor Clinic: you are invited to Triage"
    assert "Hello Inês Duarte" in letter.body
    assert "\nhttps://texts.clinic.example/invitations/abc\n" in letter.body.replace("\r\n", "\n")


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("mail/*.txt")), ids=lambda path: path.stem)
def test_every_letter_can_be_written_and_speaks_of_no_patient(path: Path, mailbox: Mailbox) -> None:
    mail.send(db.new_id(), "ines@clinic.example", path.stem, VALUES)

    [letter] = mailbox.letters
    said = f"{letter.subject} {letter.body}".lower()
    assert letter.subject
    assert not any(word in said for word in ("patient", "message from", "appointment", "+1"))


def test_a_name_cannot_add_lines_to_the_head(mailbox: Mailbox) -> None:
    mail.send(
        db.new_id(), "ines@clinic.example", "invitation", {**VALUES, "practice": "X\nBcc: all@x.example"}
    )

    [letter] = mailbox.letters
    assert letter.subject == "X Bcc: all@x.example: you are invited to Triage"


def test_a_server_that_is_away_is_asked_again_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_SMTP_URL", "smtp://localhost:1")
    config.settings.cache_clear()

    with pytest.raises(GatewayFailed) as failure:
        mail.send(db.new_id(), "ines@clinic.example", "invitation", VALUES)

    assert not failure.value.permanent
