"""Lists in pages, as Twilio's API cuts them: newest first, the next page named by this one's last row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from triage.simulator.refusals import Refusal
from triage.simulator.resources import Resource
from triage.simulator.store import Row, Store

_USUAL, _MOST = 50, 1000
_DAY = 86_400


@dataclass(frozen=True)
class Listing:
    """One table's rows of one account, ordered by the column `order` and then by age."""

    key: str
    table: str
    order: str
    shape: Callable[[Row], Resource]
    filters: dict[str, str]
    condition: str = "1"


def page(store: Store, listing: Listing, account_sid: str, path: str, query: MultiDict[str, str]) -> Resource:
    """Raises Refusal 20007 for a page that is too large and 21481 for a token of no page."""
    size, number = _integer(query, "PageSize", _USUAL), _integer(query, "Page", 0)
    if not 1 <= size <= _MOST:
        raise Refusal(20007, f"Page size too large; the maximum page size is {_MOST}")
    conditions, values = _conditions(listing, query)
    conditions.append(listing.condition)
    offset = 0
    if query.get("PageToken"):
        after = _marked_row(store, listing, account_sid, query["PageToken"])
        conditions.append(f"({listing.order}, rowid) < (?, ?)")
        values += [after[listing.order], after["place"]]
    else:
        offset = number * size
    rows = store.rows(
        f"select * from {listing.table} where account_sid = ? and {' and '.join(conditions)}"
        f" order by {listing.order} desc, rowid desc limit ? offset ?",
        [account_sid, *values, size + 1, offset],
    )
    more, rows = len(rows) > size, rows[:size]
    kept = [
        (name, value)
        for name, value in query.items(multi=True)
        if name not in {"Page", "PageToken", "PageSize"}
    ]

    def uri(page_number: int, token: str = "") -> str:
        tail = [("PageSize", str(size)), ("Page", str(page_number))] + (
            [("PageToken", token)] if token else []
        )
        return f"{path}?{urlencode(kept + tail)}"

    return {
        listing.key: [listing.shape(row) for row in rows],
        "end": number * size + max(0, len(rows) - 1),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, "PA" + rows[-1]["sid"]) if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1) if number else None,
        "start": number * size,
        "uri": f"{path}?{urlencode(list(query.items(multi=True)))}" if query else path,
    }


def _conditions(listing: Listing, query: MultiDict[str, str]) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for name, column in listing.filters.items():
        if query.get(name):
            conditions.append(f"{column} = ?")
            values.append(query[name])
    for name in ("DateSent", "DateSent>", "DateSent<"):
        if query.get(name) and listing.order == "listed_at":
            bounds = _bounds(name, query[name])
            conditions.append("listed_at >= ? and listed_at < ?")
            values += bounds
    return conditions, values


def _bounds(name: str, text: str) -> tuple[float, float]:
    """Both ends count, to the second; DateSent alone means that whole day of GMT."""
    at, is_day = _moment(text)
    match name:
        case "DateSent>":
            return at, float("inf")
        case "DateSent<":
            return 0.0, at + (0 if is_day else 1)
        case _:
            start = at - at % _DAY
            return start, start + _DAY


def _moment(text: str) -> tuple[float, bool]:
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp(), True
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), False
    except ValueError:
        raise Refusal(
            20001, "DateSent is not a date of the form YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"
        ) from None


def _marked_row(store: Store, listing: Listing, account_sid: str, token: str) -> Row:
    row = store.row(
        f"select rowid as place, {listing.order} from {listing.table} where account_sid = ? and sid = ?",
        (account_sid, token.removeprefix("PA")),
    )
    if row is None or not token.startswith("PA"):
        raise Refusal(21481, "Invalid PageToken")
    return row


def _integer(query: MultiDict[str, str], name: str, unsaid: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else unsaid
