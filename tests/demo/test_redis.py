"""The Redis server that the demo and the tests start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from triage.demo.redis import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer.temporary()
    server.start()
    yield server
    server.close()


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=0.3)


def test_it_keeps_everything_and_drops_nothing_when_full(server: RedisServer) -> None:
    names = ("appendonly", "appendfsync", "maxmemory-policy", "port")

    with client(server) as connection:
        found = [connection.config_get(name)[name] for name in names]

    assert found == ["yes", "everysec", "noeviction", "0"]


def test_it_comes_back_after_a_crash_with_what_it_had(server: RedisServer) -> None:
    with client(server) as connection:
        connection.set("word", "kept")
    address = server.url

    server.kill()
    assert not server.is_running()
    server.start()

    assert server.url == address
    with client(server) as connection:
        assert connection.get("word") == b"kept"


def test_without_persistence_it_forgets_when_it_ends() -> None:
    server = RedisServer.temporary(persistence=False)
    server.start()
    with client(server) as connection:
        connection.set("word", "lost")

    server.kill()
    server.start()

    with client(server) as connection:
        assert connection.get("word") is None
    server.close()


def test_paused_it_hangs_and_resumed_it_answers(server: RedisServer) -> None:
    server.pause()
    with client(server) as connection, pytest.raises(redis.TimeoutError):
        connection.ping()

    server.resume()

    with client(server) as connection:
        assert connection.ping()


def test_a_paused_server_can_be_stopped(server: RedisServer) -> None:
    server.pause()

    server.stop()

    assert not server.is_running()


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / ("deeper" * 20)
    server = RedisServer(deep)

    server.start()

    with client(server) as connection:
        assert connection.ping()
    server.remove()
    assert not deep.exists()
