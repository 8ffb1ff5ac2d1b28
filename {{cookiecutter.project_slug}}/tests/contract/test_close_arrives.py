"""A close reaches a client that is still sending: written whole before anything is read."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.metrics import CLIENT_LEFT
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.server.framing import Answer, Framing
from {{cookiecutter.__package}}.server.http_protocol import RequestProtocol
from {{cookiecutter.__package}}.server.middleware import App, Receive, Scope, Send
from {{cookiecutter.__package}}.server.run import uvicorn_config
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol

from ..serving import Start
from ..waiting import LIMIT_SECONDS, until, within
from . import server
from .counts import since, told
from .server import serve
from .service import KEY, Endpoint, Service

# Masked with a key of zeros.
MASK = bytes(4)
HELLO = b'{"type":"message","body":"hello"}'
SAID = bytes([0x81, 0x80 | len(HELLO)]) + MASK + HELLO
PING, PONG, FIRST, FURTHER = (bytes([first, 0x80]) + MASK for first in (0x89, 0x8A, 1, 0))
CLOSE = b"\x88\x82" + MASK + struct.pack("!H", 1000)
# A message that is not UTF-8, an opcode that is reserved, and a close code that is never sent.
NO_UTF8 = b"\x81\x81" + MASK + b"\xff"
RESERVED = b"\x83\x80" + MASK
CODE_999 = b"\x88\x82" + MASK + struct.pack("!H", 999)


def head(size: int, first: int = 0x81) -> bytes:
    """Begin a frame of this size."""
    return bytes([first, 0xFF]) + struct.pack("!Q", size) + MASK


def large(size: int) -> bytes:
    """Make a message of this size."""
    return head(size) + bytes(size)


def handshake(address: str) -> bytes:
    """Ask to join the lobby."""
    return (
        f"GET /ws/lobby HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


@contextmanager
def joined(address: str) -> Iterator[socket.socket]:
    """Join by a socket that reads only when it is asked to."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS) as client:
        client.sendall(handshake(address))
        answered = b""
        while b'"recovered"' not in answered:
            answered += client.recv(65_536)
        yield client


def write_then_read(address: str, sent: bytes) -> bytes:
    """Join, send all of this, and only then read up to the end of the connection."""
    with joined(address) as client:
        return send_then_read(client, sent)


def send_then_read(client: socket.socket, sent: bytes) -> bytes:
    """Send all of this, and only then read up to the end of the connection."""
    answered = b""
    try:
        client.sendall(sent)
        while data := client.recv(65_536):
            answered += data
    except ConnectionResetError:
        pytest.fail(f"the connection was reset after {answered!r}")
    return answered


def close_code(answered: bytes) -> int:
    """Read the code of the close frame that is the last of what was answered."""
    # No reason of the tests is longer than fits into a length of one byte.
    at = max(answered.rfind(b"\x88" + bytes([length])) for length in range(2, 126))
    assert at >= 0, f"no close frame in {answered[-200:]!r}"
    assert at + 2 + answered[at + 1] == len(answered), "something follows the close"
    return int.from_bytes(answered[at + 2 : at + 4])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (large(70_000) + CLOSE, 1009),
        (large(1_000_000), 1009),
        (large(8_000_000) + CLOSE, 1009),
        (NO_UTF8 + large(2_000_000) + CLOSE, 1007),
        (RESERVED + bytes(2_000_000), 1002),
        (b"\x82\x80" + MASK + large(60_000) * 30 + CLOSE, 1003),
    ],
    ids=["70kB", "1MB", "8MB", "utf8", "reserved", "binary"],
)
async def test_a_client_that_writes_first_gets_the_close(
    service: Service, sent: bytes, code: int
) -> None:
    answered = await asyncio.to_thread(write_then_read, service.address, sent)
    assert close_code(answered) == code


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (large(70_000) + CLOSE, 1009),
        (RESERVED, 1002),
        (CODE_999, 1002),
        (NO_UTF8 + CLOSE, 1007),
        (PING * 1_000, 1008),
    ],
    ids=["too big", "reserved", "code 999", "utf8", "flood"],
)
async def test_a_message_in_front_of_a_fault_is_said(
    service: Service, fault: bytes, code: int
) -> None:
    async with service.join("ann") as ann:
        sending = asyncio.to_thread(write_then_read, service.address, SAID + fault)
        answered = asyncio.create_task(sending)
        await ann.expect("joined")
        await ann.expect_message("hello")
        await ann.expect("left")
        assert close_code(await within("the close", answered)) == code


