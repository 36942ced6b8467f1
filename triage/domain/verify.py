"""Proof from the rows alone: nothing is lost, doubled, moved unseen or counted wrongly.

Every promise is checked by set-based queries that return the ids of what breaks it. It only reads, needs no worker
to be stopped, and is the last step of every kill run. The audit chain (I9) comes with the sealed audit.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, ForeignKeyConstraint, TextClause, event, select, text
from sqlalchemy.orm import Session, SessionTransaction

from triage.domain import tables
from triage.domain.conversations.carrier import Carrier, CarrierOf, CarrierText
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.inbox import folders
from triage.domain.inbox.folders import MOST_COUNTED, Slug, slugs_for
from triage.domain.intake.ledger import Inbound
from triage.domain.practice.member import load_member
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.domain.promises import PROMISES, RIGHT_COUNTS, Promise
from triage.kit import clock, db
from triage.kit.errors import GatewayFailed, OutcomeUnknown

MOST_SHOWN = 20
# Counting for a member costs a page view; this many members of a practice are proof enough.
MOST_MEMBERS = 200
# What is younger may be on its way: a webhook, a lease that is being taken over.
SETTLE = timedelta(seconds=60)
COMPARED_WITH_CARRIER = timedelta(hours=24)
# Carriers list by whole seconds and can lag, so the list begins earlier than what is looked for in it.
LIST_OVERLAP = timedelta(hours=1)


class Problem(NamedTuple):
    """What is wrong, and the ids of up to `MOST_SHOWN` rows with which it is."""

    sentence: str
    ids: tuple[str, ...]


class Finding(NamedTuple):
    """What became of one promise. `note` says why it was not checked, or only in part."""

    name: str
    promise: str
    looked_at: int
    problems: tuple[Problem, ...] = ()
    note: str = ""


class Report(NamedTuple):
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        return not any(finding.problems for finding in self.findings)

    @property
    def broken(self) -> set[str]:
        """The names of the promises that do not hold: {"I3"}."""
        return {finding.name for finding in self.findings if finding.problems}

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "name": finding.name,
                "promise": finding.promise,
                "looked_at": finding.looked_at,
                "note": finding.note,
                "problems": [{"what": one.sentence, "ids": list(one.ids)} for one in finding.problems],
            }
            for finding in self.findings
        ]

    def print(self, console: Console) -> None:
        table = Table("", "Promise", "Rows", "Result")
        for finding in self.findings:
            lines = [f"{one.sentence}: {', '.join(one.ids)}" for one in finding.problems]
            result = "\n".join(lines) or finding.note or "holds"
            table.add_row(finding.name, finding.promise, f"{finding.looked_at:,}", result)
        console.print(table)
        console.print(
            "Every promise holds." if self.is_clean else "BROKEN: " + ", ".join(sorted(self.broken))
        )


def verify(
    session: Session, carrier_of: CarrierOf | None = None, *, practice_id: UUID | None = None
) -> Report:
    """Check every promise, for one practice or for all; with carriers, compare their lists as well.

    The carriers are asked before the session is used, so that no transaction is open meanwhile.
    """
    listings = list(_ask_carriers(carrier_of, practice_id)) if carrier_of else None
    findings = [check(session, promise, practice_id) for promise in PROMISES]
    findings.append(_references(session, practice_id))
    findings.append(_counts(session, practice_id))
    findings.append(_carriers(session, listings))
    return Report(tuple(sorted(findings, key=lambda finding: int(finding.name[1:]))))


def verify_now(carrier_of: CarrierOf | None = None, *, practice_id: UUID | None = None) -> Report:
    """On one unmoving picture of the database, so that the product may go on working meanwhile."""
    with db.reading() as session:
        event.listen(session, "after_begin", _stand_still)
        return verify(session, carrier_of, practice_id=practice_id)


def _stand_still(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    connection.execute(text("set local statement_timeout = '10min'"))


def check(session: Session, promise: Promise, practice_id: UUID | None = None) -> Finding:
    """One promise alone."""
    found = [
        Problem(sentence, ids)
        for sentence, query in promise.checks
        if (ids := _ids(session, query, practice_id))
    ]
    looked_at = sum(_count_rows(session, name, practice_id) for name in promise.rows)
    return Finding(promise.name, promise.sentence, looked_at, tuple(found))


def _ids(session: Session, query: str, practice_id: UUID | None) -> tuple[str, ...]:
    values = {"now": clock.now(session), "most": MOST_SHOWN, "practice": practice_id}
    rows = session.scalars(_of_practice(f"{query} limit :most", practice_id), values)
    return tuple(str(id_) for id_ in rows)


def _of_practice(query: str, practice_id: UUID | None) -> TextClause:
    """Put in plainly, so that the planner knows whether one practice or all of them are meant."""
    meaning = r"true" if practice_id is None else r"\1.practice_id = :practice"
    return text(re.sub(r"mine\((\w+)\)", meaning, query))


def _count_rows(session: Session, table: str, practice_id: UUID | None) -> int:
    where = "where mine(x)" if "practice_id" in tables.metadata.tables[table].columns else ""
    query = _of_practice(f"select count(*) from {table} x {where}", practice_id)
    number: int = session.scalars(query, {"practice": practice_id}).one()
    return number


def _references(session: Session, practice_id: UUID | None) -> Finding:
    """I8, from the tables' own references, so that a new table is looked at as soon as it is there."""
    problems = []
    for table, column, target in _links():
        key = tables.metadata.tables[table].primary_key.columns.keys()[0]
        query = f"""
            select x.{key} from {table} x
            left join {target} y on y.id = x.{column} and y.practice_id = x.practice_id
            where mine(x) and x.{column} is not null and y.id is null
            """
        ids = _ids(session, query, practice_id)
        if ids:
            problems.append(Problem(f"{table}.{column} leads out of the practice", ids))
    looked_at = sum(_count_rows(session, table, practice_id) for table in {link[0] for link in _links()})
    return Finding("I8", "No row points into another practice", looked_at, tuple(problems))


