"""The demo as its seeder leaves it: people, ten days of history, and work that waits for every sign-in."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.databases import Databases, session_of_acts
from triage.demo.carrier import write_carrier_file
from triage.demo.people import CLINICS, HARBOR, PASSWORD, WILLOW
from triage.demo.seed import is_seeded, seed
from triage.domain import tables, verify
from triage.domain.conversations.answers import AutomaticAnswer
from triage.domain.conversations.carrier import Carrier
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import LONGEST_TEXT, Direction, Message
from triage.domain.conversations.notices import OptInNotice
from triage.domain.inbox import explaining, folders, rows, scope, thread
from triage.domain.inbox.explaining import Explanation
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.rows import Row
from triage.domain.inbox.task import State
from triage.domain.intake import ledger, reconcile
from triage.domain.intake.ledger import Inbound, InboundState, Via
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import PhoneUse, Verification, identities
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Messages
from triage.gateways import twilio
from triage.kit import clock, db
from triage.kit.secrets import Vault
from triage.simulator import threads
from triage.simulator.directory import read_file
from triage.simulator.serve import Running, running

KEY = "a key for tests that is long enough"
SIGN_INS = {
    "jo": Messages.ALL,
    "dana": Messages.ALL,
    "sato": Messages.ASSIGNED,
    "sam": Messages.ALL,
    "ada": Messages.ALL,
    "vera": Messages.ALL,
}


class Demo(SimpleNamespace):
    """A database that has been seeded, and the file that the simulated carrier reads."""

    engine: Engine
    carrier_file: Path
    now: datetime

    def seed_again(self, carrier_file: Path | None = None, key: str = KEY) -> bool:
        return seed(carrier_file=carrier_file or self.carrier_file, secret_keys=[key], say=lambda _: None)


@pytest.fixture(scope="module")
def seeded(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    name = f"seeded_{os.getpid()}"
    databases.clone(name)
    engine = db.connect(databases.url(name))
    carrier_file = tmp_path_factory.mktemp("demo") / "carrier.json"
    write_carrier_file(carrier_file, product_url="http://localhost:8080")
    demo = Demo(engine=engine, carrier_file=carrier_file, now=datetime.now(UTC))
    assert demo.seed_again() is True
    yield demo
    db.bind(None)
    engine.dispose()
    databases.drop(name)


@pytest.fixture
def demo(seeded: Demo) -> Demo:
    """The one of this module, whatever other tests were bound to in between."""
    db.bind(seeded.engine)
    return seeded


@pytest.fixture
def session(demo: Demo) -> Iterator[Session]:
    with session_of_acts(demo.engine) as session:
        yield session


def who(session: Session, login: str) -> Member:
    member = load_member(session, session.scalars(select(Member.id).where(Member.login == login)).one())
    assert member is not None
    return member


def rows_in(session: Session, login: str, slug: Slug) -> list[Row]:
    member, now = who(session, login), clock.now(session)
    return rows.rows_of(session, member, folders.listing(session, member, slug, now=now), now=now)


def waiting(session: Session) -> list[Row]:
    """Every open task, of both practices."""
    return rows_in(session, "ada", Slug.ALL) + rows_in(session, "tess", Slug.ALL)


def tags(row: Row) -> set[str]:
    return {tag.text for tag in row.tags}


def row_of(session: Session, name: str) -> Row:
    return next(row for row in waiting(session) if row.name == name)


def test_there_are_two_practices_with_eighty_two_patients_and_two_old_records(session: Session) -> None:
    practices = {practice.name: practice for practice in session.scalars(select(Practice))}

    assert set(practices) == {"Harbor Clinic", "Willow Veterinary"}
    assert practices["Willow Veterinary"].assign_care_team
    assert practices["Harbor Clinic"].assign_last_sender
    assert session.scalar(select(func.count()).select_from(Patient)) == 84


def test_every_sign_in_of_the_demo_works_and_sees_what_its_role_shows(session: Session) -> None:
    for login, sees in SIGN_INS.items():
        member = sign_in.check_password(session, login, PASSWORD)

        assert member is not None and member.messages is sees


@pytest.mark.parametrize("login", SIGN_INS)
def test_every_folder_of_every_sign_in_holds_something(session: Session, login: str) -> None:
    for slug in folders.slugs_for(who(session, login)):
        assert rows_in(session, login, slug), slug


def test_a_believable_amount_of_work_is_waiting(session: Session) -> None:
    found = waiting(session)

    assert 22 <= len(found) <= 32
    assert {row.state for row in found} == {"pending", "assigned"}


@pytest.mark.parametrize(
    ("tag", "at_least"),
    [
        ("Overdue", 4),
        ("Unknown number", 3),
        ("2 possible patients", 2),
        ("For Lucía Delgado", 1),
        ("Not a patient", 1),
        ("STOP received", 1),
        ("Possible opt-out", 1),
        ("1 photo", 2),
        ("Answered", 2),
        ("Not delivered", 2),
        ("Unassigned", 10),
    ],
)
def test_every_kind_of_work_is_waiting(session: Session, tag: str, at_least: int) -> None:
    assert len([row for row in waiting(session) if tag in tags(row)]) >= at_least


def test_something_has_just_come_in(session: Session) -> None:
    newest = min(clock.now(session) - row.waiting_since for row in waiting(session))

    assert newest < timedelta(minutes=30)


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("Maria Alvarez", "Assigned to the member who last wrote to this patient"),
        ("Teddy Brannigan", "Assigned to the patient's care team"),
        ("Leilani Kahananui", "In the shared queue: no rule found anybody"),
        ("Hans-Peter Grünewald", "Dana Whitfield decided this by hand"),
        ("Ruth Ellingsworth", "Jo Bennett took it by replying"),
    ],
)
def test_everybody_can_be_told_why_they_have_it(session: Session, name: str, headline: str) -> None:
    assert why(session, name).headline == headline


def why(session: Session, name: str) -> Explanation:
    row = row_of(session, name)
    member = who(session, "tess" if name == "Teddy Brannigan" else "ada")
    assert row.task_id is not None
    told = explaining.explain(session, scope.find_task(session, member, row.task_id))
    assert told is not None
    return told


def test_somebody_was_passed_over_because_they_are_away(session: Session) -> None:
    tried = why(session, "Femi Balogun").tried

    assert ("Dr. Paul Whitcombe", "away") in [candidate for rule in tried for candidate in rule.candidates]


def test_a_mother_of_two_patients_is_known_by_her_name_and_a_couple_by_its_number(session: Session) -> None:
    assert "For Lucía Delgado" in tags(row_of(session, "Rosa Delgado"))
    assert "2 possible patients" in tags(row_of(session, "(202) 555-0140"))


def test_texts_come_in_every_shape(session: Session) -> None:
    bodies = list(session.scalars(select(Message.body).where(Message.direction == Direction.IN)))

    assert LONGEST_TEXT in map(len, bodies)
    assert any("\u0600" <= sign <= "\u06ff" for body in bodies for sign in body)
    assert any("\u0590" <= sign <= "\u05ff" for body in bodies for sign in body)
    assert any(ord(sign) > 0xFFFF for body in bodies for sign in body)
    assert any("¿" in body for body in bodies)
    assert row_of(session, "CITYLAB").state == "pending"


def test_texts_leave_and_some_do_not_arrive(session: Session) -> None:
    texts = list(session.scalars(select(OutboundText)))

    assert {text.error_code for text in texts} == {None, 30003, 30007}
    assert [text.state for text in texts].count(OutboundState.NEEDS_PERSON) == 1
    assert {text.state for text in texts} == {OutboundState.SENT, OutboundState.NEEDS_PERSON}


def test_the_first_text_to_everybody_went_with_a_notice(session: Session) -> None:
    told = set(session.scalars(select(OptInNotice.phone_id)))
    texted = select(Conversation.phone_id).join(Message).where(Message.sent_by_id.is_not(None))

    assert told == set(session.scalars(texted))


def test_who_wrote_in_the_evening_was_told_when_the_clinic_opens(session: Session) -> None:
    zone = ZoneInfo("America/New_York")
    answers = select(Message.at).join(AutomaticAnswer, AutomaticAnswer.message_id == Message.id)
    answered = [at.astimezone(zone) for at in session.scalars(answers)]
    in_the_evening = [at for at in answered if at.weekday() < 5 and at.hour >= 17]

    assert len(in_the_evening) >= 2
    assert not [at for at in answered if at.weekday() < 5 and 8 <= at.hour < 17]


def test_the_ledger_has_one_of_everything_and_nothing_dead(session: Session) -> None:
    rows_of = session.execute(select(Inbound.state, Inbound.via)).all()
    states = [row.state for row in rows_of]

    assert states.count(InboundState.QUARANTINED) == 1
    assert states.count(InboundState.DUPLICATE) == 1
    assert states.count(InboundState.DEAD) == states.count(InboundState.NEW) == 0
    assert Via.RECONCILE in {row.via for row in rows_of}
    assert len(ledger.for_staff(session, who(session, "ada"))) == 1


def test_the_history_fills_ten_days_and_ends_now(session: Session, demo: Demo) -> None:
    first, last = session.execute(select(func.min(Message.at), func.max(Message.at))).one()

    assert timedelta(days=8) < demo.now - first < timedelta(days=15)
    assert timedelta(0) < demo.now - last < timedelta(minutes=10)


def test_a_member_who_is_kept_out_of_a_program_sees_less(session: Session) -> None:
    now = clock.now(session)
    some, all_ = (
        folders.counts(session, who(session, login), now=now).of(Slug.ALL) for login in ("ines", "jo")
    )

    assert 0 < some < all_


def test_every_conversation_that_waits_can_be_opened(session: Session) -> None:
    for login in ("ada", "tess"):
        member = who(session, login)
        for row in rows_in(session, login, Slug.ALL):
            conversation = scope.find_conversation(session, member, row.conversation_id)
            identity = identities(session, [conversation.phone_id])[conversation.phone_id]
            assert thread.read_thread(session, member, conversation, identity, is_full=True).entries


def test_texts_that_are_done_were_completed_by_the_people_of_the_practice(session: Session) -> None:
    done = rows_in(session, "ada", Slug.COMPLETED)

    assert len(done) == folders.PAGE_SIZE
    assert all(row.state == State.COMPLETED and row.closed_by for row in done)
    assert len({row.closed_by for row in done}) >= 5


def test_a_second_run_touches_nothing(session: Session, demo: Demo) -> None:
    before, file = counted(session), demo.carrier_file.read_bytes()

    assert demo.seed_again() is False

    session.commit()
    assert counted(session) == before
    assert demo.carrier_file.read_bytes() == file


def counted(session: Session) -> dict[str, int]:
    names = [table.__tablename__ for table in tables.ALL]
    return {
        name: session.scalar(select(func.count()).select_from(tables.metadata.tables[name])) or 0
        for name in names
    }


def test_a_new_data_folder_gets_the_history_and_gives_its_tokens(
    session: Session, demo: Demo, tmp_path: Path
) -> None:
    file, key = tmp_path / "carrier.json", "another key for tests, long enough too"
    write_carrier_file(file, product_url="http://localhost:9090")

    assert demo.seed_again(file, key) is False

    told, before = json.loads(file.read_text()), json.loads(demo.carrier_file.read_text())
    assert told["history"] == before["history"] and told["phones"] == before["phones"]
    assert tokens_of(session, key) == {account["sid"]: account["token"] for account in told["accounts"]}
    demo.seed_again()
    session.commit()
    assert tokens_of(session, KEY) == {account["sid"]: account["token"] for account in before["accounts"]}


def tokens_of(session: Session, key: str) -> dict[str | None, str | None]:
    session.expire_all()
    return {
        practice.carrier_account: Vault([key]).open(practice.carrier_token_sealed or "")
        for practice in session.scalars(select(Practice))
    }


def test_the_file_is_renewed_without_forgetting(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "carrier.json"
    file.write_bytes(demo.carrier_file.read_bytes())

    write_carrier_file(file, product_url="http://localhost:9090")

    before, after = json.loads(demo.carrier_file.read_text()), json.loads(file.read_text())
    assert after["history"] == before["history"] and after["phones"] == before["phones"]
    assert {account["sms_url"] for account in after["accounts"]} == {
        "http://localhost:9090/webhooks/twilio/messages"
    }


@pytest.fixture
def carrier(demo: Demo) -> Iterator[Running]:
    with running(read_file(demo.carrier_file)) as carrier:
        yield carrier


def account_of(carrier: Running, demo: Demo, practice: Practice) -> Carrier:
    accounts = json.loads(demo.carrier_file.read_text())["accounts"]
    token = next(account["token"] for account in accounts if account["sid"] == practice.carrier_account)
    assert practice.carrier_account is not None
    return twilio.account(practice.carrier_account, token, carrier.url)


def test_every_promise_holds_also_against_the_carriers_list(demo: Demo, carrier: Running) -> None:
    report = verify.verify_now(lambda practice: account_of(carrier, demo, practice))

    assert report.broken == set()
    compared = next(finding for finding in report.findings if finding.name == "I11")
    assert compared.looked_at > 20 and not compared.note


def test_reconciliation_finds_nothing_that_is_missing(demo: Demo, carrier: Running) -> None:
    found = reconcile.reconcile(lambda practice: account_of(carrier, demo, practice), settle=timedelta(0))

    assert found == 0


def test_the_phones_show_the_history_and_behave_as_it_says(carrier: Running) -> None:
    store = carrier.carrier.store
    phones = {row["label"]: row for row in store.rows("select * from phone order by id")}
    bodies = [entry.body for entry in threads.thread(store, phones["Maria Alvarez"]["number"])]
    (photo,) = [
        entry for entry in threads.thread(store, phones["Chloé Dubois-Lefèvre"]["number"]) if entry.pictures
    ]

    # A demo that starts at night has answered it by itself.
    assert any(body.startswith("Dana, one more thing") for body in bodies[-2:])
    assert any("best number this month" in body for body in bodies)
    assert photo.who == "me"
    assert phones["Marcus Treadwell"]["behaviour"] == "blocked"
    assert next(row["label"] for row in phones.values() if row["place"] is not None) == "Maria Alvarez"
    assert len(phones) > 70 and all(row["birth_date"] for row in phones.values())


def test_the_carrier_blocks_whom_the_product_must_not_text(session: Session, carrier: Running) -> None:
    blocks = [tuple(row) for row in carrier.carrier.store.rows("select scope, phone from block")]

    assert blocks == [("+12025550100", "+12025550153")]
    assert "STOP received" in tags(row_of(session, "Yuki Tanigawa"))


def test_an_empty_database_is_not_seeded(fresh_database: str) -> None:
    with db.reading() as session:
        assert not is_seeded(session)


def test_a_seeding_that_fails_leaves_nothing_behind(fresh_database: str, tmp_path: Path) -> None:
    file = tmp_path / "carrier.json"
    write_carrier_file(file, product_url="http://localhost:8080")
    known = json.loads(file.read_text())
    known["accounts"] = [one for one in known["accounts"] if one["sid"] == HARBOR.account]
    file.write_text(json.dumps(known))

    with pytest.raises(KeyError, match=WILLOW.account):
        seed(carrier_file=file, secret_keys=[KEY], say=lambda _: None)

    with db.reading() as session:
        assert not is_seeded(session)
        assert session.scalar(select(func.count()).select_from(Member)) == 0
    assert len(CLINICS) == 2


def test_of_those_who_were_asked_for_a_birth_date_one_is_silent_and_one_was_wrong(session: Session) -> None:
    states = session.scalars(
        select(PhoneUse.verification).where(PhoneUse.verification != Verification.NOT_STARTED)
    ).all()

    assert states.count(Verification.PENDING) == states.count(Verification.FAILED) == 1
    assert states.count(Verification.ENABLED) > 10
