"""What the palette finds: patients and colleagues, within the reach of who asks."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.patients import directory


def test_ana_finds_a_patient_and_a_colleague(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_patient(session, cast=cast, first_name="Bena", last_name="Reed")
    session.commit()

    part = ana.post_part("/palette", q="ben").text

    assert 'data-group="Patients" data-label="Bena Reed"' in part
    assert (
        f'data-group="People" data-label="Ben Brook" data-note="Work assigned to them" data-url="/inbox/all?who={cast.ben.id}"'
        in part
    )
    assert "<html" not in part
    assert "<html" in ana.post("/palette", q="ben").text


def test_ben_and_cleo_have_no_directory(ben: Browser, cleo: Browser) -> None:
    assert ben.post_part("/palette", q="pat").status_code == 404
    assert cleo.post_part("/palette", q="pat").status_code == 404


def test_dan_finds_nobody_of_another_practice(dan: Browser) -> None:
    assert "data-found" not in dan.post_part("/palette", q="porter").text


def test_one_letter_finds_nothing(ana: Browser) -> None:
    assert "data-found" not in ana.post_part("/palette", q="p").text


def test_what_was_found_is_audited_without_its_words(ana: Browser, session: Session, cast: Cast) -> None:
    ana.post_part("/palette", q="porter")
    ana.post_part("/palette", q="nobody at all")

    deeds = session.scalars(select(audit.Audit).where(audit.Audit.action == audit.Action.SEARCHED_PATIENTS))
    assert [(deed.member_id, deed.detail) for deed in deeds] == [(cast.ana.id, {})]


def test_typing_is_counted(ana: Browser) -> None:
    for _ in range(directory.AS_TYPED.tries):
        assert ana.post_part("/palette", q="zz").status_code == 200

    assert ana.post_part("/palette", q="zz").status_code == 409
