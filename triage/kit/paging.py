"""Keyset pages: where the last page ended, as an opaque word in an address."""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from triage.kit.errors import Invalid


class Mark(NamedTuple):
    """The sort key of the last row that was shown."""

    at: datetime
    id: UUID

    def as_cursor(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()} {self.id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Mark:
    """Raises `Invalid` for anything that `as_cursor` did not write."""
    try:
        at, _, id_ = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        mark = Mark(datetime.fromisoformat(at), UUID(id_))
    except (ValueError, binascii.Error):
        raise Invalid("That page does not exist. Start again from the top of the list.") from None
    if mark.at.tzinfo is None:
        raise Invalid("That page does not exist. Start again from the top of the list.")
    return mark
