"""The web application of the pretend carrier: its API, its control, its phones."""

import time
from pathlib import Path

from flask import Flask, Response, abort, current_app, request

from triage.simulator import calls, directory, past, receiving, sending
from triage.simulator.carrier import Carrier, build
from triage.simulator.control import control
from triage.simulator.phones import phones
from triage.simulator.post import Mailbox, post
from triage.simulator.rest import file_or_none, rest
from triage.simulator.store import Store

_MOST_BYTES = 8 * 1024 * 1024


def create_app(
    *,
    data: Path | None,
    content: directory.CarrierFile,
    url: str,
    product_url: str,
    threads: int = 48,
    mail_port: int = 0,
) -> Flask:
    """An application whose carrier is awake: what an earlier process left undone goes on now.

    Without `data` everything is kept in this process's memory. `app.extensions["carrier"]` is the carrier,
    for `close` at the end.
    """
    store = Store(None if data is None else data / "simulator.db")
    directory.install(store, content)
    past.remember(store, content.history)
    carrier = build(store, url=url, product_url=product_url, threads=threads)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    app.extensions["carrier"] = carrier
    app.extensions["mailbox"] = Mailbox(mail_port)
    for blueprint in (rest, control, phones, post):
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", view_func=_health)
    app.add_url_rule("/_files/<media_sid>/<given>", view_func=_file)
    carrier.errands.start()
    _resume(carrier)
    return app


def close(carrier: Carrier) -> None:
    """Lets go of threads, connections and the store."""
    carrier.dice.lifted.set()
    carrier.errands.stop()
    carrier.caller.close()
    carrier.store.close()


def _resume(carrier: Carrier) -> None:
    now = time.time()
    for text in carrier.store.rows(
        "select sid, direction, due_at from text where due_at is not null order by due_at"
    ):
        work = receiving.announce if text["direction"] == "inbound" else sending.advance
        carrier.errands.put(max(now, text["due_at"]), work, carrier, text["sid"])
    for call in carrier.store.rows("select sid, due_at from call where due_at is not null"):
        carrier.errands.put(max(now, call["due_at"]), calls.advance, carrier, call["sid"])


def _health() -> Response:
    return Response("ok\n", content_type="text/plain; charset=utf-8")


def _file(media_sid: str, given: str) -> Response:
    media = file_or_none(current_app.extensions["carrier"], media_sid, given)
    if media is None or request.method != "GET":
        abort(404)
    return Response(media["content"], content_type=media["content_type"])
