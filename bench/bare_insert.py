"""The least that a web server can do for a text: a bare Flask application that inserts and commits, nothing else.

`python -m bench.bare_insert PORT DATABASE_URL` serves it with the settings of our own web server.
"""

import json
import sys
import threading
from typing import Any

import psycopg
from flask import Flask, Response, request

from triage.config import Settings, settings
from triage.server import Server

TABLE = "create table if not exists bare_text (id bigserial primary key, sid text unique, body text, params jsonb)"
INSERT = "insert into bare_text (sid, body, params) values (%s, %s, %s)"

_here = threading.local()


def create_app(database_url: str) -> Flask:
    app = Flask(__name__)

    @app.post("/")
    def receive() -> Response:
        if not hasattr(_here, "connection"):
            _here.connection = psycopg.connect(database_url)
        params = request.form.to_dict()
        with _here.connection.transaction():
            _here.connection.execute(INSERT, (params["MessageSid"], params["Body"], json.dumps(params)))
        return Response("<Response/>", content_type="text/xml")

    return app


class BareServer(Server):
    def __init__(self, given: Settings, database_url: str) -> None:
        self._database_url = database_url
        super().__init__(given)

    def load(self) -> Any:
        return create_app(self._database_url)


def main() -> None:
    port, database_url = sys.argv[1:]
    given = settings().model_copy(update={"port": int(port)})
    BareServer(given, database_url.replace("+psycopg", "", 1)).run()


if __name__ == "__main__":
    main()
