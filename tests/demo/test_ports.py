"""Which ports the demo takes, and what it says when one is taken."""

import socket
from collections.abc import Iterator

import pytest

from triage.demo.child import CannotStart
from triage.demo.ports import find_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_is_taken_as_wished() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert find_port(port, explicit=True) == port


def test_instead_of_a_taken_default_the_next_free_port_is_used(taken: int) -> None:
    port = find_port(taken, explicit=False)

    assert port > taken and is_free(port)


def test_a_taken_port_that_somebody_asked_for_is_an_error(taken: int) -> None:
    with pytest.raises(CannotStart, match=f"Port {taken} is taken"):
        find_port(taken, explicit=True)


def test_a_port_that_we_have_given_away_is_not_given_twice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert find_port(port, explicit=False, taken=frozenset({port})) > port


def test_a_listener_on_every_address_makes_a_port_taken() -> None:
    with socket.create_server(("", 0)) as listener:
        assert not is_free(listener.getsockname()[1])


def test_a_port_that_is_taken_by_ipv6_alone_is_taken_because_localhost_may_mean_it() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::1", 0))
        listener.listen()

        assert not is_free(listener.getsockname()[1])
