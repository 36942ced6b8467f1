"""Accounts, numbers and phones that the demo's product and its simulated carrier agree on."""

import json
import os
import secrets
from pathlib import Path

# Numbers of the 555-01xx range belong to nobody.
ACCOUNTS = (
    ("AC" + "1a" * 16, "Harbor Clinic", ("+12025550100", "+12025550110")),
    ("AC" + "2b" * 16, "Willow Veterinary", ("+12025550150",)),
)
PHONES = (
    ("+12025550123", "Maria Alvarez"),
    ("+12025550124", "James Okafor"),
    ("+12025550125", "Priya Nair"),
    ("+12025550126", "Tom Becker"),
)


def write_carrier_file(path: Path, *, product_url: str) -> None:
    """Make the file, or keep its secrets (the product knows them by now) and renew the address it names."""
    known = _tokens(path)
    accounts = [
        {
            "sid": sid,
            "token": known.get(sid) or secrets.token_hex(16),
            "name": name,
            "numbers": list(numbers),
            "sms_url": f"{product_url}/webhooks/twilio/messages",
            "sms_method": "POST",
        }
        for sid, name, numbers in ACCOUNTS
    ]
    phones = [{"number": number, "label": label} for number, label in PHONES]
    write_secret(path, json.dumps({"accounts": accounts, "phones": phones}, indent=1) + "\n")


def _tokens(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    accounts = json.loads(path.read_text())["accounts"]
    return {account["sid"]: account["token"] for account in accounts}


def find_secret_key(path: Path) -> str:
    """Made once for a data folder, then kept: sessions, links and stored credentials depend on it."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(48))
    return path.read_text().strip()


def write_secret(path: Path, text: str) -> None:
    """Readable by us alone, and never half written."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
