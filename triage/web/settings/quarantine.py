"""Calls of the carrier that did not become a message: an admin files them or takes them off the list."""

from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from triage.domain.intake import ledger
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import page, saved, settings


@settings.get("/settings/quarantine")
@needs(Privilege.SETTINGS)
def quarantine() -> Response:
    with db.reading() as session:
        items = ledger.for_staff(session, current_member())
    return page("settings/quarantine.html", "quarantine", items=items, most=ledger.MOST_QUARANTINED)


@settings.post("/settings/quarantine/<uuid:inbound_id>/filing")
@needs(Privilege.SETTINGS)
def file_inbound(inbound_id: UUID) -> Response:
    def release(session: Session) -> str:
        ledger.release(session, inbound_id, by=current_member())
        return "The text is being filed. It appears in the inbox in a moment."

    return saved(once.run(release), "settings.quarantine")


@settings.post("/settings/quarantine/<uuid:inbound_id>/discarding")
@needs(Privilege.SETTINGS)
def discard_inbound(inbound_id: UUID) -> Response:
    def discard(session: Session) -> str:
        ledger.discard(session, inbound_id, by=current_member())
        return "The text is off the list. Its record stays."

    return saved(once.run(discard), "settings.quarantine")
