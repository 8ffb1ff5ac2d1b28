"""The connection manager without a socket: what only happens at certain moments."""

import asyncio
import json
import logging
from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.backends.interfaces import Room
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.errors import RoomNotFoundError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.metrics import CLIENT_LEFT
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Event

from ..contract.counts import since, told
from ..fakes import Socket, fail, members, slow_down
from ..waiting import until_told


@pytest.mark.parametrize(("part", "name"), [("log", "read"), ("presence", "join")])
async def test_a_room_that_closes_while_somebody_comes_in_closes_to_them_too(
    part: str, name: str, manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    # With somebody there, the room's stream has begun, and the newcomer alone reads the log.
    there = await manager.connect("attic", Socket().transport)
    entered, go_on = slow_down(monkeypatch, getattr(manager.backend, part), name)
    socket = Socket()
    joining = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    await manager.close_room("attic")
    go_on.set()
    connection = await joining
    await socket.expect_close(Close.ROOM_CLOSED)
    assert socket.frames == []
    for one in (connection, there):
        await manager.disconnect(one)
    assert await members(manager) == []


async def test_what_is_said_before_the_welcome_is_not_for_a_newcomer(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.backend.presence, "join")
    socket = Socket()
    joining = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    await manager.publish("attic", "too early", "ann")
    go_on.set()
    connection = await joining
    await manager.publish("attic", "in time", "ann")
    await until_told()
    await connection.drained()
    assert ["too early" in frame for frame in socket.frames] == [False, False]
    assert "in time" in socket.frames[1]
    await manager.disconnect(connection)


async def test_a_client_that_goes_while_it_comes_in_is_forgotten(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, _ = slow_down(monkeypatch, manager.backend.log, "read")
    socket = Socket()
    joining = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    joining.cancel()
    await asyncio.wait([joining])
    await asyncio.sleep(0)
    assert manager.connection_count == 0
    assert await members(manager) == []


async def test_what_a_client_sends_while_it_comes_in_is_said_though_it_leaves(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.store, "get")
    connection = manager.open("attic", Socket().transport)
    await entered.wait()
    await manager.receive(connection, '{"type": "message", "body": "on the way out"}')
    leaving = asyncio.create_task(manager.disconnect(connection))
    go_on.set()
    await leaving
    (said,) = (await manager.messages("attic", None, 10)).entries
    assert "on the way out" in said.text
    assert manager.connection_count == 0
    assert await members(manager) == []


async def test_a_server_that_stops_waits_no_longer_for_who_comes_in(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, _ = slow_down(monkeypatch, manager.store, "get")
    connection = manager.open("attic", Socket().transport)
    await entered.wait()
    leaving = asyncio.create_task(manager.disconnect(connection))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert connection.lane.idle
    assert manager.connection_count == 0
    assert await members(manager) == []


async def test_frames_after_the_end_are_ignored(manager: ConnectionManager) -> None:
    await manager.create_room("attic")
    socket, witness = Socket(), Socket()
    connection = await manager.connect("attic", socket.transport)
    there = await manager.connect("attic", witness.transport)
    manager.end(connection, Close.REMOVED)
    await manager.receive(connection, '{"type": "message", "body": "one last word"}')
    manager.end(connection, Close.ROOM_CLOSED)
    await connection.drained()
    assert socket.closed == Close.REMOVED.row.code
    await manager.disconnect(connection)
    await there.drained()
    assert not any("one last word" in frame for frame in witness.frames + socket.frames)
    await manager.disconnect(there)


async def test_an_answer_that_cannot_wait_ends_a_slow_reader(
    make_manager: Callable[..., ConnectionManager],
) -> None:
    manager = make_manager(outbox_bytes=300, messages_per_second=0)
    await manager.create_room("attic")
    stuck = asyncio.Event()
    socket = Socket()

    async def send(_: str) -> None:
        await stuck.wait()

    connection = await manager.connect("attic", Transport(send, socket.close))
    while not connection.ending:
        await manager.receive(connection, '{"type": "ping"}')
    await connection.drained()
    assert socket.closed == Close.READS_TOO_SLOWLY.row.code
    await manager.disconnect(connection)


@pytest.mark.parametrize(
    ("error", "row"),
    [(RuntimeError("a mistake"), "INTERNAL_ERROR"), (OSError("gone"), CLIENT_LEFT)],
)
async def test_a_send_that_fails_ends_the_connection_as_the_log_says(
    error: Exception,
    row: str,
    manager: ConnectionManager,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await manager.create_room("attic")
    socket = Socket()

    async def send(_: str) -> None:
        raise error

    before = told()
    connection = await manager.connect("attic", Transport(send, socket.close))
    await connection.drained()
    assert connection.ending
    failed = row == Close.INTERNAL_ERROR.name
    assert socket.closed == (Close.INTERNAL_ERROR.row.code if failed else None)
    await manager.disconnect(connection)
    assert await members(manager) == []
    assert [one.row for one in caplog.records if hasattr(one, "row")] == [row]
    assert since(before)[row] == 1
    assert ("a mistake" in caplog.text) is failed


async def test_an_error_that_a_framework_raises_for_a_client_that_is_gone_is_no_failure(
    manager: ConnectionManager, caplog: pytest.LogCaptureFixture
) -> None:
    await manager.create_room("attic")
    socket = Socket()

    async def send(_: str) -> None:
        try:
            raise OSError("gone")
        except OSError:
            raise RuntimeError("disconnected")  # noqa: B904 (as a framework does)

    connection = await manager.connect("attic", Transport(send, socket.close))
    await connection.drained()
    assert connection.closed_with is None
    assert socket.closed is None
    assert caplog.text == ""
    await manager.disconnect(connection)


@pytest.mark.parametrize(("part", "name"), [("store", "get"), ("bus", "subscribe")])
async def test_a_client_that_is_closed_before_it_joins_does_not_join(
    part: str,
    name: str,
    manager: ConnectionManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await manager.create_room("attic")
    slow = manager.store if part == "store" else manager.backend.bus
    entered, go_on = slow_down(monkeypatch, slow, name)
    joined = fail(monkeypatch, manager.backend.presence, "join")
    socket = Socket()
    joining = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    draining = asyncio.create_task(manager.drain())
    await socket.expect_close(Close.SERVICE_RESTART)
    go_on.set()
    connection = await joining
    await draining
    assert not joined.is_set()
    assert caplog.text == ""
    if part == "bus":
        unsubscribed, go_on = slow_down(monkeypatch, manager.backend.bus, "unsubscribe")
        go_on.set()
        await manager.check()
        assert unsubscribed.is_set(), "the room still has a connection"
    await manager.disconnect(connection)


async def test_only_a_room_that_is_there_can_be_closed(manager: ConnectionManager) -> None:
    with pytest.raises(RoomNotFoundError, match="nowhere"):
        await manager.close_room("nowhere")
    with pytest.raises(RoomNotFoundError, match="nowhere"):
        await manager.remove_user("nowhere", "ann")


async def test_starting_twice_keeps_the_rooms(
    make_manager: Callable[..., ConnectionManager],
) -> None:
    manager = make_manager(rooms="attic,cellar")
    await manager.start()
    await manager.start()
    assert await manager.store.get("cellar") == Room("cellar")


async def test_a_room_that_is_entered_during_a_check_stays_open(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    await manager.create_room("cellar")
    sockets = [Socket(), Socket()]
    first = await manager.connect("attic", sockets[0].transport)
    entered, go_on = slow_down(monkeypatch, manager.store, "existing")
    checking = asyncio.create_task(manager.check())
    await entered.wait()
    second = await manager.connect("cellar", sockets[1].transport)
    go_on.set()
    await checking
    assert not first.ending
    assert not second.ending
    for connection in (first, second):
        await manager.disconnect(connection)


async def test_a_room_that_is_gone_from_the_store_closes_with_the_next_check(
    manager: ConnectionManager,
) -> None:
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    await manager.store.delete("attic")
    await manager.check()
    await connection.drained()
    assert socket.closed == Close.ROOM_CLOSED.row.code
    await manager.disconnect(connection)


async def test_a_room_that_nobody_is_in_is_not_heard_of_any_more(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsubscribed: list[str] = []
    unsubscribe = manager.backend.bus.unsubscribe

    async def noting(room: str) -> None:
        unsubscribed.append(room)
        await unsubscribe(room)

    monkeypatch.setattr(manager.backend.bus, "unsubscribe", noting)
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    await manager.check()
    assert unsubscribed == []
    await manager.disconnect(connection)
    await manager.check()
    assert unsubscribed == ["attic"]
    await manager.check()
    assert unsubscribed == ["attic"]


async def test_a_client_may_be_forgotten_twice(manager: ConnectionManager) -> None:
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    for _ in range(2):
        await manager.disconnect(connection)
    assert manager.connection_count == 0
    assert await members(manager) == []


async def test_who_is_removed_from_a_room_without_presence_is_not_told_of(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    send = manager.backend.bus.send

    async def note(room: str, event: Event) -> None:
        kinds.append(event.kind)
        await send(room, event)

    await manager.create_room("attic", presence=False)
    socket, witness = Socket(), Socket()
    there = await manager.connect("attic", witness.transport)
    connection = await manager.connect("attic", socket.transport)
    monkeypatch.setattr(manager.backend.bus, "send", note)
    await manager.remove_user("attic", connection.user)
    await asyncio.wait_for(socket.ended.wait(), 5)
    assert socket.closed == Close.REMOVED.row.code
    assert kinds == ["removed"]
    await manager.publish("attic", "next", "ann")
    await until_told()
    await there.drained()
    assert [json.loads(frame)["type"] for frame in witness.frames] == ["welcome", "message"]
    for one in (connection, there):
        await manager.disconnect(one)


async def test_who_is_too_slow_for_what_comes_before_a_close_ends_by_that(
    make_manager: Callable[..., ConnectionManager],
) -> None:
    manager = make_manager(outbox_bytes=300)
    await manager.create_room("attic")
    socket, free = Socket(), asyncio.Event()

    async def send(_: str) -> None:
        await free.wait()

    connection = await manager.connect("attic", Transport(send, socket.close))
    await manager.publish("attic", "x" * 300, "bea")
    manager.end(connection, Close.REMOVED)
    assert connection.closed_with is Close.READS_TOO_SLOWLY
    await connection.drained()
    assert socket.closed == Close.READS_TOO_SLOWLY.row.code
    await manager.disconnect(connection)
