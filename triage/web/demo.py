"""Inbox and phones side by side, where the simulated carrier is at hand; nowhere else."""

from flask import Blueprint, Response, url_for

from triage.config import settings
from triage.web import render
from triage.web.auth import public

demo = Blueprint("demo", __name__)


@demo.get("/demo")
@public
def show() -> Response:
    return render.page(
        "demo/show.html", inbox_url=url_for("inbox.home"), phones_url=f"{settings().simulator_url}/"
    )