PING_FRAME = b'{"type":"ping"}'
ASKED = bytes([0x81, 0x80 | len(PING_FRAME)]) + MASK + PING_FRAME


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize(
    ("fault", "code", "row"),
    [
        (b"\x82\x80" + MASK, 1003, "BINARY_FRAME"),
        (large(70_000) + CLOSE, 1009, "TOO_BIG"),
        (large(70_000), 1009, "TOO_BIG"),
        (b"\xc1\x80" + MASK, 1002, CLIENT_LEFT),
        (b"\x81\x00", 1002, CLIENT_LEFT),
        (CODE_999, 1002, CLIENT_LEFT),
        (NO_UTF8 + CLOSE, 1007, "INVALID_UTF8"),
        (NO_UTF8, 1007, "INVALID_UTF8"),
    ],
    ids=["binary", "big, close", "big", "rsv", "unmasked", "code 999", "utf8, close", "utf8"],
)
async def test_what_came_before_a_fault_is_answered_before_the_close(
    service: Service, fault: bytes, code: int, row: str
) -> None:
    before = told()
    sending = asyncio.to_thread(write_then_read, service.address, SAID + ASKED + fault)
    answered = await within("the close", sending)
    await until("nobody to be there", lambda: service.has(0))
    assert since(before)[row] == 1
    assert close_code(answered) == code
    assert answered.count(b'"body":"hello"') == 1
    assert answered.index(b'"body":"hello"') < answered.index(b'{"type":"pong"}')


@pytest.mark.usefixtures("short_silence")
async def test_a_fault_in_the_segment_of_the_handshake_is_told_behind_the_welcome(
    service: Service,
) -> None:
    async with service.opened() as (reader, writer):
        writer.write(handshake(service.address) + SAID + RESERVED)
        answered = await within("the end", reader.read())
    assert close_code(answered) == 1002
    assert answered.index(b'"recovered"') < answered.index(b'"body":"hello"')


def ends_before_the_answer(address: str) -> bool:
    """Send what is too big; whether the service ends its side before the client has answered."""
    with joined(address) as client:
        client.sendall(head(70_000))
        assert client.recv(65_536).startswith(b"\x88")
        client.settimeout(0.2)
        try:
            return client.recv(1) == b""
        except TimeoutError:
            return False


async def test_a_close_is_no_half_close(service: Service) -> None:
    assert not await asyncio.to_thread(ends_before_the_answer, service.address)


async def test_a_close_between_fragments_is_answered_by_the_same(service: Service) -> None:
    sent = b"\x01\x81" + MASK + b"{" + CLOSE
    answered = await asyncio.to_thread(write_then_read, service.address, sent)
    assert close_code(answered) == 1000


