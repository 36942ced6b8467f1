"""An import is taken back within a day: what nobody has used or changed since goes, the rest is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.domain.importing.files import OMAR, ROSA, a_table, imported, undone
from triage.domain.conversations.conversation import Conversation
from triage.domain.importing.run import State, kept_of
from triage.domain.patients import consent
from triage.domain.patients.patient import Contact, Patient, by_chart_number
from triage.domain.patients.phones import Phone, PhoneUse
from triage.kit import clock
from triage.kit.errors import NotPossible

ROSAS_NUMBER = "+12025550161"
Deed = Callable[[Session, Cast, Patient], object]


def rosa_of(session: Session, cast: Cast) -> Patient | None:
    return by_chart_number(session, cast.practice_id, "2001")


def test_what_was_made_is_gone_with_its_number(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table(ROSA, OMAR))

    undone(session, cast, run)

    assert (run.state, run.undone, run.kept) == (State.UNDONE, 2, 0)
    assert rosa_of(session, cast) is None
    assert session.scalars(select(Phone).where(Phone.number == ROSAS_NUMBER)).all() == []


def test_what_was_changed_is_as_before(session: Session, cast: Cast) -> None:
    row = f"1001,Patricia,Porter,1981-01-01,{PAT_NUMBER},South,es"
    before = session.get_one(Patient, cast.pat.id)
    was = (before.first_name, before.name_key, before.born_on, before.facility_id, before.language)
    run = imported(session, cast, a_table(row))
    changed = session.get_one(Patient, cast.pat.id).first_name

    undone(session, cast, run)

    pat = session.get_one(Patient, cast.pat.id)
    assert (run.changed, changed) == (1, "Patricia")
    assert (pat.first_name, pat.name_key, pat.born_on, pat.facility_id, pat.language) == was


def test_a_field_that_somebody_changed_since_stays_and_is_named(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table("1001,Patricia,Potter,,,,"))
    session.get_one(Patient, cast.pat.id).last_name = "By hand"
    session.commit()

    undone(session, cast, run)

    pat = session.get_one(Patient, cast.pat.id)
    assert (pat.first_name, pat.last_name) == ("Pat", "By hand")
    assert [(one.line, one.reason) for one in kept_of(session, run)] == [(2, "Edited since: last name.")]


def _edit(session: Session, cast: Cast, rosa: Patient) -> None:
    rosa.alerts = "Allergic to latex"


def _agree(session: Session, cast: Cast, rosa: Patient) -> None:
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == rosa.id)).one()
    phone = session.get_one(Phone, use.phone_id)
    consent.record_consent(
        session, phone, use, consent.Agreement("paper"), by=cast.ana.id, now=clock.now(session)
    )


def _text(session: Session, cast: Cast, rosa: Patient) -> None:
    session.commit()
    builders.an_inbound(session, cast=cast, number=ROSAS_NUMBER)


def _join_team(session: Session, cast: Cast, rosa: Patient) -> None:
    builders.a_place_in_care_team(session, patient=rosa, member=cast.ana)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (_edit, "It was edited since."),
        (_agree, "Consent was recorded, or a number changed, since."),
        (_text, "There are messages or tasks since."),
        (_join_team, "It is in use."),
    ],
)
def test_a_patient_who_is_in_use_stays_and_the_others_go(
    session: Session, cast: Cast, deed: Deed, reason: str
) -> None:
    run = imported(session, cast, a_table(ROSA, OMAR))
    rosa = rosa_of(session, cast)
    assert rosa is not None
    deed(session, cast, rosa)
    session.commit()

    undone(session, cast, run)

    assert (run.undone, run.kept) == (1, 1)
    assert rosa_of(session, cast) is not None
    assert by_chart_number(session, cast.practice_id, "2002") is None
    assert [(one.line, one.reason, one.patient_id) for one in kept_of(session, run)] == [(2, reason, rosa.id)]
    assert session.scalars(select(PhoneUse).where(PhoneUse.patient_id == rosa.id)).all() != []


def test_a_number_that_wrote_before_is_known_and_then_unknown_again(session: Session, cast: Cast) -> None:
    row = builders.an_inbound(session, cast=cast, number=ROSAS_NUMBER)
    run = imported(session, cast, a_table(ROSA))
    rosa = rosa_of(session, cast)
    task = builders.task_of(session, row)
    conversation = session.scalars(
        select(Conversation)
        .join(Phone, Phone.id == Conversation.phone_id)
        .where(Phone.number == ROSAS_NUMBER)
    ).one()
    assert rosa is not None and task is not None
    assert (conversation.patient_id, task.patient_id) == (rosa.id, rosa.id)

    undone(session, cast, run)

    session.refresh(conversation)
    session.refresh(task)
    assert (run.undone, run.kept) == (1, 0)
    assert (conversation.patient_id, task.patient_id) == (None, None)


def test_an_owner_of_two_animals_goes_with_the_last_one(session: Session, cast: Cast) -> None:
    headings = "Chart no.,Pet name,Species,Owner,Owner phone"
    first = imported(session, cast, a_table("3001,Biscuit,Dog,Maria Moss,202 555 0171", headings=headings))
    second = imported(session, cast, a_table("3002,Luna,cat,Maria Moss,202 555 0171", headings=headings))

    undone(session, cast, second)
    left = session.scalars(select(Contact.name)).all()
    undone(session, cast, first)

    assert left == ["Maria Moss"]
    assert session.scalars(select(Contact)).all() == []


def test_a_contact_that_was_edited_stays_with_the_patient(session: Session, cast: Cast) -> None:
    headings = "Chart no.,Pet name,Species,Owner,Owner phone"
    run = imported(session, cast, a_table("3001,Biscuit,Dog,Maria Moss,202 555 0171", headings=headings))
    session.scalars(select(Contact)).one().name = "Maria Moss-Meyer"
    session.commit()

    undone(session, cast, run)

    assert [one.reason for one in kept_of(session, run)] == ["A contact was edited since."]


def test_after_a_day_it_is_too_late(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table(ROSA))

    with pytest.raises(NotPossible), clock.shifted(timedelta(hours=24, minutes=1)):
        session.info.pop("now", None)
        undone(session, cast, run)


def test_after_undoing_the_same_file_can_be_imported_again(session: Session, cast: Cast) -> None:
    undone(session, cast, imported(session, cast, a_table(ROSA)))

    assert imported(session, cast, a_table(ROSA)).made == 1


def test_an_import_is_undone_in_many_chunks(session: Session, cast: Cast) -> None:
    rows = [f"{5000 + number},Ana,Number {number},,202-555-{number:04d},," for number in range(450)]
    run = imported(session, cast, a_table(*rows))

    undone(session, cast, run)

    assert (run.made, run.undone, run.kept) == (450, 450, 0)
