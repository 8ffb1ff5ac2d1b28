"""What the manager does by itself from time to time, while clients come and go."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms import errors
from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.backends.interfaces import Page
from {{cookiecutter.__package}}.rooms.backends.redis.client import connect
from {{cookiecutter.__package}}.rooms.backends.redis.presence import RedisPresence
from {{cookiecutter.__package}}.rooms.delivery.stream import Stream
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Entry
from {{cookiecutter.__package}}.rooms.tasks import end_tasks
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from ..fakes import Socket, members, slow_down
from ..redis_server import RedisServer
from ..waiting import until_told, within

ROOMS = [f"room-{number}" for number in range(40)]


async def test_a_check_sends_nobody_away_who_is_just_coming_in(
    make_manager: Callable[..., ConnectionManager], redis_server: RedisServer
) -> None:
    manager = make_manager(redis_url=redis_server.url)
    sockets = []
    for number, room in enumerate(ROOMS):
        await manager.create_room(room)
        sockets.append(socket := Socket())
        coming = asyncio.create_task(manager.connect(room, socket.transport))
        # At another moment each time.
        for _ in range(number):
            await asyncio.sleep(0)
        await manager.check()
        connection = await coming
        await connection.drained()
        await manager.disconnect(connection)
    assert {socket.closed for socket in sockets} == {None}


async def test_a_message_sends_nobody_away_who_is_just_coming_in(
    make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = make_manager(tuning=Tuning(bell_seconds=0.01))
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.backend.bus, "subscribe")
    socket = Socket()
    coming = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    given_up, at_once = slow_down(monkeypatch, Stream, "catch_up")
    at_once.set()
    saying = asyncio.create_task(manager.publish("attic", "hello", "bea"))
    await within("the message's own bell to be given up", given_up.wait())
    go_on.set()
    await saying
    connection = await coming
    await connection.drained()
    assert socket.closed is None
    await manager.disconnect(connection)


async def test_what_is_said_while_a_room_is_opened_is_made_up_for_at_once(
    make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()
    publish = Stream.publish

    def note(stream: Stream, entry: Entry) -> None:
        publish(stream, entry)
        heard.set()

    monkeypatch.setattr(Stream, "publish", note)
    # Long enough that only a repair can be the reason why somebody is let in.
    manager = make_manager(tuning=Tuning(bell_seconds=60))
    await manager.create_room("attic")
    read = manager.backend.log.read

    async def read_slowly(*args: Any) -> Page:
        page = await read(*args)
        entered.set()
        await go_on.wait()
        return page

    with monkeypatch.context() as patched:
        patched.setattr(manager.backend.log, "read", read_slowly)
        socket = Socket()
        coming = asyncio.create_task(manager.connect("attic", socket.transport))
        await entered.wait()
    saying = asyncio.create_task(manager.publish("attic", "hello", "bea"))
    await within("it to be in the log", heard.wait())
    go_on.set()
    connection = await within("the newcomer to be let in", coming)
    await within("the message to be passed on", saying)
    await manager.publish("attic", "welcome", "bea")
    await until_told()
    await connection.drained()
    assert [("hello" in frame, '"body":"welcome"' in frame) for frame in socket.frames] == [
        (False, False),
        (False, True),
    ]
    await manager.disconnect(connection)


async def test_rooms_that_are_entered_again_during_a_check_are_heard_of(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: set[str] = set()
    left, go_on = asyncio.Event(), asyncio.Event()
    bus = manager.backend.bus
    subscribe, unsubscribe = bus.subscribe, bus.unsubscribe

    async def hear(room: str) -> None:
        await subscribe(room)
        heard.add(room)

    async def hear_no_more(room: str) -> None:
        heard.discard(room)
        await unsubscribe(room)
        left.set()
        await go_on.wait()

    monkeypatch.setattr(bus, "subscribe", hear)
    monkeypatch.setattr(bus, "unsubscribe", hear_no_more)
    socket = Socket()
    for room in ROOMS:
        await manager.create_room(room)
        await manager.disconnect(await manager.connect(room, socket.transport))
    checking = asyncio.create_task(manager.check())
    await left.wait()
    here = [await manager.connect(room, socket.transport) for room in ROOMS]
    go_on.set()
    await checking
    assert heard >= set(ROOMS)
    for connection in here:
        await manager.disconnect(connection)


async def test_the_roll_is_called_though_the_rooms_cannot_be_listed(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    await manager.backend.presence.remove("attic", connection.user)

    async def away(_: object) -> None:
        raise errors.UnavailableError

    monkeypatch.setattr(manager.store, "existing", away)
    with pytest.raises(errors.UnavailableError):
        await manager.check()
    await within("the close", socket.ended.wait())
    assert socket.closed == Close.REMOVED.row.code
    await manager.disconnect(connection)


async def test_a_room_that_is_deleted_a_second_time_leaves_no_messages(
    manager: ConnectionManager,
) -> None:
    await manager.create_room("attic")
    position = await manager.publish("attic", "of old", "ann")
    # As if the first try had broken off after this.
    await manager.store.delete("attic")
    with pytest.raises(errors.RoomNotFoundError):
        await manager.close_room("attic")
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport, Handshake(after=position))
    await connection.drained()
    assert '"recovered":false' in socket.frames[0]
    await manager.disconnect(connection)


async def test_who_leaves_while_joining_fails_is_no_member(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.backend.presence, "join")
    socket = Socket()
    coming = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    await manager.close_room("attic")
    await within("the close", socket.ended.wait())

    async def away(_: object) -> None:
        raise errors.UnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(manager.backend.presence, "members", away)
        go_on.set()
        connection = await coming
    assert await members(manager) == []
    await manager.disconnect(connection)


async def test_the_dead_keep_nobody_out(
    make_manager: Callable[..., ConnectionManager], redis_server: RedisServer
) -> None:
    manager = make_manager(redis_url=redis_server.url)
    await manager.create_room("attic", capacity=1)
    assert isinstance(manager.backend.presence, RedisPresence)
    redis = connect(redis_server.url)
    dying = RedisPresence(redis, manager.backend.presence.keyspace, 0.05)
    await dying.join("attic", "ann", "1")
    await redis.aclose()
    await asyncio.sleep(0.1)
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    assert await members(manager) == [connection.user]
    await manager.disconnect(connection)


async def test_who_leaves_while_members_are_brought_back_is_no_member(
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manager = make_manager(redis_url=redis_server.url)
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    async with connect(redis_server.url) as redis:
        for kind in ("leases", "connections", "counts"):
            await redis.delete(*await redis.keys(f"*:{kind}"))
    entered, go_on = slow_down(monkeypatch, manager.backend.presence, "join")
    checking = asyncio.create_task(manager.check())
    await within("the member to be brought back", entered.wait())
    await manager.disconnect(connection)
    go_on.set()
    await within("the check", checking)
    assert await members(manager) == []


async def test_a_task_that_swallows_its_cancellation_is_ended() -> None:
    swallowed = asyncio.Event()

    async def swallow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(swallow())
    await asyncio.sleep(0)
    await within("the end", end_tasks(task))
    assert swallowed.is_set()
    assert task.cancelled()


async def test_a_stop_ends_a_check_that_swallows_a_cancellation(
    make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    swallowing = asyncio.Event()

    async def swallow(names: set[str]) -> set[str]:
        if not swallowing.is_set():
            swallowing.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return names

    manager = make_manager(tuning=Tuning(check_seconds=0.01))
    monkeypatch.setattr(manager.store, "existing", swallow)
    before = asyncio.all_tasks()
    await manager.start()
    await within("a check", swallowing.wait())
    await within("the stop", manager.stop())
    assert asyncio.all_tasks() == before


async def test_the_keeper_outlives_a_long_outage(
    make_manager: Callable[..., ConnectionManager],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    failures = iter(range(2_000))
    over, back = asyncio.Event(), asyncio.Event()

    async def away() -> None:
        if next(failures, None) is not None:
            raise errors.UnavailableError
        over.set()

    async def there(names: set[str]) -> set[str]:
        if over.is_set():
            back.set()
        return names

    # Nobody waits between two tries.
    manager = make_manager(tuning=Tuning(first_retry_seconds=0.0))
    monkeypatch.setattr(manager, "ensure_rooms", away)
    monkeypatch.setattr(manager.store, "existing", there)
    await manager.start()
    await within("the engine to be back", back.wait())
    await manager.stop()
    assert "The rooms can be reached again" in caplog.text
