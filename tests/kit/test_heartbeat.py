"""Signs of life, and ticks that run once however many schedulers there are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy.orm import Session

from triage.kit import clock, heartbeat

EVERY = timedelta(hours=1)


def test_a_process_that_never_spoke_is_not_alive(session: Session) -> None:
    assert not heartbeat.is_alive(session, "worker")


def test_a_process_that_spoke_is_alive_for_a_minute(session: Session) -> None:
    heartbeat.beat(session, "worker", "one")
    heartbeat.beat(session, "worker", "one")
    session.commit()

    assert heartbeat.is_alive(session, "worker")
    session.commit()
    with clock.shifted(heartbeat.FRESH_FOR):
        assert not heartbeat.is_alive(session, "worker")


def test_a_slot_is_taken_once(session: Session) -> None:
    assert heartbeat.take_slot(session, "sweep", every=EVERY)
    assert not heartbeat.take_slot(session, "sweep", every=EVERY)
    assert heartbeat.take_slot(session, "trim", every=EVERY)


def test_the_next_slot_is_free(session: Session) -> None:
    heartbeat.take_slot(session, "sweep", every=EVERY)
    session.commit()

    with clock.shifted(EVERY):
        assert heartbeat.take_slot(session, "sweep", every=EVERY)


def test_of_four_schedulers_one_runs_the_tick(fresh_database: str) -> None:
    def run(_: int) -> bool:
        with heartbeat.tick("sweep", every=EVERY) as session:
            return session is not None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))).count(True) == 1
