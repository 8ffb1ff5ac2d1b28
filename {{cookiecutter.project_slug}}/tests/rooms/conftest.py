"""The engines, one after the other."""

import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from {{cookiecutter.__package}}.rooms.backends.interfaces import Log, Presence
from {{cookiecutter.__package}}.rooms.backends.memory import (
    MemoryBus,
    MemoryLog,
    MemoryPresence,
)
from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.backends.redis.log import RedisLog
from {{cookiecutter.__package}}.rooms.backends.redis.presence import RedisPresence

from ..redis_server import RedisServer

HISTORY = 20


class Part:
    """Makes logs and presences, each as another process would have it."""

    def __init__(self, log: Callable[[int], Log], presence: Callable[[float], Presence]) -> None:
        self.log = log
        self.presence = presence


@pytest.fixture(params=["memory", "redis"])
async def parts(request: pytest.FixtureRequest) -> AsyncIterator[Part]:
    """What makes the parts of an engine; each on the same data."""
    if request.param == "memory":
        logs: dict[int, Log] = {}
        presence, bus = MemoryPresence(), MemoryBus()
        bus.listen(lambda *_: None, lambda: None)
        # The tests read what is said there.
        await bus.subscribe("attic")
        yield Part(
            lambda history: logs.setdefault(history, MemoryLog(history, bus)), lambda _: presence
        )
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    redis, keyspace = connect(server.url), Keyspace(secrets.token_hex(4))
    yield Part(
        lambda history: RedisLog(redis, keyspace, history),
        lambda lease_seconds: RedisPresence(redis, keyspace, lease_seconds),
    )
    await redis.aclose()


@pytest.fixture
def log(parts: Part) -> Log:
    return parts.log(HISTORY)


@pytest.fixture
def presence(parts: Part) -> Presence:
    return parts.presence(60)
