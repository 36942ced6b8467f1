"""Does what a form asks for in one transaction, and only once however often the form is sent."""

from collections.abc import Callable
from uuid import UUID

from flask import request
from sqlalchemy.orm import Session

from triage.domain.practice import submission
from triage.domain.practice.member import Member
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web.auth import current_member

AGAIN = "Saved."
# They are no part of what was sent; of a secret not even a hash is kept.
_NOT_CONTENT = ("csrf_token", "form_id", "back")


def run(deed: Callable[[Session], str]) -> str:
    """The sentence that `deed` answers with. A `Refused` undoes everything, and the form may come again."""
    member = current_member()
    with db.transaction() as session:
        return AGAIN if is_repeated(session, member) else deed(session)


def is_repeated(session: Session, member: Member) -> bool:
    """Whether this form was received before; it is from now on. Raises `Invalid`, `NotPossible`."""
    now = clock.now(session)
    return submission.first_result(session, member, _form_id(), _content(), now=now) is not None


def led_to(session: Session, member: Member, result_id: UUID) -> None:
    """Remember what this form has made, which may be taken back."""
    submission.keep_result(session, member, _form_id(), result_id)


def was_received(session: Session, member: Member) -> bool:
    """Whether this form has done its work; asking is not sending."""
    return submission.is_known(session, member, _form_id())


def errors_of(refusal: Invalid) -> dict[str, str]:
    """By field; a sentence about the whole form has none."""
    return refusal.fields or {"": refusal.sentence}


def _form_id() -> UUID:
    try:
        return UUID(request.form.get("form_id", ""))
    except ValueError:
        raise Invalid("This form is not complete. Reload the page and send it again.") from None


def _content() -> dict[str, object]:
    fields = {name: given for name, given in request.form.lists() if name not in _NOT_CONTENT}
    open_fields = {name: given for name, given in fields.items() if "password" not in name}
    return {"to": request.path, **open_fields}
