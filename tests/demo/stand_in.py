"""A product of a few lines, so that the launcher can be tried with real processes and nothing else.

Each part notes its process id in the data folder; `web` and `simulator` answer every request with 200.
"""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Always(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, *_arguments: object) -> None:
        return


def main() -> None:
    name, arguments = sys.argv[1], sys.argv[2:]
    notes = Path(os.environ["STAND_IN_NOTES"])
    with (notes / name).open("a") as note:
        note.write(f"{os.getpid()}\n")
    if os.environ.get("STAND_IN_FAILS") == name:
        print(f"{name} cannot find its hat")
        sys.exit(3)
    print(f"{name} was given {' '.join(arguments)}")
    match name:
        case "migrate" | "seed":
            settings = ("DATABASE_URL", "TRIAGE_MIGRATION_DATABASE_URL", "TRIAGE_SECRET_KEY")
            (notes / f"{name}.settings").write_text("\n".join(os.environ.get(key, "") for key in settings))
        case "web":
            _serve(int(os.environ["TRIAGE_PORT"]))
        case "simulator":
            _serve(int(arguments[arguments.index("--port") + 1]))
        case _:
            threading.Event().wait()


def _serve(port: int) -> None:
    ThreadingHTTPServer(("127.0.0.1", port), _Always).serve_forever()


if __name__ == "__main__":
    main()
