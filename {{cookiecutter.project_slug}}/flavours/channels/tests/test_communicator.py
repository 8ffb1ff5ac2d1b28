"""Channels' own WebsocketCommunicator: what it is good for, and what it cannot see.

It is quick, and it shows the events of a consumer in order. It is no client: it speaks ASGI with
the consumer, without a server between them. So it cannot see

- what a server makes of it: what is sent before the accept looks fine here, while a real client
  gets HTTP 500 and none of it; what is sent after a close is taken in silence; an exception is
  raised in the test, while a real client gets 1006;
- that a reason is too long for a close frame, or that a message is too big;
- what happens at a signal, or with a client that does not read or that vanishes.

The tests in `contract/` see all that. Of its methods, `connect()` takes any first event,
and `receive_json_from()` reads no close; `receive_output()` is exact and has a timeout, after which
the consumer is cancelled: expect nothing by `receive_nothing()`, and last.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.web.routing import socket_router

from .clock import ManualClock
from .communicator import WebsocketCommunicator


@asynccontextmanager
async def connected(
    manager: ConnectionManager, path: str, **options: Any
) -> AsyncIterator[WebsocketCommunicator]:
    """Open a socket on consumers that are built with the test's manager."""
    communicator = WebsocketCommunicator(socket_router(manager), path, **options)
    await communicator.send_input({"type": "websocket.connect"})
    # Not `connect()`: only an accept may come first.
    assert (await communicator.receive_output())["type"] == "websocket.accept"
    yield communicator
    assert await communicator.receive_nothing()
    # A server tells the consumer of the end; here a test has to.
    await communicator.disconnect()


async def expect_frame(communicator: WebsocketCommunicator) -> dict[str, Any]:
    """Expect a frame next; a close in its place fails."""
    event = await communicator.receive_output()
    assert event["type"] == "websocket.send", f"expected a frame, but got {event}"
    frame: dict[str, Any] = json.loads(event["text"])
    return frame


async def expect_close(communicator: WebsocketCommunicator, close: Close) -> None:
    """Expect this row of the close table next; that nothing follows is looked at in the end."""
    assert await communicator.receive_output() == {
        "type": "websocket.close",
        "code": close.row.code,
        "reason": close.row.reason,
    }


async def test_an_unknown_room_is_told_after_the_accept(manager: ConnectionManager) -> None:
    async with connected(manager, "/ws/nowhere") as communicator:
        await expect_close(communicator, Close.ROOM_NOT_FOUND)


async def test_an_expired_token_is_told_in_words_and_then_by_the_close(
    manager: ConnectionManager, clock: ManualClock
) -> None:
    await manager.start()
    token = manager.tokens.issue("ann", "lobby", ttl=30)
    clock.advance(31)
    async with connected(manager, "/ws/lobby", subprotocols=[f"bearer.{token}"]) as communicator:
        assert await expect_frame(communicator) == {"type": "jwt-expired"}
        await expect_close(communicator, Close.TOKEN_EXPIRED)


async def test_a_token_that_expires_while_connected_is_told_likewise(
    manager: ConnectionManager, clock: ManualClock
) -> None:
    await manager.start()
    token = manager.tokens.issue("ann", "lobby", ttl=30)
    async with connected(manager, "/ws/lobby", subprotocols=[f"bearer.{token}"]) as communicator:
        assert (await expect_frame(communicator))["type"] == "welcome"
        clock.advance(30)
        assert await expect_frame(communicator) == {"type": "jwt-expired"}
        await expect_close(communicator, Close.TOKEN_EXPIRED)


async def test_members_hear_each_other(manager: ConnectionManager) -> None:
    await manager.create_room("attic", presence=False)
    async with connected(manager, "/ws/attic") as ann, connected(manager, "/ws/attic") as bea:
        name = (await expect_frame(ann))["user"]
        await expect_frame(bea)
        await ann.send_json_to({"type": "message", "body": "hello"})
        for communicator in (ann, bea):
            message = await expect_frame(communicator)
            assert (message["from"], message["body"]) == (name, "hello")
