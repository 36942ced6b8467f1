"""What the demo prints when it is ready."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Addresses:
    """Printed with `localhost`, because passkeys refuse IP addresses."""

    web_port: int
    phones_port: int
    mail_port: int = 0

    @property
    def web(self) -> str:
        return f"http://localhost:{self.web_port}"

    @property
    def phones(self) -> str:
        return f"http://localhost:{self.phones_port}"

    @property
    def both(self) -> str:
        return f"{self.web}/demo"


def ready_block(addresses: Addresses, *, phones: bool, data: Path, servers: str, seconds: float) -> str:
    """`servers` names the database and the Redis with their versions."""
    if phones:
        where = [
            f"  Inbox        {addresses.web:<31}Phones    {addresses.phones}",
            f"  Both         {addresses.both:<31}Mail      {addresses.phones}/mail",
        ]
        hint = "Try: open Both, type a text on a phone, see it arrive; press J and Enter to open it, R to answer."
    else:
        where = [f"  Inbox        {addresses.web}"]
        hint = "Without phones, texts to patients wait."
    people = "jo (front desk) · dana (nurse) · sato (clinician) · sam (supervisor)"
    lines = [
        "",
        f"  {'Harbor Clinic demo is ready':<62}({seconds:.1f} s)",
        *where,
        f"  Sign in      {people}   password: triage-demo",
        f"  Data         {_from_here(data)}   {servers} · nothing leaves this computer",
        f"  {hint}",
        "  Ctrl-C stops everything; run again to continue; --reset starts over.",
        "",
    ]
    return "\n".join(lines)


def _from_here(path: Path) -> str:
    short = os.path.relpath(path)
    return str(path) if short.startswith("..") else f"./{short}"
