"""Letters: they leave after the commit, are tried again, and keep nothing once they have gone."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import SECRET_KEY, Cast
from triage.domain import mail
from triage.domain.mail import LEASE, PAUSES, Letter, State, Template
from triage.domain.practice.member import Member, find_member
from triage.kit import clock
from triage.kit.secrets import Vault

VAULT = Vault([SECRET_KEY])


def ana_with(session: Session, cast: Cast, email: str | None) -> Member:
    ana = find_member(session, cast.practice_id, cast.ana.id)
    ana.email = email
    return ana


def a_letter(session: Session, cast: Cast) -> Letter:
    ana = ana_with(session, cast, "ana@clinic.example")
    now = clock.now(session)
    assert mail.write(session, ana, Template.PASSWORD_RESET, vault=VAULT, now=now, link="https://the/link")
    letter = mail.newest(session, ana, Template.PASSWORD_RESET)
    assert letter is not None
    return letter


def test_who_has_no_address_gets_no_letter(session: Session, cast: Cast) -> None:
    ana = ana_with(session, cast, None)

    assert not mail.write(session, ana, Template.PASSWORD_RESET, vault=VAULT, now=clock.now(session))


def test_a_letter_is_sealed_until_it_is_claimed(session: Session, cast: Cast) -> None:
    letter = a_letter(session, cast)
    assert "link" not in (letter.values_sealed or "")

    [claimed] = mail.claim(session, vault=VAULT, now=clock.now(session))

    assert (claimed.to, claimed.values) == ("ana@clinic.example", {"link": "https://the/link"})
    assert mail.claim(session, vault=VAULT, now=clock.now(session)) == []


def test_what_was_sent_is_forgotten(session: Session, cast: Cast) -> None:
    letter = a_letter(session, cast)

    mail.sent(session, letter.id, now=clock.now(session))
    session.flush()

    assert (letter.state, letter.values_sealed) == (State.SENT, None)
    assert not mail.is_due(session, now=clock.now(session) + timedelta(days=1))


def test_a_worker_that_died_leaves_it_to_the_next(session: Session, cast: Cast) -> None:
    a_letter(session, cast)
    now = clock.now(session)
    mail.claim(session, vault=VAULT, now=now)

    assert len(mail.claim(session, vault=VAULT, now=now + LEASE)) == 1


def test_what_fails_is_tried_again_and_given_up_at_last(session: Session, cast: Cast) -> None:
    letter, now = a_letter(session, cast), clock.now(session)

    for pause in PAUSES:
        assert len(mail.claim(session, vault=VAULT, now=now)) == 1
        mail.failed(session, letter.id, now=now, problem="away", is_final=False)
        assert letter.due_at == now + pause
        now = letter.due_at
    mail.claim(session, vault=VAULT, now=now)
    mail.failed(session, letter.id, now=now, problem="away", is_final=False)

    assert (letter.state, letter.values_sealed, letter.problem) == (State.FAILED, None, "away")


def test_what_cannot_help_is_not_tried_again(session: Session, cast: Cast) -> None:
    letter = a_letter(session, cast)

    mail.failed(session, letter.id, now=clock.now(session), problem="unknown address", is_final=True)

    assert letter.state is State.FAILED


def test_a_letter_of_a_lost_key_fails_and_stops_nobody(session: Session, cast: Cast) -> None:
    letter = a_letter(session, cast)

    assert mail.claim(session, vault=Vault(["another key altogether"]), now=clock.now(session)) == []
    assert letter.state is State.FAILED


def test_a_letter_is_kept_for_a_month_and_one_that_waits_for_longer(session: Session, cast: Cast) -> None:
    gone, now = a_letter(session, cast), clock.now(session)
    mail.sent(session, gone.id, now=now)
    session.flush()
    a_letter(session, cast)

    mail.trim(session, now=now + timedelta(days=29))
    assert len(session.scalars(select(Letter)).all()) == 2
    mail.trim(session, now=now + timedelta(days=31))

    assert [letter.state for letter in session.scalars(select(Letter))] == [State.WAITING]
