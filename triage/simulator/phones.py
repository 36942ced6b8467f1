"""The page of phones: a frame for each pretend patient, and the log of what the carrier told the practice."""

import time
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from lucide import IconDoesNotExist
from lucide.jinja import lucide
from markupsafe import Markup, escape

from triage.simulator import directory, people, receiving, replaying
from triage.simulator.carrier import Carrier
from triage.simulator.journeys import LABELS, Behaviour
from triage.simulator.picture import draw_picture
from triage.simulator.receiving import Photo
from triage.simulator.store import Row
from triage.simulator.threads import log_entries, thread

phones = Blueprint("phones", __name__)

_WAIT = 20.0


def carrier() -> Carrier:
    running: Carrier = current_app.extensions["carrier"]
    return running


@phones.before_request
def _only_from_own_pages() -> None:
    """A form on another site must not text in a patient's name."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        abort(403)


@phones.after_request
def _fence(response: Response) -> Response:
    product = carrier().product_url
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        f" form-action 'self'; base-uri 'none'; frame-src {product}; frame-ancestors 'self' {product}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": a browser would then post our own forms with the origin "null".
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "phones.picture":
        response.headers["Cache-Control"] = "no-store"
    return response


@phones.app_template_global("icon")
def icon(name: str, size: int = 16) -> str:
    try:
        return lucide(name, size=size, stroke_width=1.75, aria_hidden="true", focusable="false")
    except IconDoesNotExist:
        return lucide("circle", size=size, stroke_width=1.75, aria_hidden="true", focusable="false")


@phones.app_template_filter("clock")
def clock(at: float) -> str:
    return time.strftime("%H:%M", time.localtime(at))


@phones.app_template_filter("spoken")
def spoken(number: str) -> str:
    """A number as people write it."""
    return (
        f"({number[2:5]}) {number[5:8]}-{number[8:]}"
        if number.startswith("+1") and len(number) == 12
        else number
    )


@phones.app_template_filter("initials")
def initials(name: str) -> str:
    words = [word for word in name.split() if word[:1].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "#"


@phones.app_template_filter("linked")
def linked(body: str) -> Markup:
    """The text with its addresses as links; those of the practice can open inside the phone."""
    words: list[str] = []
    for word in body.split(" "):
        start = max(word.find("http://"), word.find("https://"))
        if start < 0:
            words.append(str(escape(word)))
            continue
        before, rest = word[:start], word[start:]
        address = rest.split("\n")[0].rstrip(".,;:!?)")
        after = rest[len(address) :]
        inside = " data-inside" if (address + "/").startswith(carrier().product_url + "/") else ""
        words.append(
            f'{escape(before)}<a href="{escape(address)}" target="_blank" rel="noopener noreferrer"{inside}>'
            f"{escape(address)}</a>{escape(after)}"
        )
    return Markup(" ".join(words))


@phones.get("/")
def page() -> str:
    store = carrier().store
    version = store.version
    shown = _shown()
    return render_template(
        "page.html",
        version=version,
        shown=[_frame(phone) for phone in shown],
        layout=_layout(shown),
        everybody=store.rows("select * from phone order by label, id"),
        log=log_entries(store),
        labels=LABELS,
        practices=store.rows("select number, friendly_name from number order by rowid"),
        now=time.time(),
        product_url=carrier().product_url,
    )


@phones.get("/live")
def live() -> Response:
    """Waits for news, then answers with the parts of the page; another `layout` calls for another page."""
    store = carrier().store
    store.wait_beyond(request.args.get("after", 0, int), _WAIT)
    if not store.is_open:
        abort(503)
    version, shown = store.version, _shown()
    parts = {
        f"thread-{phone['id']}": render_template("_thread.html", entries=_frame(phone)["entries"])
        for phone in shown
    }
    parts["log"] = render_template("_log.html", log=log_entries(store))
    return jsonify(version=version, layout=_layout(shown), parts=parts)


@phones.post("/phones/<int:phone_id>/texts")
def send(phone_id: int) -> Any:
    phone = _find(phone_id)
    body = request.form.get("body", "").replace("\r\n", "\n")
    photos = [_next_photo()] if request.form.get("photo") else []
    number = directory.practice_number_for(carrier().store, phone["number"])
    if number is None or not (body.strip() or photos):
        return _done()
    receiving.receive(carrier(), sender=phone["number"], recipient=number, body=body[:1600], photos=photos)
    return _done()


@phones.post("/phones/<int:phone_id>/practice")
def choose_practice(phone_id: int) -> Any:
    number = directory.number_or_none(carrier().store, request.form.get("number", ""))
    if number is None:
        abort(404)
    directory.choose_practice_number(carrier().store, _find(phone_id)["id"], number["number"])
    return _done()


@phones.post("/phones/<int:phone_id>/behaviour")
def set_behaviour(phone_id: int) -> Any:
    try:
        behaviour = Behaviour(request.form.get("behaviour", ""))
    except ValueError:
        abort(400)
    with carrier().store.writing() as connection:
        connection.execute("update phone set behaviour = ? where id = ?", (behaviour, _find(phone_id)["id"]))
    return _done()


@phones.post("/phones/<int:phone_id>/frame")
def swap(phone_id: int) -> Any:
    """Another phone takes this one's frame."""
    other = _find(request.form.get("other", 0, int))
    people.show(carrier(), other["id"], instead_of=phone_id)
    return _done()


@phones.post("/people")
def add_person() -> Any:
    people.add_person(carrier())
    return _done()


@phones.post("/rushes")
def rush() -> Any:
    people.rush(carrier(), count=50, seconds=60)
    return _done()


@phones.post("/deliveries/<int:delivery_id>/replays")
def replay(delivery_id: int) -> Any:
    if replaying.replay(carrier(), delivery_id) is None:
        abort(404)
    return _done()


@phones.get("/pictures/<sid>")
def picture(sid: str) -> Response:
    media = carrier().store.row("select * from media where sid = ?", (sid,))
    if media is None or not media["content_type"].startswith("image/"):
        abort(404)
    headers = {"Cache-Control": "private, max-age=86400"}
    return Response(media["content"], content_type=media["content_type"], headers=headers)


def _shown() -> list[Row]:
    return carrier().store.rows("select * from phone where place is not null order by place")


def _layout(shown: list[Row]) -> str:
    return " ".join(f"{phone['id']}:{phone['behaviour']}" for phone in shown)


def _frame(phone: Row) -> dict[str, Any]:
    store = carrier().store
    number = directory.practice_number_for(store, phone["number"])
    practice = None if number is None else directory.number_or_none(store, number)
    return {"phone": phone, "practice": practice, "entries": thread(store, phone["number"])}


def _find(phone_id: int) -> Row:
    phone = carrier().store.row("select * from phone where id = ?", (phone_id,))
    if phone is None:
        abort(404)
    return phone


def _next_photo() -> Photo:
    return Photo("image/png", draw_picture(carrier().store.count("select count(*) from media")))


def _done() -> Any:
    """Nothing for the script, which learns of it by itself; the page again for a browser without."""
    if request.headers.get("X-Quiet"):
        return Response(status=204)
    return redirect(url_for("phones.page"), 303)
