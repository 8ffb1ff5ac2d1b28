"""The bus may lose what it carries: the log is the truth."""

import asyncio

import pytest

from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Entry, Event
from {{cookiecutter.__package}}.web.about import PACKAGE

from ..fakes import intercept
from ..redis_server import RedisServer
from ..waiting import within
from .conftest import Pair
from .counts import since, told

BELL = Keyspace(PACKAGE).bell("lobby")


async def test_what_no_bell_told_of_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bell is lost for one process; the publisher's own and the check find out."""
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        for service in pair:
            intercept(monkeypatch, service.manager, lambda *_: None)
        await ann.say("hello")
        await ann.expect_message("hello", "ann")
        await pair[1].manager.check()
        await bea.expect_message("hello", "ann")
        await pair[0].manager.backend.presence.remove("lobby", "bea")
        await pair[1].manager.check()
        await bea.expect_close(Close.REMOVED)
        await pair[0].manager.check()
        await ann.expect("left", user="bea")
        await pair[1].manager.close_room("lobby")
        await pair[0].manager.check()
        await ann.expect_close(Close.ROOM_CLOSED)


async def test_a_gap_is_repaired_with_the_next_bell(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: asyncio.Queue[Event] = asyncio.Queue()
    async with pair[0].join("ann") as ann:
        with monkeypatch.context() as patched:
            intercept(patched, pair[0].manager, lambda _, event: lost.put_nowait(event))
            for number in range(3):
                await pair[1].manager.publish("lobby", number, "bea")
                while not isinstance(await within("a bell to be lost", lost.get()), Entry):
                    pass
        await pair[1].manager.publish("lobby", 3, "bea")
        for number in range(4):
            # Sooner than the next check.
            await within("the gap to be repaired", ann.expect_message(number, "bea"), 2)


async def test_garbage_on_the_bus_delays_no_message(
    pair: Pair, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair[0].join("ann") as ann, connect(redis_server.url) as redis:
        before = told()
        for number in range(60):
            await redis.publish(BELL, f"garbage {number}")
        await pair[1].manager.publish("lobby", "hello", "bea")
        await ann.expect_message("hello", "bea")
        counted = since(before)
        assert counted["rooms_bells_unreadable_total"] == 60
        assert counted["rooms_gaps_repaired_total"] == 0, "its bell rang"
    assert caplog.text.count("cannot be read") == 1
    caplog.clear()


async def test_a_subscription_that_is_silent_is_made_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bus = pair[0].manager.backend.bus
    monkeypatch.setattr(bus, "gap_seconds", 0.0)
    connected = asyncio.Event()
    async with pair[0].join("ann") as ann:
        # As if Redis had forgotten it.
        await vars(bus)["_pubsub"].unsubscribe(BELL)
        await bus.subscribe("cellar")
        bus.listen(vars(bus)["_take"], connected.set)
        await pair[1].manager.publish("lobby", "lost", "bea")
        await pair[0].manager.check()
        await ann.expect_message("lost", "bea")
        await within("a new connection", connected.wait())
        await pair[1].manager.publish("lobby", "heard", "bea")
        await ann.expect_message("heard", "bea")
    assert "subscribing again" in caplog.text
    caplog.clear()
