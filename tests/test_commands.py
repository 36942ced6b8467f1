"""`triage practices`, `members` and `patients`: a new installation set up from a terminal."""

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import ACCOUNT, CARRIER_TOKEN, NORTH_NUMBER, SECRET_KEY, Cast
from triage import commands, config
from triage.domain import audit
from triage.domain.access.passkeys import Passkey
from triage.domain.inbox.task import State
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import practice as practices
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.kit.secrets import Vault

PASSWORD = "a password for tests"
NEW_ACCOUNT = "AC" + "9" * 32
GROUPS = {"practices": commands.practices, "members": commands.members, "patients": commands.patients}

pytestmark = pytest.mark.usefixtures("fresh_settings")


def run(line: list[str], typed: str = "") -> Result:
    """One command as a terminal without a keyboard runs it; `typed` is its standard input."""
    group, *rest = line
    return CliRunner().invoke(GROUPS[group], rest, input=typed)


def refused(result: Result, sentence: str) -> bool:
    return result.exit_code == 1 and sentence in result.output and "Traceback" not in result.output


def test_a_practice_is_made_with_roles_numbers_and_a_sealed_token(fresh_session: Session) -> None:
    line = ["practices", "create", "Elm Street", "--account", NEW_ACCOUNT]

    result = run([*line, "--number", "202 555 0100", "--number", "+12025550110"], typed="the token\n")

    practice = fresh_session.scalars(select(Practice)).one()
    numbers = practices.numbers_of(fresh_session, practice.id)
    assert result.exit_code == 0, result.output
    assert (practice.name, practice.carrier_account) == ("Elm Street", NEW_ACCOUNT)
    assert [(one.number, one.label) for one in numbers] == [
        ("+12025550100", "Front desk"),
        ("+12025550110", "Line 2"),
    ]
    assert practice.carrier_token_sealed is not None
    assert Vault([SECRET_KEY]).open(practice.carrier_token_sealed) == "the token"
    assert "the token" not in result.output


def test_the_environment_can_name_the_first_account(
    fresh_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", NEW_ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "from the environment")

    assert run(["practices", "create", "Elm Street"]).exit_code == 0

    practice = fresh_session.scalars(select(Practice)).one()
    assert practice.carrier_token_sealed is not None
    assert Vault([SECRET_KEY]).open(practice.carrier_token_sealed) == "from the environment"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--time-zone", "Mars/Olympus"], "There is no time zone Mars/Olympus."),
        (["--region", "usa"], "A region is a country in two capital letters"),
        (["--number", "12"], "Enter a full phone number"),
        (["--number", NORTH_NUMBER], "This number is in use already."),
        (["--account", "AC1"], "An account is AC and 32 hexadecimal digits."),
        (["--account", ACCOUNT], "Another practice has this account."),
    ],
)
def test_a_practice_that_cannot_be_is_refused_whole(
    fresh_cast: Cast, fresh_session: Session, options: list[str], sentence: str
) -> None:
    result = run(["practices", "create", "Third", *options], typed="the token\n")

    assert refused(result, sentence)
    assert fresh_session.scalar(select(Practice.id).where(Practice.name == "Third")) is None


def test_a_token_is_changed_in_two_steps(fresh_cast: Cast, fresh_session: Session) -> None:
    assert run(["practices", "set-token", "elm street clinic", "--next"], typed="coming\n").exit_code == 0
    practice = fresh_session.get_one(Practice, fresh_cast.practice_id)
    assert _opened(practice.carrier_token_sealed) == CARRIER_TOKEN
    assert _opened(practice.carrier_next_token_sealed) == "coming"

    assert run(["practices", "set-token", str(practice.id)], typed="coming\n").exit_code == 0
    fresh_session.commit()
    fresh_session.refresh(practice)
    assert _opened(practice.carrier_token_sealed) == "coming"
    assert practice.carrier_next_token_sealed is None


def test_a_secret_that_does_not_come_is_missed(fresh_cast: Cast) -> None:
    assert refused(run(["practices", "set-token", "Elm Street Clinic"]), "nothing came on standard input")


def test_practices_are_listed(fresh_cast: Cast) -> None:
    listed = run(["practices", "list"]).output

    assert "Elm Street" in listed
    assert "Oak Street" in listed
    assert NORTH_NUMBER in listed


