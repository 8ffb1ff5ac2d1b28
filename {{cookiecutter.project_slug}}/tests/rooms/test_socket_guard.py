"""The net below the application, seen from the server's side."""

import logging
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.server.middleware import (
    App,
    Event,
    Receive,
    Scope,
    Send,
    SocketGuard,
)

from ..configs import make_config
from ..contract.counts import since, told

ENDED = {
    "type": "websocket.close",
    "code": Close.INTERNAL_ERROR.row.code,
    "reason": Close.INTERNAL_ERROR.row.reason,
}
ACCEPTED = {"type": "websocket.accept"}


async def serve(app: App, *, send: Send | None = None, **scope: Any) -> list[Event]:
    """Serve one scope, and list what was sent."""
    sent: list[Event] = []

    async def note(event: Event) -> None:
        sent.append(event)

    async def receive() -> Event:
        return {"type": "websocket.connect"}

    whole = {"type": "websocket", "path": "/ws/lobby", "headers": [], **scope}
    await SocketGuard(app, make_config())(whole, receive, send or note)
    return sent


async def silent(_: Scope, __: Receive, ___: Send) -> None:
    return


async def failing(_: Scope, __: Receive, ___: Send) -> None:
    raise RuntimeError("before the accept")


async def failing_later(_: Scope, __: Receive, send: Send) -> None:
    await send(ACCEPTED)
    raise RuntimeError("after the accept")


async def failing_after_the_close(_: Scope, __: Receive, send: Send) -> None:
    await send(ACCEPTED)
    await send({"type": "websocket.close", "code": 1000})
    raise RuntimeError("after the close")


async def failing_after_the_start(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    raise RuntimeError("after the start")


async def accepting(_: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPTED)


@pytest.mark.parametrize("app", [silent, accepting, failing, failing_later])
async def test_what_the_application_does_not_end_ends_with_1011(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = told()
    assert await serve(app) == [ACCEPTED, ENDED]
    assert "application" in caplog.text
    assert since(before)["INTERNAL_ERROR"] == 1
    (line,) = [vars(one) for one in caplog.records if hasattr(one, "row")]
    assert (line["row"], line["room"]) == ("INTERNAL_ERROR", "lobby")


async def test_who_was_heard_is_not_forgotten_by_an_application_that_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]

    async def hearing(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPTED)
        await receive()

    async def receive() -> Event:
        return events.pop(0)

    sent: list[Event] = []

    async def note(event: Event) -> None:
        sent.append(event)

    scope = {"type": "websocket", "path": "/ws/lobby", "headers": []}
    await SocketGuard(hearing, make_config())(scope, receive, note)
    assert sent == [ACCEPTED, ENDED]
    assert "returned without a close" in caplog.text


async def test_after_a_close_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    assert await serve(failing_after_the_close) == [
        ACCEPTED,
        {"type": "websocket.close", "code": 1000},
    ]
    assert "after the close" in caplog.text


async def test_a_client_that_left_during_the_handshake_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def gone(_: Event) -> None:
        raise OSError("the client is gone")

    assert await serve(failing_later, send=gone) == []
    assert caplog.text == ""


async def test_two_origins_are_one_too_many() -> None:
    own = (b"origin", b"http://127.0.0.1")
    headers = [(b"host", b"127.0.0.1"), own]
    assert await serve(accepting, headers=headers) == [ACCEPTED, ENDED]
    assert await serve(accepting, headers=[*headers, own]) == [{"type": "websocket.close"}]


async def test_other_scopes_pass() -> None:
    async def http(scope: Scope, _: Receive, send: Send) -> None:
        await send({"type": scope["type"]})

    assert await serve(http, type="lifespan") == [{"type": "lifespan"}]


@pytest.mark.parametrize(("limit", "largest"), [(1, 1_048_576), (1_000_000, 2_000_000)])
async def test_a_body_may_have_twice_a_messages_limit_and_a_mebibyte(
    limit: int, largest: int
) -> None:
    async def http(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})

    for size, status in ((largest, 200), (largest + 1, 413)):
        sent: list[Event] = []

        async def note(event: Event, sent: list[Event] = sent) -> None:
            sent.append(event)

        async def receive(size: int = size) -> Event:
            return {"type": "http.request", "body": b"x" * size}

        guard = SocketGuard(http, make_config(max_message_bytes=limit))
        for headers in ([], [(b"content-length", str(size).encode())]):
            sent.clear()
            scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
            await guard(scope, receive, note)
            assert [event["status"] for event in sent if "status" in event] == [status]


async def test_a_server_that_cannot_send_a_denial_gets_a_close() -> None:
    assert await serve(silent, path="/nowhere") == [{"type": "websocket.close"}]


async def test_a_call_that_fails_after_its_answer_began_is_not_answered_again() -> None:
    sent: list[str] = []

    async def note(event: Event) -> None:
        sent.append(event["type"])

    with pytest.raises(RuntimeError, match="after the start"):
        await serve(failing_after_the_start, send=note, type="http", method="GET", path="/")
    assert sent == ["http.response.start"]