async def test_a_close_may_be_larger_than_a_message(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    sent = b"\x88\xfd" + MASK + struct.pack("!H", 4000) + b"x" * 123
    async with start(make_manager(max_message_bytes=20)) as service:
        answered = await asyncio.to_thread(write_then_read, service.address, sent)
    assert close_code(answered) == 4000


@pytest.mark.parametrize("size", [128, 4_096])
async def test_a_large_message_may_have_many_fragments(
    start: Start, make_manager: Callable[..., ConnectionManager], size: int
) -> None:
    body = "é" * 250_000
    text = json.dumps({"type": "message", "body": body}, ensure_ascii=False).encode()
    fragments = [text[at : at + size] for at in range(0, len(text), size)]
    manager = make_manager(max_message_bytes=4_000_000, outbox_bytes=8_000_000)
    async with start(manager) as service, service.join("ann") as ann:
        # By hand, as a fragment ends anywhere, in the middle of a character too.
        sent = b""
        for number, fragment in enumerate(fragments):
            first = (0x80 if number == len(fragments) - 1 else 0) | (0 if number else 1)
            sent += bytes([first, 0xFE]) + struct.pack("!H", len(fragment)) + MASK + fragment
        ann.socket.transport.write(sent)
        await ann.expect_message(body)


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("flood", [PING, PONG, FIRST + FURTHER], ids=["ping", "pong", "fragment"])
async def test_a_flood_of_control_frames_or_fragments_is_too_many_messages(
    service: Service, flood: bytes
) -> None:
    async with service.join("ann") as ann:
        async with service.join("sly") as sly:
            await ann.expect("joined", user="sly")
            sly.socket.transport.write(flood + flood[-len(PING) :] * 700_000)
            await sly.expect_close(Close.TOO_MANY_MESSAGES, retry_after=1.0)
        await ann.expect("left", user="sly")


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("flood", [PING, PONG, FURTHER], ids=["ping", "pong", "fragment"])
async def test_a_flood_is_parsed_no_further_than_the_limit(
    service: Service, monkeypatch: pytest.MonkeyPatch, flood: bytes
) -> None:
    parsed = 0
    process = Framing.recv_frame

    def count(framing: Framing, frame: Frame) -> None:
        nonlocal parsed
        parsed += 1
        process(framing, frame)

    monkeypatch.setattr(Framing, "recv_frame", count)
    async with service.join("sly") as sly:
        sly.socket.transport.write(FIRST + flood * 100_000)
        await sly.expect_close(Close.TOO_MANY_MESSAGES, retry_after=1.0)
    # The limit is 200 frames, and a slice of what was read has 170.
    assert parsed < 500


def test_an_answer_is_found_however_it_is_split() -> None:
    frames = SAID + b"\x81\xfe" + struct.pack("!H", 200) + MASK + bytes(200) + large(70_000) + CLOSE
    for size in (1, 3, 5_000, len(frames)):
        answer = Answer(7)
        sent = bytes(7) + frames
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        found = [answer.is_in(piece) for piece in pieces]
        # The first two bytes of a close frame are enough.
        assert found.index(True) == (len(sent) - len(CLOSE) + 1) // size


def test_an_answer_behind_a_flood_is_not_looked_for() -> None:
    assert Answer(0).is_in(PING * 999 + CLOSE)
    assert not Answer(0).is_in(PING * 1_000 + CLOSE)


def goes_on_after_its_close(address: str, faults: bytes) -> bytes:
    """Be closed, and send no answer but this; what was answered."""
    answered = b""
    with joined(address) as client:
        client.sendall(b"\x82\x80" + MASK)
        while data := client.recv(65_536):
            answered += data
            client.sendall(faults)
    return answered


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("faults", [RESERVED, NO_UTF8, large(70_000)], ids=["1002", "1007", "1009"])
async def test_a_fault_behind_a_close_changes_nothing(service: Service, faults: bytes) -> None:
    answered = await asyncio.to_thread(goes_on_after_its_close, service.address, faults)
    assert close_code(answered) == 1003


def sends_without_end(address: str) -> None:
    """Send what is too big, until the connection ends."""
    with joined(address) as client, suppress(ConnectionError):
        client.sendall(head(1 << 40))
        while True:
            client.sendall(bytes(10_000))


@pytest.mark.usefixtures("short_silence")
async def test_a_client_that_sends_without_end_is_cut_off_after_the_close(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketProtocol, "close_seconds", 0.3)
    await within("it to be cut off", asyncio.to_thread(sends_without_end, service.address))


@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("fault", [RESERVED, b""], ids=["a fault", "no pong"])
async def test_a_client_that_does_not_read_its_close_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch, fault: bytes
) -> None:
    monkeypatch.setattr(SocketProtocol, "close_seconds", 0.3)
    connections, protocols = [], []
    made = SocketProtocol.connection_made

    def note(protocol: SocketProtocol, transport: asyncio.Transport) -> None:
        # The system would take some megabytes for the client, one message after the other.
        buffer = (socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        transport.get_extra_info("socket").setsockopt(*buffer)
        connections.append(transport)
        protocols.append(protocol)
        made(protocol, transport)

    async def is_closed() -> bool:
        return connections[0].is_closing()

    sizes = [0]

    async def is_full() -> bool:
        await service.manager.publish("lobby", "x" * 60_000, "ann")
        sizes.append(connections[0].get_write_buffer_size())
        # The system takes no more of what it kept the last time.
        return 0 < sizes[-2] == sizes[-1]

    monkeypatch.setattr(SocketProtocol, "connection_made", note)
    async with service.handshake() as (_, writer):
        await until("a member", lambda: service.has(1))
        await until("the client to be behind", is_full)
        if fault:
            writer.write(fault)
        else:
            protocols[0].keepalive_timeout()
        await until("it to be cut off", is_closed)


@pytest.mark.usefixtures("short_silence")
async def test_a_client_that_answers_no_ping_is_told_so(
    start: Start, manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*args: Any, **more: Any) -> uvicorn.Config:
        settings = uvicorn_config(*args, **more)
        settings.ws_ping_interval = settings.ws_ping_timeout = 0.1
        return settings

    monkeypatch.setattr(server, "uvicorn_config", impatient)
    async with start(manager) as service:
        answered = await asyncio.to_thread(write_then_read, service.address, b"")
        assert close_code(answered) == 1011
        assert answered.endswith(b"keepalive ping timeout")


async def test_a_socket_that_has_not_reached_the_manager_is_told_of_a_stop(
    build_app: Callable[[ConnectionManager], App], manager: ConnectionManager
) -> None:
    app = build_app(manager)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with serve(slow, manager.config) as address:
        client = await connect(f"ws://{address}/ws/lobby")
    with pytest.raises(ConnectionClosed):
        await within("the close", client.recv())
    assert client.close_code == 1012


async def test_an_application_that_sends_after_the_servers_own_close_finds_the_client_gone(
    manager: ConnectionManager,
) -> None:
    raised: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def sending(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except (OSError, RuntimeError) as error:
            raised.set_result(error)

    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(sending, manager.config))
        opening = Endpoint(address, manager.tokens).handshake()
        reader, writer = await stack.enter_async_context(opening)
        await within("the handshake", reader.readuntil(b"\r\n\r\n"))
        writer.write(RESERVED)
        assert isinstance(await within("an error", raised), OSError)


async def test_a_fault_before_the_accept_is_told_after_it(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = asyncio.Event()
    handle = SocketProtocol.handle_parser_exception

    def note(protocol: SocketProtocol) -> None:
        handle(protocol)
        parsed.set()

    async def hesitating(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        await receive()
        await within("the fault", parsed.wait())
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1002

    monkeypatch.setattr(SocketProtocol, "handle_parser_exception", note)
    monkeypatch.setattr(SocketProtocol, "silence_seconds", 0.2)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(hesitating, manager.config))
        opening = Endpoint(address, manager.tokens).handshake()
        reader, writer = await stack.enter_async_context(opening)
        writer.write(RESERVED)
        head = await within("the handshake", reader.readuntil(b"\r\n\r\n"))
        assert head.startswith(b"HTTP/1.1 101 ")
        assert close_code(await within("the end", reader.read())) == 1002


async def test_an_application_that_refuses_a_handshake_is_heard(
    manager: ConnectionManager,
) -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        await send({"type": "websocket.close"})

    async with serve(refusing, manager.config) as address:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/ws/lobby")
    response = refused.value.response
    assert response.status_code == 403
    assert response.body == b'{"detail": "Forbidden"}'


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Do nothing at the start and at the stop."""
    for _ in range(2):
        event = await receive()
        await send({"type": f"{event['type']}.complete"})


async def test_a_client_that_takes_nothing_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketProtocol, "stall_seconds", 0.1)

    async def is_cut_off() -> bool:
        for _ in range(10):
            await service.manager.publish("lobby", "x" * 60_000, "ann")
        return await service.has(0)

    async with service.handshake():
        await until("a member", lambda: service.has(1))
        await until("it to be cut off", is_cut_off)


def request_then_read(address: str, head: str, body: bytes) -> bytes:
    """Send a request whole, and only then read up to the end of the connection."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS) as client:
        sent = f"POST /rooms HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + body
        return send_then_read(client, sent)


KEYED = f"Authorization: {KEY['Authorization']}\r\n"
LARGE = bytes(2_000_000)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LARGE), LARGE)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (f"Content-Length: {len(LARGE)}", LARGE),
        ("Transfer-Encoding: chunked", CHUNKED),
    ],
    ids=["length", "chunks"],
)
async def test_a_client_that_sends_its_whole_body_first_gets_the_answer(
    service: Service, head: str, body: bytes
) -> None:
    for _ in range(10):
        sending = asyncio.to_thread(request_then_read, service.address, KEYED + head, body)
        answered = await within("the answer", sending)
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close\r\n" in answered.lower()


@pytest.mark.parametrize("line", ["Transfer-Encoding: gzip", f"X: {'x' * 40_000}"])
async def test_a_client_that_sends_its_body_behind_a_bad_head_gets_the_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    monkeypatch.setattr(RequestProtocol, "silence_seconds", 0.2)
    head = f"{line}\r\nContent-Length: {len(LARGE)}"
    sending = asyncio.to_thread(request_then_read, service.address, head, LARGE)
    answered = await within("the answer", sending)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1") == 1
    assert b"connection: close\r\n" in answered.lower()
    caplog.clear()


async def test_an_answer_to_a_refused_body_is_the_last_of_its_connection(service: Service) -> None:
    again = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    head = f"{KEYED}Content-Length: {len(LARGE)}"
    sending = asyncio.to_thread(request_then_read, service.address, head, LARGE + again * 2)
    answered = await within("the answer", sending)
    assert answered.count(b"HTTP/1.1") == 1
