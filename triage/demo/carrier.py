"""Accounts, numbers and secrets that the demo's product and its simulated carrier agree on."""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

# Numbers of the 555-01xx range belong to nobody.
ACCOUNTS = (
    ("AC" + "1a" * 16, "Harbor Clinic", ("+12025550100", "+12025550110")),
    ("AC" + "2b" * 16, "Willow Veterinary", ("+12025550150",)),
)


def write_carrier_file(path: Path, *, product_url: str) -> None:
    """Make the file, or renew the address it names and keep the rest, which the product knows by now."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tokens = {account["sid"]: account["token"] for account in content.get("accounts", [])}
    content["accounts"] = [
        {
            "sid": sid,
            "token": tokens.get(sid) or secrets.token_hex(16),
            "name": name,
            "numbers": list(numbers),
            "sms_url": f"{product_url}/webhooks/twilio/messages",
            "sms_method": "POST",
        }
        for sid, name, numbers in ACCOUNTS
    ]
    write_json(path, {"phones": [], **content})


def write_json(path: Path, content: dict[str, Any]) -> None:
    """As the simulator reads it."""
    write_secret(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


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
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)


def main() -> None:
    """For where the launcher is not at hand (docker compose): the file, and the product's address."""
    write_carrier_file(Path(sys.argv[1]), product_url=sys.argv[2])


if __name__ == "__main__":
    main()
