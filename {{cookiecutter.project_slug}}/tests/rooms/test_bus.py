"""What a bus promises, on every backend; and on Redis, that it outlives what is wrong there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError  # noqa: A004 (redis-py's name)

from {{cookiecutter.__package}}.rooms.backends.interfaces import Backend
from {{cookiecutter.__package}}.rooms.backends.memory import memory_backend
from {{cookiecutter.__package}}.rooms.backends.redis import bus as module
from {{cookiecutter.__package}}.rooms.backends.redis.backend import redis_backend
from {{cookiecutter.__package}}.rooms.backends.redis.bus import RedisBus
from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.protocol.events import Entry, Event, Removed

from ..contract.counts import since, told
from ..redis_server import RedisServer
from ..waiting import within

ROOMS = [f"room-{number}" for number in range(30)]
KEYSPACE = Keyspace("test")
EVENT = '{"kind": "removed", "user": "ann"}'
UNREADABLE: list[bytes | str] = [
    b"\xff\xfe",
    "",
    "no JSON",
    "[]",
    '{"kind": "of another release"}',
    '{"kind": "removed"}',
]


class Hearing:
    """A bus, and what it told of."""

    def __init__(self, redis: Redis, **times: float) -> None:
        self.redis = redis
        self.bus = RedisBus(redis, KEYSPACE)
        for name, seconds in times.items():
            setattr(self.bus, name, seconds)
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


@pytest.fixture(params=["memory", "redis"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """The engines, one after the other."""
    if request.param == "memory":
        yield memory_backend(history=10)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    made = redis_backend(server.url, "test", history=10)
    yield made
    await made.close()


def listen(backend: Backend) -> asyncio.Queue[tuple[str, Event]]:
    """Queue all that a bus delivers."""
    heard: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
    backend.bus.listen(lambda room, event: heard.put_nowait((room, event)), lambda: None)
    return heard


async def test_rooms_that_begin_while_the_bus_begins_are_heard(backend: Backend) -> None:
    heard = listen(backend)
    subscribing = []
    for room in ROOMS:
        subscribing.append(asyncio.create_task(backend.bus.subscribe(room)))
        await asyncio.sleep(0)
    assert not any(await asyncio.gather(*subscribing, return_exceptions=True))
    sent = [(room, Removed(user=f"user-{number}")) for room in ROOMS for number in range(10)]
    for room, event in sent:
        await backend.bus.send(room, event)
    assert [await within("what was sent", heard.get()) for _ in sent] == sent
    await backend.bus.close()
    assert heard.empty()


async def test_an_append_rings_the_bus_once(backend: Backend) -> None:
    heard = listen(backend)
    await backend.bus.subscribe("attic")
    for _ in range(2):
        position, _ = await backend.log.append("attic", 'ü "1"', idempotency_key="m1")
    await backend.bus.send("attic", Removed(user="ann"))
    entry = Entry(epoch=position.epoch, offset=position.offset, text='ü "1"')
    for event in (entry, Removed(user="ann")):
        assert await within("the event", heard.get()) == ("attic", event)


async def test_a_room_that_is_only_asked_about_begins_no_log() -> None:
    backend = memory_backend(history=10)
    listen(backend)
    assert (await backend.log.read("attic", None, 10, follow=False)).entries == []
    await backend.presence.members("attic")
    await backend.presence.heartbeat("attic")
    await backend.presence.remove("attic", "ann")
    for part in (backend.log, backend.presence):
        assert not vars(part)["_rooms"]
    await backend.bus.subscribe("attic")
    begun = (await backend.log.read("attic", None, 10)).newest
    await backend.bus.unsubscribe("attic")
    assert (await backend.log.append("attic", "hello", None, begun)).position.epoch == begun.epoch


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


def failing(errors: list[Exception], get: Callable[[], PubSub]) -> Callable[[], PubSub]:
    """Raise one error after the other before it works."""

    def getting() -> PubSub:
        if errors:
            raise errors.pop(0)
        return get()

    return getting


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


async def test_unreadable_messages_are_counted_logged_once_and_skipped(
    hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    await hearing.bus.subscribe("attic")
    before = told()
    for message in UNREADABLE * 10:
        await hearing.redis.publish(KEYSPACE.bell("attic"), message)
    await hearing.hears("attic")
    assert not hearing.missed.is_set(), "it connected anew"
    assert since(before)["rooms_bells_unreadable_total"] == 60
    assert caplog.text.count("cannot be read") == 1


async def test_events_with_unknown_fields_are_delivered(hearing: Hearing) -> None:
    await hearing.bus.subscribe("attic")
    event = EVENT.replace("}", ', "of": {"another": "release"}}')
    await hearing.redis.publish(KEYSPACE.bell("attic"), event)
    assert await within("the event", hearing.heard.get()) == "attic"


async def silence(hearing: Hearing) -> None:
    """End the subscription of a room, unknown to the bus."""
    pubsub: PubSub = vars(hearing.bus)["_pubsub"]
    await pubsub.unsubscribe(KEYSPACE.bell("attic"))
    # Redis confirms this after it has done the other.
    await hearing.bus.subscribe("cellar")


@pytest.mark.parametrize("times", [{"gap_seconds": 0.05}])
async def test_a_silent_subscription_is_made_anew(
    hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    await hearing.bus.subscribe("attic")
    await silence(hearing)
    for _ in range(2):
        hearing.bus.report_gap("attic")
        assert not hearing.missed.is_set()
        await asyncio.sleep(0.06)
    await within("a new connection", hearing.missed.wait())
    await hearing.hears("attic")
    assert "No event of the room 'attic' arrives" in caplog.text


@pytest.mark.parametrize("times", [{"gap_seconds": 0.05}])
async def test_a_subscription_with_a_gap_that_goes_on_is_kept(hearing: Hearing) -> None:
    await hearing.bus.subscribe("attic")
    for _ in range(3):
        hearing.bus.report_gap("attic")
        await asyncio.sleep(0.06)
        await hearing.hears("attic")
    assert not hearing.missed.is_set()


@pytest.mark.parametrize(("prefix", "path"), [("test", "1"), ("test", "0?db=1"), ("tests", "0")])
async def test_another_prefix_or_database_is_not_heard(
    hearing: Hearing, redis_server: RedisServer, prefix: str, path: str
) -> None:
    url = redis_server.url.removesuffix("0") + path
    other = redis_backend(url, prefix, history=10)
    await hearing.bus.subscribe("attic")
    await other.bus.send("attic", Removed(user="ann"))
    await other.log.append("attic", "hello")
    await hearing.hears("attic")
    assert hearing.heard.empty()
    await other.close()
