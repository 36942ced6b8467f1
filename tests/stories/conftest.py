"""A whole installation for each module of stories, with the cast in it."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from bench.installation import Installation
from tests import cast
from tests.cast import Cast
from tests.databases import Databases
from tests.stories.clinic import Clinic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.stories.desk import Desk

CARRIER_ACCOUNTS = [
    {
        "sid": cast.ACCOUNT,
        "token": cast.CARRIER_TOKEN,
        "name": "Elm Street Clinic",
        "numbers": [cast.NORTH_NUMBER, cast.SOUTH_NUMBER],
    },
    {
        "sid": cast.OTHER_ACCOUNT,
        "token": cast.OTHER_CARRIER_TOKEN,
        "name": "Oak Street Clinic",
        "numbers": [cast.OTHER_NUMBER],
    },
]


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Installation]:
    """Web, two workers, scheduler, carrier and Redis, on a database with the cast.

    A module may say how its house differs: `WITH_PHONES`, `SETTINGS`.
    """
    story = request.module.__name__.rsplit(".", 1)[-1]
    name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{story}"[:60]
    databases.clone(name)
    with (
        cast.populated(databases.url(name)),
        Installation(
            secret_key=cast.SECRET_KEY,
            carrier_accounts=CARRIER_ACCOUNTS,
            database_url=databases.url(name),
            webhook_overrides="#rc=1&rp=all",
            with_phones=getattr(request.module, "WITH_PHONES", False),
            settings=getattr(request.module, "SETTINGS", None),
        ) as installation,
    ):
        yield installation
    databases.drop(name)


@pytest.fixture
def clinic(house: Installation) -> Iterator[Clinic]:
    """The installation as the people of one test use it; the carrier has a good day."""
    house.control("PUT", "faults", {"pace": 0})
    engine = create_engine(house.database_url)
    with Session(engine, expire_on_commit=False) as session:
        yield Clinic(house, session)
    engine.dispose()


@pytest.fixture
def people(clinic: Clinic) -> Cast:
    return cast.load(clinic.session)


@pytest.fixture
def desk_of(house: Installation, browser: "Browser") -> "Iterator[Callable[..., Desk]]":
    """Members at browsers of their own, which never complain."""
    from tests.stories.desk import Desk

    desks: list[Desk] = []

    def desk_of(login: str, **window: Any) -> Desk:
        desks.append(Desk(browser, house.web_url, **window))
        return desks[-1].sign_in(login)

    yield desk_of
    complaints = [complaint for desk in desks for complaint in desk.complaints]
    for desk in desks:
        desk.close()
    assert complaints == []