def test_a_new_installation_says_what_to_do() -> None:
    assert "triage practices create NAME" in run(["practices", "list"]).output
    assert refused(
        run(["members", "add", "eve", "--name", "Eve"], typed=PASSWORD), "There is no practice yet."
    )


def test_somebody_is_added_who_can_then_sign_in(fresh_cast: Cast, fresh_session: Session) -> None:
    line = ["members", "add", "Eve", "--name", "Eve Ellis", "--practice", "Elm Street Clinic"]

    result = run([*line, "--role", "practice ADMIN"], typed=f"{PASSWORD}\n")

    eve = sign_in.check_password(fresh_session, "eve", PASSWORD)
    assert result.exit_code == 0, result.output
    assert eve is not None
    assert (eve.practice_id, eve.role.name) == (fresh_cast.practice_id, "Practice admin")
    noted = fresh_session.scalars(select(audit.Audit).where(audit.Audit.subject_id == eve.id)).one()
    assert (noted.action, noted.member_id) == (audit.Action.MEMBER_CHANGED, None)


@pytest.mark.parametrize(
    ("line", "typed", "sentence"),
    [
        (["ana", "--name", "Ana"], PASSWORD, "This login is taken."),
        (["eve", "--name", "Eve"], "short", "Use at least 12 characters."),
        (["eve", "--name", "Eve"], "", "nothing came on standard input"),
        (
            ["eve", "--name", "Eve", "--role", "King"],
            PASSWORD,
            "There is no role King. There are: Practice admin",
        ),
        (["eve", "--name", "Eve", "--practice", "Nowhere"], PASSWORD, "There is no practice Nowhere."),
    ],
)
def test_somebody_who_cannot_be_added_is_refused(
    fresh_cast: Cast, fresh_session: Session, line: list[str], typed: str, sentence: str
) -> None:
    options = [] if "--practice" in line else ["--practice", "Elm Street Clinic"]

    assert refused(run(["members", "add", *line, *options], typed=typed), sentence)
    assert fresh_session.scalar(select(Member.id).where(Member.login == "eve")) is None


def test_with_several_practices_one_must_be_named(fresh_cast: Cast) -> None:
    result = run(["members", "add", "eve", "--name", "Eve"], typed=PASSWORD)

    assert refused(result, "There are several practices.")
    assert str(fresh_cast.practice_id) in result.output


def test_a_password_is_set_and_ends_every_session(fresh_cast: Cast, fresh_session: Session) -> None:
    result = run(["members", "password", "ben"], typed=f"{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    assert sign_in.check_password(fresh_session, "ben", PASSWORD) is not None


def test_members_are_listed_by_practice(fresh_cast: Cast) -> None:
    listed = run(["members", "list", "--practice", "Oak Street Clinic"]).output

    assert "dan" in listed
    assert "ana" not in listed.lower().split()


def test_who_is_disabled_gives_back_the_tasks(fresh_cast: Cast, fresh_session: Session) -> None:
    task = builders.a_task(fresh_session, cast=fresh_cast, assignees=[fresh_cast.ben])

    result = run(["members", "disable", "ben"])

    fresh_session.expire_all()
    assert "1 open task went back to the queue." in result.output
    assert task.state is State.PENDING
    assert run(["members", "disable", "ben"]).exit_code == 0


def test_the_last_administrator_cannot_be_disabled(fresh_cast: Cast) -> None:
    assert refused(run(["members", "disable", "admin"]), "Nobody could administer members any more.")


def test_nobody_is_disabled_by_a_login_that_is_not_there(fresh_cast: Cast) -> None:
    assert refused(run(["members", "disable", "zoe"]), "Nobody signs in as zoe.")


def test_a_patient_is_added_and_reached_at_a_number(fresh_cast: Cast, fresh_session: Session) -> None:
    line = ["patients", "add", "--first-name", "Robin", "--last-name", "Reed", "--chart", "2002"]

    result = run(
        [*line, "--born", "1990-02-03", "--number", "202 555 0188", "--practice", "Elm Street Clinic"]
    )

    robin = fresh_session.scalars(select(Patient).where(Patient.chart_number == "2002")).one()
    assert result.exit_code == 0, result.output
    assert (robin.name, robin.practice_id) == ("Robin Reed", fresh_cast.practice_id)
    assert _numbers_of(fresh_session, robin) == ["+12025550188"]
    assert "Robin" not in result.output


def test_what_is_left_out_is_asked_for(fresh_cast: Cast, fresh_session: Session) -> None:
    result = run(["patients", "add", "--practice", "Elm Street Clinic"], typed="Robin\nReed\n2002\n")

    assert result.exit_code == 0, result.output
    assert (
        fresh_session.scalars(select(Patient.last_name).where(Patient.chart_number == "2002")).one() == "Reed"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--chart", "1001"], "Another patient has this chart number."),
        (["--chart", "2002", "--born", "2999-01-01"], "The birth date lies in the future."),
        (["--chart", "2002", "--number", "12"], "Enter a full phone number"),
    ],
)
def test_a_patient_who_cannot_be_is_refused(fresh_cast: Cast, options: list[str], sentence: str) -> None:
    line = ["patients", "add", "--first-name", "Robin", "--last-name", "Reed"]

    assert refused(run([*line, *options, "--practice", "Elm Street Clinic"]), sentence)


