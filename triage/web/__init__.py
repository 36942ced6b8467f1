"""The staff pages and the webhooks: read the request, call the domain, answer."""

from flask import Flask

from triage.config import Settings
from triage.kit.paths import STATIC
from triage.web import assets, auth, errors, filters, live, render, security, shell
from triage.web.conversations import conversations
from triage.web.demo import demo
from triage.web.drafts import drafts
from triage.web.entrance import auth as entrance
from triage.web.health import health
from triage.web.importing import importing
from triage.web.inbox import inbox
from triage.web.installed import installed
from triage.web.messages import messages
from triage.web.palette import palette
from triage.web.patients import patients
from triage.web.presence import presence
from triage.web.selection import selection
from triage.web.settings import settings as settings_pages
from triage.web.signing import signing
from triage.web.tasks import tasks
from triage.web.webhooks import webhooks
from triage.web.who import who


def install(app: Flask, settings: Settings) -> None:
    """Everything that answers a request."""
    filters.install(app, assets.install(app, STATIC))
    security.install(app, settings)
    auth.install(app)
    shell.install(app)
    errors.install(app)
    app.after_request(render.compress)
    for blueprint in (
        health,
        installed,
        webhooks,
        entrance,
        live.blueprint,
        inbox,
        tasks,
        selection,
        messages,
        conversations,
        drafts,
        presence,
        patients,
        signing,
        importing,
        palette,
        who,
        settings_pages,
    ):
        app.register_blueprint(blueprint)
    if settings.simulator_url:
        app.register_blueprint(demo)
    security.csrf.exempt(webhooks)
