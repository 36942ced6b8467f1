"""Telling something a second time, on demand."""

import json
from urllib.parse import urlsplit, urlunsplit

from triage.simulator import posting
from triage.simulator.calling import Answer
from triage.simulator.carrier import Carrier


def replay(carrier: Carrier, delivery_id: int) -> Answer | None:
    """Sends the logged call again, newly signed; None when the log no longer has it."""
    delivery = carrier.store.row(
        "select delivery.*, account.token from delivery join account on account.sid = delivery.account_sid"
        " where id = ?",
        (delivery_id,),
    )
    if delivery is None:
        return None
    params = [(name, value) for name, value in json.loads(delivery["params"])]
    address = delivery["url"]
    if delivery["method"] == "GET" and params:
        address = _without(address, params)
    # A replay is one call: no tries, whatever the address says.
    return posting.post(
        carrier,
        posting.Letter(
            "replay",
            delivery["label"],
            delivery["text_sid"],
            delivery["account_sid"],
            delivery["token"],
            delivery["method"],
            address + "#rc=0",
            params,
        ),
    )


def _without(address: str, params: list[tuple[str, str]]) -> str:
    """The address as it was before a GET's parameters were put at its end."""
    parts = urlsplit(address)
    own = parts.query.split("&")[: -len(params)]
    return urlunsplit(parts._replace(query="&".join(own)))
