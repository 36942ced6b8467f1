"""The running carrier: its memory, its bad days, its errands and its line to the world."""

import json
import secrets
from dataclasses import asdict, dataclass

from triage.simulator.calling import Caller
from triage.simulator.errands import Errands
from triage.simulator.faults import Dice, Faults
from triage.simulator.store import Store


@dataclass(frozen=True)
class Carrier:
    """Everything a part of the carrier may need; `url` is where the carrier itself is reached."""

    store: Store
    dice: Dice
    errands: Errands
    caller: Caller
    url: str
    product_url: str

    @property
    def pace(self) -> float:
        return self.dice.faults.pace


def build(store: Store, *, url: str, product_url: str, threads: int) -> Carrier:
    return Carrier(
        store, Dice(_kept_faults(store)), Errands(threads), Caller(), url.rstrip("/"), product_url.rstrip("/")
    )


def set_faults(carrier: Carrier, faults: Faults) -> None:
    """Kept in the store too, so that a carrier that is killed comes back with the same bad day."""
    with carrier.store.writing() as connection:
        connection.execute(
            "insert or replace into setting values ('faults', ?)", (json.dumps(asdict(faults)),)
        )
    carrier.dice.set(faults)


def new_sid(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


def _kept_faults(store: Store) -> Faults:
    kept = store.row("select value from setting where name = 'faults'")
    return Faults() if kept is None else Faults.read(json.loads(kept["value"]), onto=Faults())
