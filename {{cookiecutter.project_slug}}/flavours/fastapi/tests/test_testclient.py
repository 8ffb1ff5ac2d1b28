"""FastAPI's own TestClient: what it is good for with sockets, and what it cannot see.

It is quick, and it shows the order of what the application sends. It is no client: it speaks ASGI
with the application, without a server between them. So it cannot see

- what a server makes of it: a close before the accept looks here like a close with its code, while
  a real client gets HTTP 403 and a browser 1006; an exception is raised in the test, while a real
  client gets 1006;
- that a reason is too long for a close frame, or that a message is too big;
- what happens at a signal, or with a client that does not read or that vanishes.

The tests in `contract/` see all that. And its `receive_…` wait for ever, hence the mark below.
"""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.web.dependencies import get_manager

from .clock import ManualClock
from .waiting import LIMIT_SECONDS

pytestmark = pytest.mark.timeout(LIMIT_SECONDS)


@pytest.fixture
def client(
    build_app: Callable[[ConnectionManager], FastAPI], manager: ConnectionManager
) -> Iterator[TestClient]:
    """A client of an application that uses the test's manager.

    `with` matters: it runs the lifespan, and keeps all sockets in one event loop.
    """
    with TestClient(build_app(manager)) as client:
        yield client


def waiting(socket: WebSocketTestSession) -> int:
    """Count what was sent and not read, which a test can ask in no public way."""
    return socket._send_rx.statistics().current_buffer_used  # noqa: SLF001 (it tells by nothing else)


def expect_close(socket: WebSocketTestSession, close: Close) -> None:
    """Expect this row of the close table next, and nothing after it."""
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert (closed.value.code, closed.value.reason) == (close.row.code, close.row.reason)
    assert waiting(socket) == 0


def test_an_unknown_room_is_told_after_the_accept(client: TestClient) -> None:
    # Opened outside of `raises`: a close before the accept fails here. With both in one `raises`,
    # the test would pass for either, and what real clients see would differ.
    with client.websocket_connect("/ws/nowhere") as socket:
        expect_close(socket, Close.ROOM_NOT_FOUND)


def test_an_expired_token_is_told_in_words_and_then_by_the_close(
    client: TestClient, manager: ConnectionManager, clock: ManualClock
) -> None:
    token = manager.tokens.issue("ann", "lobby", ttl=30)
    clock.advance(31)
    with client.websocket_connect("/ws/lobby", subprotocols=[f"bearer.{token}"]) as socket:
        assert socket.receive_json() == {"type": "jwt-expired"}
        # Read on: a close that a test does not read fails nothing.
        expect_close(socket, Close.TOKEN_EXPIRED)


def test_a_token_that_expires_while_connected_is_told_likewise(
    client: TestClient, manager: ConnectionManager, clock: ManualClock
) -> None:
    token = manager.tokens.issue("ann", "lobby", ttl=30)
    with client.websocket_connect("/ws/lobby", subprotocols=[f"bearer.{token}"]) as socket:
        assert socket.receive_json()["type"] == "welcome"
        assert client.portal
        # The connection lives in the client's event loop, so its timers are called there.
        client.portal.call(clock.advance, 30)
        assert socket.receive_json() == {"type": "jwt-expired"}
        expect_close(socket, Close.TOKEN_EXPIRED)


def test_members_hear_each_other(client: TestClient) -> None:
    with client.websocket_connect("/ws/lobby") as ann, client.websocket_connect("/ws/lobby") as bea:
        name = ann.receive_json()["user"]
        bea.receive_json()
        assert ann.receive_json()["type"] == "joined"
        ann.send_json({"type": "message", "body": "hello"})
        for socket in (ann, bea):
            message = socket.receive_json()
            assert (message["from"], message["body"]) == (name, "hello")
            assert waiting(socket) == 0


def test_the_overrides_reach_sockets_and_calls_alike(
    client: TestClient, manager: ConnectionManager
) -> None:
    assert client.portal
    client.portal.call(lambda: manager.create_room("seeded"))
    assert client.post("/rooms/seeded/tokens", json={"user": "ann"}).status_code == 201
    with client.websocket_connect("/ws/seeded") as socket:
        assert socket.receive_json()["room"] == "seeded"


def test_the_overrides_are_gone_after_a_test(
    build_app: Callable[[ConnectionManager], FastAPI], manager: ConnectionManager
) -> None:
    app = build_app(manager)
    assert app.dependency_overrides.keys() == {get_manager}
    assert app.state.manager is not manager


def test_the_documentation_shows_the_calls(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert paths.keys() >= {
        "/readyz",
        "/rooms",
        "/rooms/{room}",
        "/rooms/{room}/frames",
        "/rooms/{room}/members",
        "/rooms/{room}/members/{user}",
        "/rooms/{room}/messages",
        "/rooms/{room}/tokens",
    }
    assert client.get("/docs").status_code == 200