# These cannot be foreign keys: what they point at stands higher in the order of concepts, or may be anybody.
_LINKS_WITHOUT_KEY = (
    ("assignment", "assigned_by_id", "member"),
    ("consent_event", "inbound_id", "inbound"),
)


def _links() -> Iterator[tuple[str, str, str]]:
    """(table, column, table it points at) of every reference between rows of practices."""
    for table in tables.metadata.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, ForeignKeyConstraint) and len(constraint.elements) == 2:
                column = next(name for name in constraint.column_keys if name != "practice_id")
                yield table.name, column, constraint.referred_table.name
    yield from _LINKS_WITHOUT_KEY


def _counts(session: Session, practice_id: UUID | None) -> Finding:
    """I10: each member's badges, as the pages show them, against counts that are made in another way."""
    now, members = clock.now(session), _some_members(session, practice_id)
    wrong = tuple(str(id_) for id_ in members if not _sees_right_counts(session, id_, now))[:MOST_SHOWN]
    problems = (Problem("member who sees wrong counts", wrong),) if wrong else ()
    return Finding("I10", "The counts on the pages are the numbers of rows", len(members), problems)


def _some_members(session: Session, practice_id: UUID | None) -> list[UUID]:
    query = """
        select id from (
          select m.id, row_number() over (partition by m.practice_id order by m.id) as place
          from member m where mine(m) and m.is_active) placed
        where place <= :most
        """
    values = {"practice": practice_id, "most": MOST_MEMBERS}
    return list(session.scalars(_of_practice(query, practice_id), values))