def test_patients_are_counted_and_not_named(fresh_cast: Cast) -> None:
    listed = run(["patients", "list"]).output

    assert "Elm Street Clinic" in listed
    assert "Pat" not in listed.replace("Patients", "")


def test_a_number_that_is_linked_says_whose_its_conversation_is(
    fresh_cast: Cast, fresh_session: Session
) -> None:
    number = "+12025550177"
    task = builders.a_task(fresh_session, cast=fresh_cast, number=number)
    assert task.patient_id is None

    line = ["patients", "link-number", "1001", number, "--practice", "Elm Street Clinic"]
    results = [run(line), run(line)]

    fresh_session.expire_all()
    assert [result.exit_code for result in results] == [0, 0]
    assert _numbers_of(fresh_session, fresh_cast.pat).count(number) == 1
    assert task.patient_id == fresh_cast.pat.id
    assert builders.conversation_of(fresh_session, task).patient_id == fresh_cast.pat.id


def test_a_number_of_no_patient_is_refused(fresh_cast: Cast) -> None:
    line = ["patients", "link-number", "9999", "+12025550177", "--practice", "Elm Street Clinic"]

    assert refused(run(line), "has no patient with this chart number")


def test_a_database_that_does_not_answer_gives_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@/nothing?host=/nowhere")
    config.settings.cache_clear()

    assert refused(run(["practices", "list"]), "The database does not answer")


def test_settings_that_cannot_be_used_give_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIAGE_SECRET_KEY")
    config.settings.cache_clear()

    assert refused(run(["practices", "list"]), "These settings cannot be used.")


@pytest.mark.parametrize(
    ("group", "command"), [(group, name) for group, made in GROUPS.items() for name in ["", *made.commands]]
)
def test_every_command_explains_itself(group: str, command: str) -> None:
    result = run([group, command, "--help"] if command else [group, "--help"])

    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_no_secret_is_an_argument() -> None:
    names = [
        parameter.name
        for group in GROUPS.values()
        for command in group.commands.values()
        for parameter in command.params
    ]

    assert not {"password", "token"} & set(names)


def _opened(sealed: str | None) -> str | None:
    return Vault([SECRET_KEY]).open(sealed) if sealed else None


def _numbers_of(session: Session, patient: Patient) -> list[str]:
    query = select(Phone.number).join(PhoneUse, PhoneUse.phone_id == Phone.id)
    return list(session.scalars(query.where(PhoneUse.patient_id == patient.id)))


def test_a_second_factor_is_reset_from_the_terminal(fresh_session: Session, fresh_cast: Cast) -> None:
    builders.a_passkey(fresh_session, fresh_cast.ana)
    fresh_session.commit()

    result = run(["members", "reset-second-factor", "ana"])

    assert result.exit_code == 0, result.output
    assert fresh_session.scalar(select(Passkey.id)) is None
    assert refused(run(["members", "reset-second-factor", "nobody"]), "Nobody signs in as nobody.")
