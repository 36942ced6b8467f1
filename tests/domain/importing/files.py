"""Files as practices have them, and an import of one from the first byte to the last row."""

import json
import time
from collections.abc import Sequence

from sqlalchemy.orm import Session

from tests.cast import Cast
from triage.domain.importing import starting, working
from triage.domain.importing.run import ImportRun, State
from triage.kit import clock

HEADINGS = "Chart,First name,Last name,DOB,Phone,Location,Language"
ROSA = "2001,Rosa,Ríos,1975-02-03,(202) 555-0161,North,Spanish"
OMAR = "2002,Omar,Odeh,1990-12-31,202-555-0162,South,en"


def a_table(*rows: str, headings: str = HEADINGS) -> bytes:
    return "\n".join([headings, *rows, ""]).encode()


def a_bundle(*resources: object) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources, 1)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def ndjson(*resources: object) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in resources)


def brought(session: Session, cast: Cast, content: bytes, **choice: str) -> ImportRun:
    """The file is there; `choice` are fields by heading and `order`."""
    run = starting.bring(session, cast.practice_id, [content], by=cast.admin.id, now=clock.now(session))
    order = choice.pop("order", "")
    if run.columns and all(run.columns) is not None:
        starting.choose(session, run, fields=run.columns, order=order)
    session.commit()
    return run


def worked_off(session: Session, run: ImportRun) -> ImportRun:
    """Everything that a worker has to do for this import is done."""
    working.run_due()
    session.expire_all()
    return session.get_one(ImportRun, run.id)


def tried(session: Session, cast: Cast, content: bytes, **choice: str) -> ImportRun:
    run = brought(session, cast, content, **choice)
    starting.check(session, run, now=clock.now(session))
    session.commit()
    return worked_off(session, run)


def imported(session: Session, cast: Cast, content: bytes, **choice: str) -> ImportRun:
    run = tried(session, cast, content, **choice)
    assert run.state is State.CHECKED, run.problem
    starting.start(session, run, by=cast.admin.id, now=clock.now(session))
    session.commit()
    return worked_off(session, run)


def undone(session: Session, cast: Cast, run: ImportRun) -> ImportRun:
    starting.undo(session, run, by=cast.admin.id, now=clock.now(session))
    session.commit()
    return worked_off(session, run)


def counts(run: ImportRun) -> Sequence[int]:
    return (run.made, run.changed, run.unchanged, run.refused)


def soon() -> float:
    """Until when a slice of work may go on."""
    return time.monotonic() + 30
