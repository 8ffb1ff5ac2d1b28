"""The bus on Redis, when Redis is not there for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError  # noqa: A004 (redis-py's name)

from {{cookiecutter.__package}}.rooms.backends.redis.client import connect
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.protocol.events import Removed
from {{cookiecutter.__package}}.web import bus as module
from {{cookiecutter.__package}}.web.bus import RedisBus

from .redis_server import RedisServer
from .waiting import within


class Hearing:
    """A bus, and what it told of."""

    def __init__(self, redis: Redis, **times: float) -> None:
        self.redis = redis
        self.bus = RedisBus(redis, "test", **times)
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.missed = asyncio.Event()
        self.bus.listen(lambda room, _: self.heard.put_nowait(room), self.missed.set)

    async def hears(self, room: str) -> None:
        await self.bus.send(room, Removed(user="ann"))
        assert await within(f"an event of {room}", self.heard.get()) == room


@pytest.fixture
def times() -> dict[str, float]:
    """How long the bus waits; a test may ask for something else."""
    return {}


@pytest.fixture
async def hearing(redis_server: RedisServer, times: dict[str, float]) -> AsyncIterator[Hearing]:
    one = Hearing(connect(redis_server.url), **times)
    yield one
    await one.bus.close()
    await one.redis.aclose()


def failing(errors: list[Exception], get: Callable[[], PubSub]) -> Callable[[], PubSub]:
    """Raise one error after the other before it works."""

    def getting() -> PubSub:
        if errors:
            raise errors.pop(0)
        return get()

    return getting


@pytest.mark.parametrize("times", [{"confirm_seconds": 0.1}])
async def test_a_room_that_cannot_be_heard_of_is_unavailable(
    hearing: Hearing, redis_server: RedisServer
) -> None:
    redis_server.kill()
    with pytest.raises(UnavailableError):
        await hearing.bus.subscribe("attic")
    with suppress(UnavailableError):
        await hearing.bus.unsubscribe("attic")


async def test_what_was_on_its_way_when_a_room_was_left_is_dropped(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*_: object) -> None: ...

    for room in ("attic", "cellar"):
        await hearing.bus.subscribe(room)
    monkeypatch.setattr(PubSub, "unsubscribe", late)
    await hearing.bus.unsubscribe("attic")
    await hearing.bus.send("attic", Removed(user="ann"))
    await hearing.hears("cellar")


async def test_trouble_is_told_once_and_that_it_is_over(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    errors = [ConnectionError("one"), ConnectionError("two"), RuntimeError("three")]
    monkeypatch.setattr(hearing.redis, "pubsub", failing(errors, hearing.redis.pubsub))
    await hearing.bus.subscribe("attic")
    await within("the end of the trouble", hearing.missed.wait())
    await hearing.hears("attic")
    assert caplog.text.count("Redis is not heard any more") == 1
    assert "RuntimeError: three" in caplog.text
    assert "Redis is heard again" in caplog.text


@pytest.mark.parametrize("times", [{"silence_seconds": 0.05}])
async def test_a_redis_that_hangs_is_not_taken_for_silence(
    hearing: Hearing, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()
    monkeypatch.setattr(module.logger, "warning", lambda *_: gone.set())
    await hearing.bus.subscribe("attic")
    redis_server.pause()
    try:
        await within("word of the hanging", gone.wait())
    finally:
        redis_server.resume()
    await within("the end of the hanging", hearing.missed.wait())
    await hearing.hears("attic")