def _sees_right_counts(session: Session, member_id: UUID, now: datetime) -> bool:
    member = load_member(session, member_id)
    assert member is not None
    shown = folders.counts(session, member, now=now)
    counted = session.execute(RIGHT_COUNTS, {"member": member_id, "now": now}).one()._mapping
    right = {Slug(name): min(number, MOST_COUNTED) for name, number in counted.items()}
    mine = {slug: right[slug] for slug in slugs_for(member) if slug in right}
    total = mine.get(Slug.UNASSIGNED, 0) + mine.get(Slug.MINE, 0)
    return shown.total == total and all(shown.of(slug) == number for slug, number in mine.items())


class Listing(NamedTuple):
    """What the carrier has of one number; `texts` is None where it did not answer."""

    practice_id: UUID
    number: str
    until: datetime
    texts: list[CarrierText] | None


def _ask_carriers(carrier_of: CarrierOf, practice_id: UUID | None) -> Iterator[Listing]:
    with db.reading() as session:
        now = clock.now(session)
        query = select(PracticeNumber, Practice).join(Practice, Practice.id == PracticeNumber.practice_id)
        if practice_id is not None:
            query = query.where(Practice.id == practice_id)
        numbers = [(row[0], row[1]) for row in session.execute(query.order_by(PracticeNumber.id))]
    for number, practice in numbers:
        carrier = carrier_of(practice)
        if carrier is not None:
            yield Listing(practice.id, number.number, now, _listed(carrier, number.number, now))


def _listed(carrier: Carrier, number: str, now: datetime) -> list[CarrierText] | None:
    since = now - COMPARED_WITH_CARRIER - LIST_OVERLAP
    try:
        return [
            *carrier.texts(since=since, to_number=number),
            *carrier.texts(since=since, from_number=number),
        ]
    except (GatewayFailed, OutcomeUnknown):
        return None


def _carriers(session: Session, listings: list[Listing] | None) -> Finding:
    """I11: what the carrier lists of the last day is in the ledger, and what we sent is on its list."""
    promise = "What the carrier has is filed here, and what was sent from here is there"
    if listings is None:
        return Finding("I11", promise, 0, note="not compared: no carrier was asked")
    answered = [listing for listing in listings if listing.texts is not None]
    missed = [sid for listing in answered for sid in _never_received(session, listing)]
    gone = [id_ for listing in answered for id_ in _unknown_to_carrier(session, listing)]
    problems = [
        Problem(sentence, tuple(ids[:MOST_SHOWN]))
        for sentence, ids in (
            ("text that never arrived", missed),
            ("sent, and the carrier has no such text", gone),
        )
        if ids
    ]
    looked_at = sum(len(listing.texts or ()) for listing in answered)
    silent = len(listings) - len(answered)
    note = f"{silent} numbers were not compared: the carrier did not answer" if silent else ""
    return Finding("I11", promise, looked_at, tuple(problems), note)


def _never_received(session: Session, listing: Listing) -> list[str]:
    sids = {
        one.sid
        for one in listing.texts or ()
        if one.is_inbound
        and listing.until - COMPARED_WITH_CARRIER <= one.created_at <= listing.until - SETTLE
    }
    query = select(Inbound.provider_sid).where(
        Inbound.practice_id == listing.practice_id, Inbound.provider_sid.in_(sids)
    )
    return sorted(sids - set(session.scalars(query)))


def _unknown_to_carrier(session: Session, listing: Listing) -> list[str]:
    sids = {one.sid for one in listing.texts or () if not one.is_inbound}
    sent = session.execute(
        select(OutboundText.message_id, OutboundText.provider_sid).where(
            OutboundText.practice_id == listing.practice_id,
            OutboundText.from_number == listing.number,
            OutboundText.state == OutboundState.SENT,
            OutboundText.first_claim_at.between(
                listing.until - COMPARED_WITH_CARRIER, listing.until - SETTLE
            ),
        )
    )
    return sorted(str(row.message_id) for row in sent if row.provider_sid not in sids)
