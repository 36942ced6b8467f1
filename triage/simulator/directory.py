"""Accounts, their numbers and the phones of the pretend patients: read from a file, kept in the store."""

import json
import secrets
import time
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from triage.simulator.journeys import Behaviour
from triage.simulator.store import Row, Store, insert

E164 = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
FRAMES = 4


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NumberEntry(_Entry):
    """What the file says of one number; what it leaves out is its account's."""

    number: E164
    name: str = ""
    sms_url: str | None = None
    sms_method: str | None = None
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    voice_url: str | None = None
    voice_method: str = "POST"
    advanced_opt_out: bool = False


class AccountEntry(_Entry):
    sid: str = Field(pattern="^AC[0-9a-f]{32}$")
    token: str = Field(min_length=1)
    name: str = "Practice"
    numbers: list[str | NumberEntry] = []
    sms_url: str = ""
    sms_method: str = Field("POST", pattern="^(GET|POST)$")
    sms_fallback_url: str = ""
    voice_url: str = ""
    messaging_service_sid: str | None = None
    advanced_opt_out: bool = False

    def number_entries(self) -> list[NumberEntry]:
        """Each number with everything filled in."""
        return [
            self._filled(NumberEntry(number=entry) if isinstance(entry, str) else entry)
            for entry in self.numbers
        ]

    def _filled(self, entry: NumberEntry) -> NumberEntry:
        return entry.model_copy(
            update={
                "name": entry.name or self.name,
                "sms_url": self.sms_url if entry.sms_url is None else entry.sms_url,
                "sms_method": entry.sms_method or self.sms_method,
                "sms_fallback_url": entry.sms_fallback_url or self.sms_fallback_url,
                "voice_url": self.voice_url if entry.voice_url is None else entry.voice_url,
                "advanced_opt_out": entry.advanced_opt_out or self.advanced_opt_out,
            }
        )


class PhoneEntry(_Entry):
    number: E164
    label: str = ""
    birth_date: str = ""
    practice: str | None = None
    behaviour: Behaviour = Behaviour.DELIVERS


class PastMedia(_Entry):
    sid: str = Field(pattern="^ME[0-9a-f]{32}$")
    content_type: str = "image/png"


class PastText(_Entry):
    """A text that passed through the carrier before it was started here."""

    sid: str = Field(pattern="^(SM|MM)[0-9a-f]{32}$")
    direction: Literal["inbound", "outbound-api"]
    sender: str = Field(alias="from")
    recipient: str = Field(alias="to")
    body: str
    status: str
    error_code: int | None = None
    at: AwareDatetime
    media: list[PastMedia] = []


class CarrierFile(_Entry):
    accounts: list[AccountEntry] = []
    phones: list[PhoneEntry] = []
    history: list[PastText] = []


def read_file(path: Path) -> CarrierFile:
    """Raises ValueError with one sentence that says what is wrong with the file, never what stands in it."""
    try:
        return CarrierFile.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise ValueError(f"Cannot read {path}: {problem.strerror}.") from problem
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path} is not a carrier file: {where or 'file'}: {first['msg']}.") from problem


def write_starter_file(path: Path, product_url: str) -> None:
    """One practice and three phones, for a simulator that is started on its own."""
    phones = [
        ("+12025550123", "Maria Alvarez"),
        ("+12025550124", "Ben Whitaker"),
        ("+12025550125", "Priya Natarajan"),
    ]
    content = {
        "accounts": [
            {
                "sid": "AC" + secrets.token_hex(16),
                "token": secrets.token_hex(16),
                "name": "Practice",
                "numbers": ["+12025550100"],
                "sms_url": product_url.rstrip("/") + "/webhooks/twilio/messages",
            }
        ],
        "phones": [{"number": number, "label": label} for number, label in phones],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def install(store: Store, content: CarrierFile) -> None:
    """Adds what is new and what the file changed; what was set over the API since stays."""
    with store.writing() as connection:
        for account in content.accounts:
            _install_account(connection, account)
        for phone in content.phones:
            _install_phone(connection, phone)


def _install_account(connection: Connection, account: AccountEntry) -> None:
    connection.execute(
        "insert into account values (?, ?, ?, ?, ?) on conflict (sid) do update set"
        " token = excluded.token, name = excluded.name, service_sid = excluded.service_sid",
        (account.sid, account.token, account.name, account.messaging_service_sid, time.time()),
    )
    for entry in account.number_entries():
        _install_number(connection, account.sid, entry)


def _install_number(connection: Connection, account_sid: str, entry: NumberEntry) -> None:
    configured = account_sid + entry.model_dump_json()
    known = connection.execute("select configured from number where number = ?", (entry.number,)).fetchone()
    if known is not None and known["configured"] == configured:
        return
    values = entry.model_dump(exclude={"name"})
    values |= {"account_sid": account_sid, "friendly_name": entry.name, "configured": configured}
    values["updated_at"] = time.time()
    if known is None:
        values |= {"sid": "PN" + secrets.token_hex(16), "created_at": values["updated_at"]}
        insert(connection, "number", values)
    else:
        changes = ", ".join(f"{column} = :{column}" for column in values)
        connection.execute(f"update number set {changes} where number = :number", values)


def _install_phone(connection: Connection, phone: PhoneEntry) -> None:
    known = connection.execute("select id from phone where number = ?", (phone.number,)).fetchone()
    if known is not None:
        names = (phone.label, phone.birth_date, known["id"])
        connection.execute("update phone set label = ?, birth_date = ? where id = ?", names)
        return
    taken = connection.execute("select count(*) from phone where place is not null").fetchone()[0]
    values = phone.model_dump(exclude={"practice"})
    values |= {"practice_number": phone.practice, "place": taken if taken < FRAMES else None}
    insert(connection, "phone", values)


def number_or_none(store: Store, number: str) -> Row | None:
    """A practice number with its account's token and messaging service."""
    return store.row(
        "select number.*, account.token, account.service_sid, account.name as account_name"
        " from number join account on account.sid = number.account_sid where number.number = ?",
        (number,),
    )


def practice_number_for(store: Store, phone: str) -> str | None:
    """The number a phone writes to: chosen or last had to do with, else its own, else the first."""
    own = store.row("select practice_number as number, chosen_after from phone where number = ?", (phone,))
    last = store.row(
        "select number from text where phone = ? and seq > ? order by seq desc limit 1",
        (phone, 0 if own is None else own["chosen_after"]),
    )
    first = store.row("select number from number order by rowid limit 1")
    for found in (last, own, first):
        if found is not None and found["number"]:
            return str(found["number"])
    return None


def choose_practice_number(store: Store, phone_id: int, number: str) -> None:
    """From now on the phone writes to this number, until another one writes to it."""
    with store.writing() as connection:
        connection.execute(
            "update phone set practice_number = ?,"
            " chosen_after = coalesce((select max(seq) from text), 0) where id = ?",
            (number, phone_id),
        )


def behaviour_of(store: Store, phone: str) -> Behaviour:
    found = store.row("select behaviour from phone where number = ?", (phone,))
    return Behaviour.DELIVERS if found is None else Behaviour(found["behaviour"])
