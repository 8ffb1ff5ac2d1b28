"""Frames that are not kept, and closes, at certain moments of a connection."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Direct, Removed
from {{cookiecutter.__package}}.rooms.protocol.frames import Message
from {{cookiecutter.__package}}.rooms.protocol.reserved import OwnFrame

from ..fakes import Socket, members, slow_down
from ..waiting import until_told, within

TICK = OwnFrame(type="x-tick")


def types(socket: Socket) -> list[str]:
    """The types of the frames that a client got."""
    return [json.loads(frame)["type"] for frame in socket.frames]


@pytest.mark.parametrize("to_user", [False, True])
async def test_a_client_that_is_told_what_it_missed_gets_frames_that_are_not_kept(
    make_manager: Callable[..., ConnectionManager], *, to_user: bool
) -> None:
    manager = make_manager(outbox_bytes=8_000)
    await manager.create_room("attic")
    after = await manager.publish("attic", "seen", "bea")
    for number in range(100):
        await manager.publish("attic", f"{number}".rjust(100), "bea")
    socket, writing, read_on = Socket(), asyncio.Event(), asyncio.Event()

    async def send(text: str) -> None:
        writing.set()
        await read_on.wait()
        await socket.send(text)

    handshake = Handshake(token=manager.tokens.issue("ann", "attic", 60), after=after)
    transport = Transport(send, socket.close)
    coming = asyncio.create_task(manager.connect("attic", transport, handshake))
    await within("the welcome", writing.wait())
    await until_told()
    # More than is left beside what it missed, if that took all there is.
    frame = OwnFrame.model_validate({"type": "x-tick", "text": "x" * 1_500})
    if to_user:
        assert await manager.send_to_user("attic", "ann", frame)
    else:
        await manager.broadcast("attic", frame)
    assert not coming.done(), "it was told all that it missed before"
    read_on.set()
    connection = await coming
    await connection.drained()
    assert socket.closed is None
    told = types(socket)
    assert told[0] == "welcome"
    assert sorted(told[1:]) == ["message"] * 100 + ["x-tick"]
    assert told[-1] == "message"
    await manager.disconnect(connection)


async def test_a_client_without_a_welcome_gets_no_frame(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    there, socket = Socket(), Socket()
    connections = [await manager.connect("attic", there.transport)]
    entered, go_on = slow_down(monkeypatch, manager.backend.log, "read")
    handshake = Handshake(token=manager.tokens.issue("ann", "attic", 60))
    coming = asyncio.create_task(manager.connect("attic", socket.transport, handshake))
    await entered.wait()
    await manager.broadcast("attic", TICK)
    assert await manager.send_to_user("attic", "ann", TICK)
    go_on.set()
    connections.append(await coming)
    await manager.broadcast("attic", TICK)
    await until_told()
    for connection in connections:
        await connection.drained()
    assert types(there) == ["welcome", "joined", "x-tick", "x-tick"]
    assert types(socket) == ["welcome", "x-tick"]
    for connection in connections:
        await manager.disconnect(connection)


async def test_a_frame_for_a_user_comes_behind_the_messages_of_its_round(
    manager: ConnectionManager,
) -> None:
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    await manager.publish("attic", "hello", "bea")
    direct = Direct(user=connection.user, text='{"type": "x-tick"}')
    await manager.backend.bus.send("attic", direct)
    await until_told()
    await connection.drained()
    assert types(socket) == ["welcome", "message", "x-tick"]
    await manager.disconnect(connection)


async def test_a_user_is_removed_while_joining(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.backend.presence, "join")
    handshake, socket = Handshake(token=manager.tokens.issue("ann", "attic", 60)), Socket()
    coming = asyncio.create_task(manager.connect("attic", socket.transport, handshake))
    await entered.wait()
    await manager.remove_user("attic", "ann")
    go_on.set()
    connection = await coming
    assert connection.closed_with is Close.REMOVED
    await manager.disconnect(connection)
    assert await members(manager) == []


async def test_nobody_has_an_empty_name(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.create_room("attic")
    entered, go_on = slow_down(monkeypatch, manager.store, "get")
    socket = Socket()
    coming = asyncio.create_task(manager.connect("attic", socket.transport))
    await entered.wait()
    await manager.backend.bus.send("attic", Removed(user=""))
    go_on.set()
    connection = await coming
    assert not connection.ending
    await manager.disconnect(connection)


async def test_a_row_of_another_release_closes_with_removed(manager: ConnectionManager) -> None:
    await manager.create_room("attic")
    socket = Socket()
    connection = await manager.connect("attic", socket.transport)
    removed = Removed(user=connection.user, close="ONE_THAT_IS_YET_TO_COME")
    await manager.backend.bus.send("attic", removed)
    await socket.expect_close(Close.REMOVED)
    await manager.disconnect(connection)


@pytest.mark.parametrize("what", [{"type": "x-tick"}, Message(body="hello")])
async def test_what_is_no_frame_to_clients_is_not_sent(
    manager: ConnectionManager, what: object
) -> None:
    await manager.create_room("attic")
    told = f"^{type(what).__name__} is no frame to clients: derive it"
    frame: Any = what
    for call in (manager.broadcast("attic", frame), manager.send_to_user("attic", "ann", frame)):
        with pytest.raises(TypeError, match=told):
            await call
