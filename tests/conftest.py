"""What every test can ask for: a database, a session, the cast, settings, and servers for real processes."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import redis
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.orm import Session

from tests import cast, chromium, databases
from tests.cast import Cast
from tests.databases import Databases, as_role, rolled_back, session_of_acts
from triage import config
from triage.config import Settings
from triage.demo.postgres import ADMINISTRATOR, OWNER, PostgresServer
from triage.demo.redis import RedisServer
from triage.kit import db, later, live, presence

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_SERVER = pytest.StashKey[PostgresServer]()
_DATABASES = pytest.StashKey[Databases]()

hypothesis.settings.register_profile(
    "triage",
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("triage")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With several workers, the process that starts them holds the one server of the run."""
    node.workerinput["databases"] = _of_this_run(node.config).address


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_SERVER, None)
    if server is not None:
        server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases the tests counted that try many in one, such as the cells of the role matrix."""
    for report in terminalreporter.getreports("passed"):
        for name, count in getattr(report, "user_properties", ()):
            if report.when == "call":
                terminalreporter.write_line(f"{count} {name}: {report.nodeid}")


def _of_this_run(config: pytest.Config) -> Databases:
    """The server is started by the first who asks."""
    if _DATABASES not in config.stash:
        config.stash[_SERVER], config.stash[_DATABASES] = databases.start()
    return config.stash[_DATABASES]


@pytest.fixture(scope="session", name="databases")
def _databases(request: pytest.FixtureRequest) -> Databases:
    """The run's server, where databases can be cloned and dropped."""
    handed_down = getattr(request.config, "workerinput", {}).get("databases")
    return Databases(handed_down) if handed_down else _of_this_run(request.config)


@pytest.fixture(scope="session")
def database(databases: Databases) -> Iterator[str]:
    """The name of this process's own database, which holds the cast; tests leave nothing in it."""
    name = f"tests_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    databases.clone(name)
    with cast.populated(databases.url(name)):
        yield name
    databases.drop(name)


@pytest.fixture(scope="session")
def engine(databases: Databases, database: str) -> Iterator[Engine]:
    engine = create_engine(databases.url(database))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _superuser_engine(databases: Databases, database: str) -> Iterator[Engine]:
    engine = create_engine(databases.url(database, ADMINISTRATOR))
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Everything that opens a transaction in this test works inside this one, which is rolled back."""
    yield from rolled_back(engine)


@pytest.fixture
def superuser(_superuser_engine: Engine) -> Iterator[Connection]:
    """Instead of `connection`, before `session`: may switch off constraints and triggers, to break rows."""
    yield from rolled_back(_superuser_engine)


@pytest.fixture
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """For arranging and asking; `commit` ends an act, and what other sessions wrote is seen after it."""
    name = "superuser" if "superuser" in request.fixturenames else "connection"
    bind = request.getfixturevalue(name)
    with session_of_acts(bind) as session:
        yield session


@pytest.fixture(name="cast")
def _cast(session: Session) -> Cast:
    """Ana, Ben, Cleo, Dan and Pat, and where they are."""
    return cast.load(session)


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The address of a new, empty database for real commits, threads and processes; ours are bound to it."""
    name = f"fresh_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{os.getpid()}"
    databases.clone(name)
    engine = db.connect(databases.url(name))
    yield databases.url(name)
    db.bind(None)
    engine.dispose()
    databases.drop(name)


@pytest.fixture
def fresh_cast(fresh_database: str) -> Cast:
    """The cast in a fresh database, committed."""
    with db.transaction() as session:
        cast.populate(session)
    with db.transaction() as session:
        return cast.load(session)


@pytest.fixture
def fresh_session(fresh_database: str) -> Iterator[Session]:
    """As `session`, and its commits are real."""
    engine = create_engine(fresh_database)
    with session_of_acts(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real one, shared by the tests of this process; `redis_url` empties it."""
    server = RedisServer.temporary(persistence=False)
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The address of a running, empty Redis; a test may kill it."""
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    yield redis_server.url
    later.connect(None)
    live.connect(None)
    presence.connect(None)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests of this process; each test opens windows of its own in it."""
    with chromium.launched() as browser:
        yield browser


@pytest.fixture
def settings(databases: Databases, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of a test process, in the environment too."""
    yield from _settings(databases.url(database), monkeypatch)


@pytest.fixture
def fresh_settings(
    fresh_database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The same for stories, with a database and a Redis that real processes share."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("TRIAGE_MIGRATION_DATABASE_URL", as_role(fresh_database, OWNER))
    yield from _settings(fresh_database, monkeypatch)


def _settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TRIAGE_ENVIRONMENT", "test")
    monkeypatch.setenv("TRIAGE_PUBLIC_URL", "http://localhost")
    monkeypatch.setenv("TRIAGE_SECRET_KEY", cast.SECRET_KEY)
    # Letters are written; nobody is there to take them.
    monkeypatch.setenv("TRIAGE_SMTP_URL", "smtp://localhost:1")
    # Nobody listens there: no test asks a carrier that it did not start.
    monkeypatch.setenv("TRIAGE_TWILIO_API_URL", "http://127.0.0.1:9")
    config.settings.cache_clear()
    yield config.settings()
    config.settings.cache_clear()
