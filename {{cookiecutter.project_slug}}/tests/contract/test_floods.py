"""Who comes too often, sends too much, or never ends; docs/threats.md has the whole list."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import uvicorn

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.server.http_protocol import RequestProtocol
from {{cookiecutter.__package}}.server.run import uvicorn_config
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol

from ..serving import Start
from ..waiting import within
from . import server
from .service import Service, Streams

# Masked with a key of zeros, and without content.
TEXT = b"\x81\x80\x00\x00\x00\x00"
GET = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
POST = "POST /rooms/lobby/tokens HTTP/1.1\r\nHost: a\r\n"
UPGRADE = "GET /ws/lobby HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"


async def trickle(streams: Streams, drop: str) -> bytes:
    """Send a little again and again; what was answered, up to the end of the connection."""
    reader, writer = streams
    answered, more = b"", b""
    # Read as it comes: a reset, which may follow, takes along what was not read.
    with suppress(ConnectionResetError):
        while more or not reader.at_eof():
            writer.write(drop.encode())
            more = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    more = await reader.read(65_536)
            answered += more
    return answered


@pytest.mark.parametrize(
    ("sent", "drop", "answers"),
    [
        ("", "", 0),
        ("", "\r\n", 0),
        ("GET /", "x", 0),
        (f"{GET}X: ", "x", 0),
        (f"{UPGRADE}X: ", "x", 0),
        (f"{POST}Content-Length: 9000\r\n\r\n", " ", 0),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 0),
        (f"{GET}\r\n", "\r\n", 1),
        (f"{GET}\r\n{GET}", "X: x\r\n", 1),
    ],
)
async def test_a_request_that_does_not_end_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch, sent: str, drop: str, answers: int
) -> None:
    # What comes at once is answered in time on a busy machine too.
    monkeypatch.setattr(RequestProtocol, "limit_seconds", 1 if answers else 0.1)
    async with service.opened(sent) as streams:
        answered = await within("the end of a request that does not end", trickle(streams, drop))
        assert answered.count(b"HTTP/1.1 200") == answers
        assert answered.count(b"HTTP/1.1") == answers


async def test_a_request_in_pieces_is_answered(service: Service) -> None:
    async with service.opened() as (reader, writer):
        for piece in (GET, "X: y\r\n", "\r\n"):
            writer.write(piece.encode())
            await within("the service to take a piece", service.call("GET", "/healthz"))
        assert await within("an answer", reader.readline()) == b"HTTP/1.1 200 OK\r\n"


async def test_the_limit_on_requests_ends_no_socket(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RequestProtocol, "limit_seconds", 1)
    async with service.join("ann") as ann:
        async with service.opened() as (reader, _):
            await within("the end of a connection that came later", reader.read())
        await ann.expect_nothing()


async def test_half_open_connections_take_no_place_from_others(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RequestProtocol, "most_open", 3)
    async with start(make_manager(max_connections=1)) as service, AsyncExitStack() as stack:
        halves = [await stack.enter_async_context(service.opened(UPGRADE)) for _ in range(20)]
        async with service.join("ann") as ann:
            for half in halves[:17]:
                assert await within("the oldest to make way", trickle(half, "")) == b""
            assert (await service.call("GET", "/healthz")).status_code == 200
            for _ in range(4):
                await stack.enter_async_context(service.opened())
            assert (await service.call("GET", "/healthz")).status_code == 200
            await ann.expect_nothing()


@pytest.mark.parametrize(
    "sent", [f"GET /{'x' * 20_000}", f"{GET}X: {'x' * 20_000}", GET + "X: y\r\n" * 3_000]
)
async def test_a_head_that_grows_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(RequestProtocol, "close_seconds", 0.3)
    async with service.opened(sent) as (reader, writer):
        await within("the beginning to be sent", writer.drain())
        answered = await within("an answer", trickle((reader, writer), "x" * 1_000))
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b'"detail"' in answered


@pytest.mark.parametrize(
    "drop", ["X: y\r\n" * 500, "1\r\n \r\n" * 500, f"1;{'x' * 2_000}\r\n \r\n"]
)
async def test_chunks_of_nothing_are_cut_off(service: Service, drop: str) -> None:
    head = f"{POST}Transfer-Encoding: chunked\r\n\r\n"
    async with service.opened(head + ("0\r\n" if drop.startswith("X") else "")) as streams:
        await within("the end", trickle(streams, drop))


@pytest.mark.parametrize(
    "head",
    [
        f"{POST}Content-Length: 12\r\nTransfer-Encoding: chunked\r\n",
        f"{POST}Content-Length: 12\r\nContent-Length: 3\r\n",
        f"{POST}Content-Length: -2\r\n",
        f"{GET}X: a\x00b\r\n",
        f"{GET}X : y\r\n",
    ],
)
async def test_a_request_that_others_would_read_otherwise_is_refused(
    service: Service, caplog: pytest.LogCaptureFixture, head: str
) -> None:
    async with service.opened(f"{head}\r\n" + "2\r\n{}\r\n0\r\n\r\n") as (reader, writer):
        answered = await within("an answer", reader.readline())
        writer.write_eof()
        further = await within("the end", reader.read())
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"HTTP/1.1 " not in further
    caplog.clear()


async def test_the_fragments_of_a_message_are_no_larger_than_the_message(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    text = '{"type":"message","body":"hello"}'
    manager = make_manager(max_message_bytes=len(text))
    async with start(manager) as service, service.join("ann") as ann:
        await ann.socket.send(list(text))
        await ann.expect_message("hello")
        await ann.socket.send([*text, " "])
        await ann.expect_close(Close.TOO_BIG)


@pytest.mark.usefixtures("short_silence")
async def test_a_flood_of_tiny_frames_ends_the_one_who_sends_it(service: Service) -> None:
    async with service.join("ann") as ann:
        async with service.join("sly") as sly:
            await ann.expect("joined", user="sly")
            sly.socket.transport.write(TEXT * 50_000)
            frames = await sly.expect_backlog(Close.TOO_MANY_MESSAGES)
            assert [frame["type"] for frame in frames] == ["error"] * 20 + ["rate-limited"]
        await ann.expect("left", user="sly")


async def test_pings_of_a_client_that_does_not_read_fill_no_memory(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = SocketProtocol.connection_made

    def narrow(protocol: SocketProtocol, transport: asyncio.Transport) -> None:
        # Else the system keeps megabytes for a client that does not read.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        made(protocol, transport)

    monkeypatch.setattr(SocketProtocol, "connection_made", narrow)
    # Masked frames with a key of zeros: pings of the largest size, and a message to know the end.
    pings = b"\x89\xfd\x00\x00\x00\x00" + bytes(125)
    text = b'{"type":"message","body":"done"}'
    message = b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text
    manager = make_manager(messages_per_second=100_000)
    async with (
        start(manager) as service,
        service.join("ann") as ann,
        service.handshake() as (reader, writer),
    ):
        await within("the handshake", reader.readuntil(b"\r\n\r\n"))
        await ann.expect("joined")
        received = writer.get_extra_info("socket")
        received.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        for _ in range(20):
            writer.write(pings * 1_000)
            await within("pings to be sent", writer.drain())
        writer.write(message + b"\x88\x80\x00\x00\x00\x00")
        await ann.expect_message("done")
        answered = await within("the answers", reader.read())
        assert len(answered) < 20_000 * 127, "each ping was answered, though nobody read"


async def test_deflate_is_not_negotiated(service: Service) -> None:
    async with service.join("ann", compression="deflate") as ann:
        assert not ann.socket.protocol.extensions


@pytest.mark.usefixtures("short_silence")
async def test_with_deflate_a_message_is_measured_as_it_was(
    start: Start, manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deflating(*args: Any, **more: Any) -> uvicorn.Config:
        settings = uvicorn_config(*args, **more)
        settings.ws_per_message_deflate = True
        return settings

    monkeypatch.setattr(server, "uvicorn_config", deflating)
    async with start(manager) as service, service.join("ann", compression="deflate") as ann:
        assert ann.socket.protocol.extensions
        await ann.say("x" * 60_000)
        await ann.expect_message("x" * 60_000)
        # A thousandth of that travels.
        await ann.send_raw("x" * 20_000_000)
        await ann.expect_close(Close.TOO_BIG)
