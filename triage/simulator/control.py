"""What tests, benchmarks and the shell may ask of the carrier: to send texts, set faults, tell counts."""

import base64
import binascii
import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, current_app, request
from pydantic import ValidationError

from triage.simulator import calls, directory, people, receiving, replaying
from triage.simulator.carrier import Carrier, set_faults
from triage.simulator.faults import Faults
from triage.simulator.picture import draw_picture
from triage.simulator.receiving import Photo
from triage.simulator.sending import e164_or_none

control = Blueprint("control", __name__, url_prefix="/_control")

_LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@control.before_request
def _only_from_this_computer() -> None:
    if request.remote_addr not in _LOOPBACK:
        abort(403)
    # A page of another site can send a form to this address, but not JSON.
    if request.method not in {"GET", "HEAD"} and not request.is_json:
        abort(415)


@control.errorhandler(ValueError)
def _explain(problem: ValueError) -> tuple[dict[str, str], int]:
    return {"error": str(problem)}, 400


@control.get("/texts")
def list_texts() -> Response:
    """Texts in the order they came, `after` a `seq`; both directions unless one is named."""
    direction = request.args.get("direction", "")
    rows = carrier().store.rows(
        "select * from text where seq > ? and direction like ? order by seq limit ?",
        (request.args.get("after", 0, int), direction + "%", request.args.get("limit", 1000, int)),
    )
    return _json(
        {
            "texts": [
                {
                    "seq": row["seq"],
                    "sid": row["sid"],
                    "account_sid": row["account_sid"],
                    "direction": row["direction"],
                    "from": row["sender"],
                    "to": row["recipient"],
                    "body": row["body"],
                    "status": row["status"],
                    "error_code": row["error_code"],
                    "num_media": row["media_count"],
                    "waiting": row["due_at"] is not None,
                    "created_at": row["created_at"],
                }
                for row in rows
            ]
        }
    )


@control.post("/texts")
def send_texts() -> tuple[Response, int]:
    """One text, or `texts` with many. A text whose SID was answered is lost by no kill of the carrier."""
    given = _given()
    many = given.get("texts")
    if many is None:
        return _json({"sid": _send(given)}), 201
    if not isinstance(many, list):
        raise ValueError("texts is a list")
    return _json({"sids": [_send(one) for one in many]}), 201


@control.post("/rushes")
def rush() -> tuple[Response, int]:
    given = _given()
    count, seconds = given.get("count", 50), given.get("seconds", 60)
    if (
        not isinstance(count, int)
        or not 0 < count <= 100_000
        or not isinstance(seconds, int | float)
        or seconds < 0
    ):
        raise ValueError("count is a whole number up to 100000, seconds a number")
    people.rush(carrier(), count=count, seconds=seconds, phones=given.get("phones", ()))
    return _json({"count": count}), 202


@control.post("/calls")
def ring() -> tuple[Response, int]:
    given = _given()
    caller = _number(given, "from")
    return _json({"sid": calls.ring(carrier(), caller=caller, called=_practice_number(given, caller))}), 201


@control.get("/faults")
def read_faults() -> Response:
    return _json({**asdict(carrier().dice.faults), "counts": carrier().dice.counts})


@control.route("/faults", methods=["PUT", "PATCH"])
def change_faults() -> Response:
    """PATCH changes the named switches, PUT sets all others back."""
    onto = carrier().dice.faults if request.method == "PATCH" else Faults()
    set_faults(carrier(), Faults.read(_given(), onto=onto))
    return read_faults()


@control.route("/phones/<number>", methods=["PUT"])
def set_phone(number: str) -> Response:
    """Makes or changes a phone: `label`, `birth_date`, `behaviour`, `practice`."""
    given = {**_given(), "number": number}
    content = _checked({"phones": [given]})
    directory.install(carrier().store, content)
    with carrier().store.writing() as connection:
        connection.execute(
            "update phone set behaviour = ? where number = ?", (content.phones[0].behaviour, number)
        )
    return _json({"number": number, "behaviour": content.phones[0].behaviour})


@control.post("/accounts")
def add_accounts() -> tuple[Response, int]:
    """Adds or changes accounts, numbers and phones: the same content as the carrier file."""
    directory.install(carrier().store, _checked(_given()))
    return _json({}), 201


@control.get("/deliveries")
def list_deliveries() -> Response:
    """The calls made to receivers, newest last, with everything that was sent."""
    rows = carrier().store.rows(
        "select * from delivery where id > ? and (? = '' or text_sid = ?) order by id limit ?",
        (
            request.args.get("after", 0, int),
            request.args.get("sid", ""),
            request.args.get("sid", ""),
            request.args.get("limit", 1000, int),
        ),
    )
    return _json({"deliveries": [{**dict(row), "params": json.loads(row["params"])} for row in rows]})


@control.post("/deliveries/<int:delivery_id>/replays")
def replay(delivery_id: int) -> tuple[Response, int]:
    replayed = replaying.replay(carrier(), delivery_id)
    if replayed is None:
        raise ValueError("no such delivery")
    return _json({"answer": replayed.status}), 201


@control.get("/blocks")
def list_blocks() -> Response:
    return _json(
        {"blocks": [dict(row) for row in carrier().store.rows("select scope, phone from block order by at")]}
    )


@control.get("/counts")
def counts() -> Response:
    """`waiting` is what has still to be told or moved on; 0 means the carrier is at rest."""
    store = carrier().store
    by_direction = {
        row["direction"]: row["n"] for row in store.rows("select direction, count(*) n from text group by 1")
    }
    waiting = store.count(
        "select (select count(*) from text where due_at is not null)"
        " + (select count(*) from call where due_at is not null)"
    )
    return _json({"texts": by_direction, "waiting": waiting, "faults": carrier().dice.counts})


def carrier() -> Carrier:
    running: Carrier = current_app.extensions["carrier"]
    return running


def _send(given: Any) -> str:
    if not isinstance(given, dict):
        raise ValueError("a text is a JSON object")
    sender = _number(given, "from")
    body = given.get("body", "")
    if not isinstance(body, str):
        raise ValueError("body is a text")
    photos = [_photo(place, photo) for place, photo in enumerate(given.get("media", []))]
    return receiving.receive(
        carrier(), sender=sender, recipient=_practice_number(given, sender), body=body, photos=photos
    )


def _photo(place: int, given: Any) -> Photo:
    """ "sample" draws one; else `content_type` and `content` in base64."""
    if given == "sample":
        return Photo("image/png", draw_picture(place))
    try:
        return Photo(str(given["content_type"]), base64.b64decode(given["content"], validate=True))
    except (TypeError, KeyError, binascii.Error):
        raise ValueError('media are "sample" or objects with content_type and content (base64)') from None


def _number(given: dict[str, Any], name: str) -> str:
    number = e164_or_none(str(given.get(name, "")))
    if number is None:
        raise ValueError(f"{name} is not a phone number")
    return number


def _practice_number(given: dict[str, Any], phone: str) -> str:
    if given.get("to"):
        return _number(given, "to")
    number = directory.practice_number_for(carrier().store, phone)
    if number is None:
        raise ValueError("the carrier has no practice number yet")
    return number


def _checked(content: dict[str, Any]) -> directory.CarrierFile:
    try:
        return directory.CarrierFile.model_validate(content)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def _given() -> dict[str, Any]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise ValueError("send a JSON object")
    return given


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), content_type="application/json; charset=utf-8")
