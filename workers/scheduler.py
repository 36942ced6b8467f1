"""The process that follows the timetable. Any number of them may run: each tick is taken by one."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from triage import runtime
from triage.config import settings
from triage.kit import db, heartbeat, logs, memory
from workers.schedule import Tick, timetable

BEAT = timedelta(seconds=10)
log = logs.logger(__name__)


def run(*, without: tuple[str, ...] = ()) -> None:
    """Run until SIGTERM or SIGINT; `without` names ticks that another process looks after."""
    memory.give_back()
    runtime.connect(settings())
    scheduler = BackgroundScheduler(timezone=UTC)
    for tick in timetable(settings()):
        if tick.name not in without:
            _add(scheduler, tick.name, tick.every, _once(tick), at_start=tick.at_start)
    _add(scheduler, "heartbeat", BEAT, _beat, at_start=True)
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    scheduler.start()
    log.info("scheduler started", pid=os.getpid())
    stopped.wait()
    scheduler.shutdown(wait=True)


def _add(
    scheduler: BackgroundScheduler, name: str, every: timedelta, work: Callable[[], None], *, at_start: bool
) -> None:
    scheduler.add_job(
        work,
        IntervalTrigger(seconds=int(every.total_seconds()), timezone=UTC),
        id=name,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
        next_run_time=datetime.now(UTC) + (timedelta(0) if at_start else every),
    )


def _once(tick: Tick) -> Callable[[], None]:
    """The tick, unless another scheduler has taken its slot. The database may be away: the next one comes."""

    def work() -> None:
        try:
            with heartbeat.tick(tick.name, every=tick.every) as session:
                is_mine = session is not None
            if is_mine:
                tick.work()
        except Exception:
            log.warning("tick failed", job=tick.name, exc_info=True)

    return work


def _beat() -> None:
    try:
        with db.transaction() as session:
            heartbeat.beat(session, "scheduler", f"{socket.gethostname()}:{os.getpid()}")
    except Exception:
        log.warning("heartbeat failed", process="scheduler", exc_info=True)
