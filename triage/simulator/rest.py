"""Twilio's API as far as the product speaks it: messages, media, numbers, calls and the account."""

import hmac
import json
import secrets
import socket
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, current_app, g, request

from triage.simulator import calls, paging, refusals, resources, sending
from triage.simulator.carrier import Carrier
from triage.simulator.faults import AFTER, BEFORE, Trouble
from triage.simulator.refusals import Refusal
from triage.simulator.store import Row

rest = Blueprint("rest", __name__, url_prefix="/2010-04-01/Accounts")

_MESSAGES = paging.Listing(
    "messages",
    "text",
    "listed_at",
    resources.message,
    {"To": "recipient", "From": "sender"},
    "direction <> 'notice'",
)
_NUMBERS = paging.Listing(
    "incoming_phone_numbers",
    "number",
    "created_at",
    resources.number,
    {"PhoneNumber": "number", "FriendlyName": "friendly_name"},
)
_CALLS = paging.Listing(
    "calls", "call", "created_at", resources.call, {"To": "called", "From": "caller", "Status": "status"}
)


def carrier() -> Carrier:
    running: Carrier = current_app.extensions["carrier"]
    return running


def answer(resource: resources.Resource, status: int = 200) -> Response:
    return Response(json.dumps(resource), status, content_type="application/json; charset=utf-8")


View = Callable[..., Response]


def faulty(view: View) -> View:
    """Refuses, fails, hangs or hangs up around a request, as the switches say; at reads only if told so."""

    @wraps(view)
    def wrapped(**values: Any) -> Response:
        dice = carrier().dice
        faults = dice.faults
        if request.method != "POST" and not faults.reads:
            return view(**values)
        if faults.latency_ms:
            dice.pause(faults.latency_ms / 1000)
        before = dice.trouble(BEFORE)
        if before is not None:
            _suffer(before)
        done = view(**values)
        after = dice.trouble(AFTER) if request.method == "POST" else None
        if after is not None:
            _suffer(after)
        return done

    return wrapped


def _suffer(trouble: Trouble) -> None:
    dice = carrier().dice
    match trouble:
        case "too_many_requests":
            raise refusals.too_many_requests()
        case "unavailable_before" | "unavailable_after":
            raise refusals.unavailable()
        case "hang_before" | "hang_after":
            dice.pause(dice.faults.hang_seconds)
        case _:
            _hang_up()


def _hang_up() -> None:
    """The client's connection closes without a word; both servers name its socket in the environment."""
    connection: socket.socket = request.environ.get("gunicorn.socket") or request.environ["werkzeug.socket"]
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client has left already, which is what this is about.
        return
    raise refusals.unavailable()


@rest.url_value_preprocessor
def _authenticate(endpoint: str | None, values: dict[str, Any] | None) -> None:
    account_sid = (values or {}).pop("account_sid", "")
    login = request.authorization
    account = (
        None
        if login is None
        else carrier().store.row("select * from account where sid = ?", (login.username,))
    )
    token = "" if account is None else account["token"]
    given = (login.password or "") if login is not None else ""
    if (
        account is None
        or account["sid"] != account_sid
        or not hmac.compare_digest(token.encode(), given.encode())
    ):
        raise refusals.unauthorized()
    g.account = account


@rest.after_request
def _name_request(response: Response) -> Response:
    response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
    response.headers["X-Api-Version"] = resources.VERSION
    return response


@rest.errorhandler(Refusal)
def _refuse(refusal: Refusal) -> Response:
    response = answer(refusal.body(), refusal.status)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


@rest.get("/<account_sid>.json")
@faulty
def fetch_account() -> Response:
    return answer(resources.account(g.account))


@rest.post("/<account_sid>/Messages.json")
@faulty
def create_message() -> Response:
    form = request.form
    order = sending.Order(
        sender=form.get("From", ""),
        recipient=form.get("To", ""),
        body=form.get("Body", ""),
        service_sid=form.get("MessagingServiceSid", ""),
        media_urls=tuple(form.getlist("MediaUrl")),
        callback_url=form.get("StatusCallback", ""),
        send_at=form.get("SendAt", ""),
    )
    sid = sending.accept(carrier(), g.account, order)
    accepted = {**dict(_find("text", sid)), "status": sending.first_status(order), "error_code": None}
    return answer(resources.message(accepted), 201)


@rest.get("/<account_sid>/Messages.json")
@faulty
def list_messages() -> Response:
    return _page(_MESSAGES)


@rest.get("/<account_sid>/Messages/<sid>.json")
@faulty
def fetch_message(sid: str) -> Response:
    return answer(resources.message(_find("text", sid)))


@rest.post("/<account_sid>/Messages/<sid>.json")
@faulty
def update_message(sid: str) -> Response:
    text = _find("text", sid)
    if request.form.get("Status") == "canceled":
        sending.cancel(carrier(), text)
    elif request.form.get("Body") == "":
        sending.redact(carrier(), text)
    else:
        raise Refusal(20001, "A message can only be canceled, or redacted with an empty Body")
    return answer(resources.message(_find("text", sid)))


@rest.delete("/<account_sid>/Messages/<sid>.json")
@faulty
def delete_message(sid: str) -> Response:
    sending.delete(carrier(), _find("text", sid))
    return Response(status=204)


