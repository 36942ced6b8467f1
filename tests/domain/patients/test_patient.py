"""Patients: who finds whom in the directory, and by what."""

import pytest
from sqlalchemy.orm import Session

from tests.builders import a_contact, a_member, a_patient, a_program, a_role
from tests.cast import Cast
from triage.domain.patients import care_team
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Enrolment, find_patient, search, sort_key
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import NotFound


def found_by(session: Session, member: Member, words: str) -> list[str]:
    return [one.name for one in search(session, member, words)]


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("José", "Núñez"), "jose nunez"),
        (("Pat", None), "pat"),
        (("Straße",), "strasse"),
        (("O'Neil", "Åse"), "o'neil ase"),
        ((), ""),
    ],
)
def test_a_name_sorts_without_case_and_accents(parts: tuple[str | None, ...], key: str) -> None:
    assert sort_key(*parts) == key


class TestSearch:
    @pytest.mark.parametrize("words", ["pat", "PORTER", "port pat", "  Pat   Porter ", "1001", "tér", "ort"])
    def test_pat_is_found_by_parts_of_the_name_and_by_the_chart(
        self, words: str, session: Session, cast: Cast
    ) -> None:
        assert found_by(session, cast.ana, words) == ["Pat Porter"]

    @pytest.mark.parametrize("words", ["", "  ", "%", "_at", "p%r", "\\", "robin", "100", "pat robin"])
    def test_nobody_else_is(self, words: str, session: Session, cast: Cast) -> None:
        assert found_by(session, cast.ana, words) == []

    def test_an_animal_is_found_by_its_owner(self, session: Session, cast: Cast) -> None:
        rex = a_patient(session, cast=cast, first_name="Rex", last_name="")
        a_contact(session, of=[rex], name="Zoë Zander")

        assert found_by(session, cast.ana, "zoe zan") == ["Rex"]

    def test_an_archived_patient_is_not_found(self, session: Session, cast: Cast) -> None:
        a_patient(session, cast=cast, first_name="Old").archived_at = clock.now(session)

        assert found_by(session, cast.ana, "old") == []

    def test_the_others_find_what_is_theirs(self, session: Session, cast: Cast) -> None:
        assert found_by(session, cast.ben, "pat") == []
        assert found_by(session, cast.cleo, "pat") == []
        assert found_by(session, cast.dan, "pat") == []

    def test_a_wall_and_a_program_hide_a_patient(self, session: Session, cast: Cast) -> None:
        program = a_program(session, cast=cast)
        session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
        walled = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
        fern = a_member(session, cast=cast, role=walled, facilities=[cast.south])
        gil = a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])

        assert found_by(session, fern, "pat") == found_by(session, gil, "pat") == []
        with pytest.raises(NotFound):
            find_patient(session, fern, cast.pat.id)
        with pytest.raises(NotFound):
            find_patient(session, gil, cast.pat.id)

    def test_no_more_than_a_page_is_found(self, session: Session, cast: Cast) -> None:
        for number in range(25):
            a_patient(session, cast=cast, first_name=f"Twin{number:02d}")

        names = found_by(session, cast.ana, "twin")

        assert names == sorted(names)
        assert len(names) == 20


def test_dan_does_not_find_pat(session: Session, cast: Cast) -> None:
    assert find_patient(session, cast.ana, cast.pat.id).id == cast.pat.id
    with pytest.raises(NotFound):
        find_patient(session, cast.dan, cast.pat.id)


def test_the_primary_comes_first_in_a_care_team(session: Session, cast: Cast) -> None:
    for member, is_primary in ((cast.ana, False), (cast.ben, True)):
        session.add(
            CareTeamMember(
                practice_id=cast.practice_id,
                patient_id=cast.pat.id,
                member_id=member.id,
                role="nurse",
                is_primary=is_primary,
            )
        )
    session.flush()

    team = care_team.team_of(session, cast.practice_id, cast.pat.id)

    assert [(place.brief.id, place.role, place.is_primary) for place in team] == [
        (cast.ben.id, "nurse", True),
        (cast.ana.id, "nurse", False),
    ]
    assert care_team.team_of(session, cast.other_practice.id, cast.pat.id) == []
