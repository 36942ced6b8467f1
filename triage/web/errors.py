"""What people see when something is refused or fails: translated from the domain's words in one place."""

import secrets

from flask import Flask, Response, g, jsonify, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

from triage.kit import logs
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible, Refused
from triage.web import render

log = logs.logger(__name__)

STATUS: dict[type[Refused], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    NotAllowed: (403, "Not allowed"),
    NotPossible: (409, "Not possible now"),
    Invalid: (422, "Please check this"),
}
SENTENCES = {
    404: "There is nothing at this address, or your role does not show it.",
    405: "This address cannot be used that way.",
    413: "That was too large.",
    429: "Too many requests. Wait a moment and try again.",
}


def install(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _of_werkzeug)
    app.register_error_handler(DataError, _cannot_be_stored)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(TimeoutError, _database_away)
    app.register_error_handler(Exception, _broken)


def refused(error: Refused) -> Response:
    status, heading = next(
        (meaning for kind, meaning in STATUS.items() if isinstance(error, kind)), (400, "Not possible")
    )
    return answer(status, heading, error.sentence or SENTENCES.get(status, ""))


def answer(status: int, heading: str, sentence: str) -> Response:
    """A refusal as the asker can use it: a fragment for a part of a page, JSON for programs, else a page."""
    if request.path.startswith(("/webhooks/", "/live")):
        response = jsonify(status=status, title=heading)
        response.status_code = status
        return response
    if render.is_partial():
        return render.fragment("errors/_refused.html", status, sentence=sentence)
    return render.page(
        "errors/refused.html", status, heading=heading, sentence=sentence, request_id=_request_id()
    )


def _stale_form(error: CSRFError) -> Response:
    return answer(
        403, "This form is too old", "Go back, reload the page and send it again. Nothing was changed."
    )


def _of_werkzeug(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return error.get_response(request.environ)  # type: ignore[return-value]  # a redirect of the router
    return answer(status, error.name, SENTENCES.get(status, error.description or ""))


def _cannot_be_stored(_error: Exception) -> Response:
    """A NUL, a number beyond all bounds: no browser sends it, and nothing was changed."""
    return answer(
        422, "Please check this", "Something in this form cannot be stored. Check it and try again."
    )


def _database_away(error: Exception) -> Response:
    """Nothing was committed: the carrier and people may try again."""
    log.warning("database away", request_id=_request_id(), exc_type=type(error).__name__)
    response = answer(
        503, "Busy for a moment", "The database does not answer. Nothing was changed; try again in a moment."
    )
    response.headers["Retry-After"] = "2"
    return response


def _broken(error: Exception) -> Response:
    error_id = secrets.token_hex(4)
    log.error("request failed", request_id=_request_id(), error_id=error_id, exc_info=error)
    if request.path.startswith("/webhooks/"):
        return Response(status=500)
    if render.is_partial():
        sentence = f"Something failed on our side ({error_id}). Nothing was changed; try again."
        return render.fragment("errors/_refused.html", 500, sentence=sentence)
    return render.page("errors/broken.html", 500, request_id=error_id)


def _request_id() -> str:
    return str(g.get("request_id", ""))