@rest.get("/<account_sid>/Messages/<sid>/Media.json")
@faulty
def list_media(sid: str) -> Response:
    _find("text", sid)
    listing = paging.Listing(
        "media_list", "media", "created_at", resources.media, {}, f"text_sid = '{_plain(sid)}'"
    )
    return _page(listing)


@rest.get("/<account_sid>/Messages/<sid>/Media/<media_sid>.json")
@faulty
def fetch_media(sid: str, media_sid: str) -> Response:
    return answer(resources.media(_find_media(sid, media_sid)))


@rest.get("/<account_sid>/Messages/<sid>/Media/<media_sid>")
@faulty
def open_media(sid: str, media_sid: str) -> Response:
    """Redirects to the file, as Twilio does to its delivery network: there no password is asked."""
    media = _find_media(sid, media_sid)
    return Response(status=307, headers={"Location": f"{carrier().url}/_files/{media['sid']}/{_pass(media)}"})


@rest.delete("/<account_sid>/Messages/<sid>/Media/<media_sid>.json")
@faulty
def delete_media(sid: str, media_sid: str) -> Response:
    media = _find_media(sid, media_sid)
    with carrier().store.writing() as connection:
        connection.execute("delete from media where sid = ?", (media["sid"],))
        connection.execute("update text set media_count = media_count - 1 where sid = ?", (sid,))
    return Response(status=204)


@rest.get("/<account_sid>/IncomingPhoneNumbers.json")
@faulty
def list_numbers() -> Response:
    return _page(_NUMBERS)


@rest.get("/<account_sid>/IncomingPhoneNumbers/<sid>.json")
@faulty
def fetch_number(sid: str) -> Response:
    return answer(resources.number(_find("number", sid)))


_SETTABLE = {
    "FriendlyName": "friendly_name",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}


@rest.post("/<account_sid>/IncomingPhoneNumbers/<sid>.json")
@faulty
def update_number(sid: str) -> Response:
    number = _find("number", sid)
    changes = {column: request.form[name] for name, column in _SETTABLE.items() if name in request.form}
    if changes.get("sms_fallback_url") and not changes.get("sms_url", number["sms_url"]):
        raise Refusal(21406, "SmsFallbackUrl cannot be set without SmsUrl")
    with carrier().store.writing() as connection:
        for column, value in {**changes, "updated_at": time.time()}.items():
            connection.execute(f"update number set {column} = ? where sid = ?", (value, sid))
    return answer(resources.number(_find("number", sid)))


@rest.post("/<account_sid>/Calls.json")
@faulty
def create_call() -> Response:
    form = request.form
    sid = calls.create(
        carrier(),
        g.account,
        calls.CallOrder(
            caller=form.get("From", ""),
            called=form.get("To", ""),
            url=form.get("Url", ""),
            method=form.get("Method", "POST"),
            twiml=form.get("Twiml", ""),
            callback_url=form.get("StatusCallback", ""),
            callback_events=tuple(" ".join(form.getlist("StatusCallbackEvent")).split()),
        ),
    )
    return answer(resources.call(_find("call", sid)), 201)


@rest.get("/<account_sid>/Calls.json")
@faulty
def list_calls() -> Response:
    return _page(_CALLS)


@rest.get("/<account_sid>/Calls/<sid>.json")
@faulty
def fetch_call(sid: str) -> Response:
    return answer(resources.call(_find("call", sid)))


@rest.post("/<account_sid>/Calls/<sid>.json")
@faulty
def update_call(sid: str) -> Response:
    status = request.form.get("Status", "")
    if status not in {"canceled", "completed"}:
        raise Refusal(21218, "Invalid Call Status")
    calls.end(carrier(), _find("call", sid), status)
    return answer(resources.call(_find("call", sid)))


@rest.route("/<account_sid>/<path:rest_of_path>", methods=["GET", "POST", "PUT", "DELETE"])
def unknown(rest_of_path: str) -> Response:
    raise refusals.not_found(request.path)


def file_or_none(running: Carrier, media_sid: str, given: str) -> Row | None:
    """A file whose address carries the right pass."""
    media = running.store.row("select * from media where sid = ?", (media_sid,))
    return media if media is not None and hmac.compare_digest(_pass(media).encode(), given.encode()) else None


def _pass(media: Row) -> str:
    return hmac.new(media["account_sid"].encode(), media["sid"].encode(), "sha256").hexdigest()


def _find(table: str, sid: str) -> Row:
    hidden = " and direction <> 'notice'" if table == "text" else ""
    row = carrier().store.row(
        f"select * from {table} where sid = ? and account_sid = ?{hidden}", (sid, g.account["sid"])
    )
    if row is None:
        raise refusals.not_found(request.path)
    return row


def _find_media(sid: str, media_sid: str) -> Row:
    media = _find("media", media_sid)
    if media["text_sid"] != sid:
        raise refusals.not_found(request.path)
    return media


def _page(listing: paging.Listing) -> Response:
    return answer(paging.page(carrier().store, listing, g.account["sid"], request.path, request.args))


def _plain(sid: str) -> str:
    return "".join(letter for letter in sid if letter.isalnum())
