"""The head of a request: what counts, what is refused, and what is lost on no account."""

import json
import re

import pytest

from ..waiting import within
from .service import KEY, Service

HOST = "Host: a\r\n"
TRUSTED = f"Authorization: {KEY['Authorization']}\r\n"
MESSAGES = "POST /rooms/lobby/messages HTTP/1.1\r\n"
JSON = "Content-Type: application/json\r\n"
HANDSHAKE = (
    f"GET /ws/lobby HTTP/1.1\r\n{HOST}Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


async def answer(service: Service, *segments: str) -> tuple[int, bytes]:
    """Send a request in segments; the status, and what came with it up to the end."""
    async with service.opened() as (reader, writer):
        for segment in segments:
            writer.write(segment.encode())
            # The service takes the first before the second is sent.
            await within("the service to take a segment", service.call("GET", "/healthz"))
        head = await within("a head", reader.readuntil(b"\r\n\r\n"))
        size = re.search(rb"content-length: (\d+)", head.lower())
        body = reader.readexactly(int(size[1]) if size else 0)
        return int(head.split()[1]), await within("a body", body)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("trailer", [TRUSTED, HOST])
async def test_a_trailer_is_no_header(service: Service, trailer: str, parts: int) -> None:
    body = json.dumps({"name": "attic"})
    head = f"POST /rooms HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n"
    sent = f"{head}{len(body):x}\r\n{body}\r\n0\r\n"
    segments = [sent + trailer + "\r\n"] if parts == 1 else [sent, trailer + "\r\n"]
    status, _ = await answer(service, *segments)
    assert status == 401


async def test_a_forwarded_address_in_a_trailer_is_not_believed(service: Service) -> None:
    await service.call("POST", "/rooms", headers=KEY, json={"name": "cellar", "password": "sesame"})
    body = json.dumps({"user": "sly", "password": "guess"})
    head = f"POST /rooms/cellar/tokens HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n"
    chunk = f"{len(body):x}\r\n{body}\r\n0\r\n"
    statuses = [
        (await answer(service, f"{head}{chunk}X-Forwarded-For: 192.0.2.{number}\r\n\r\n"))[0]
        for number in range(30)
    ]
    assert statuses[0] == 403
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "lines",
    [
        "",
        HOST * 2,
        "Host: a/b\r\n",
        "Host: \r\n",
        f"{HOST}Transfer-Encoding: gzip, chunked\r\n",
        f"{HOST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(
    service: Service, caplog: pytest.LogCaptureFixture, lines: str
) -> None:
    # What follows a head that is no body would be refused by itself.
    end = "0\r\n\r\n" if "Encoding" in lines else ""
    status, body = await answer(service, f"POST /rooms HTTP/1.1\r\n{lines}\r\n{end}")
    assert status == 400
    assert json.loads(body)["detail"]
    caplog.clear()


async def test_a_client_that_expects_to_be_asked_for_its_body_is_asked(service: Service) -> None:
    body = json.dumps({"body": "hi"})
    head = f"{MESSAGES}{HOST}{TRUSTED}Expect: 100-continue\r\n"
    expecting = f"{head}Content-Length: {len(body)}\r\n\r\n"
    async with service.opened(expecting) as (reader, writer):
        asked = await within("the question", reader.readuntil(b"\r\n\r\n"))
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body.encode())
        answered = await within("the answer", reader.readuntil(b"\r\n\r\n"))
        assert answered.startswith(b"HTTP/1.1 202 ")


async def test_blanks_around_a_length_are_no_part_of_it(service: Service) -> None:
    body = json.dumps({"body": "hi"})
    head = f"{MESSAGES}{HOST}{TRUSTED}Content-Length:  {len(body)} \r\n\r\n"
    assert (await answer(service, head + body))[0] == 202


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("parts", [1, 2])
async def test_an_upgrade_that_is_not_taken_costs_no_body(
    service: Service, framing: str, parts: int
) -> None:
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    head = f"{MESSAGES}{HOST}{TRUSTED}{offer}"
    body = json.dumps({"body": "hi"})
    if framing == "length":
        head += f"Content-Length: {len(body)}\r\n\r\n"
    else:
        head += "Transfer-Encoding: chunked\r\n\r\n"
        body = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    assert (await answer(service, *([head + body] if parts == 1 else [head, body])))[0] == 202
    assert (await answer(service, f"GET /healthz HTTP/1.1\r\n{HOST}{offer}\r\n"))[0] == 200


async def test_each_of_several_requests_may_offer_an_upgrade(service: Service) -> None:
    offer = f"{HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n"
    body = json.dumps({"body": "hi"})
    message = f"{MESSAGES}{offer}{TRUSTED}Content-Length: {len(body)}\r\n\r\n{body}"
    last = f"GET /healthz HTTP/1.1\r\n{offer}Connection: close\r\n\r\n"
    async with service.opened(f"{message}{message}{last}") as (reader, _):
        answered = await within("the answers", reader.read())
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"202", b"202", b"200"]


@pytest.mark.parametrize(
    "connection",
    [
        "Connection: Upgrade\r\nConnection: keep-alive\r\n",
        "Connection: keep-alive\r\nConnection: Upgrade\r\n",
        "Connection: keep-alive, Upgrade\r\n",
    ],
)
async def test_several_lines_of_a_list_are_one_list(service: Service, connection: str) -> None:
    assert (await answer(service, HANDSHAKE + connection + "\r\n"))[0] == 101


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("Sec-WebSocket-Version: 8", "Sec-WebSocket-Version"),
        ("Sec-WebSocket-Protocol: rooms.v1 bearer.secret", "Sec-WebSocket-Protocol"),
        ("Sec-WebSocket-Key: secret", "Sec-WebSocket-Key"),
        ("Origin: http://a\r\nOrigin: http://a", "Origin"),
    ],
)
async def test_a_refused_handshake_names_the_header_and_the_version_but_no_secret(
    service: Service, line: str, header: str
) -> None:
    lines = [kept for kept in HANDSHAKE.splitlines(keepends=True) if header not in kept]
    request = "".join([*lines, f"Connection: Upgrade\r\n{line}\r\n\r\n"])
    async with service.opened(request) as (reader, _):
        refused = (await within("the refusal", reader.read())).decode()
    assert refused.startswith("HTTP/1.1 400 ")
    assert "Sec-WebSocket-Version: 13\r\n" in refused
    assert "nosniff" in refused
    assert "secret" not in refused
    assert json.loads(refused.partition("\r\n\r\n")[2]) == {"detail": f"Invalid {header} header"}


async def test_a_handshake_takes_header_lines_as_long_as_other_requests_do(
    service: Service,
) -> None:
    cookies = f"Connection: Upgrade\r\nCookie: {'x' * 30_000}\r\n\r\n"
    assert (await answer(service, HANDSHAKE + cookies))[0] == 101


@pytest.mark.parametrize("line", ["X: " + "x" * 33_000, "X: y\r\n" * 9_000])
async def test_a_long_head_in_one_segment_is_refused(
    service: Service, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    assert (await answer(service, f"GET /healthz HTTP/1.1\r\n{HOST}{line}\r\n\r\n"))[0] == 400
    caplog.clear()


@pytest.mark.parametrize("offer", ["", "Connection: Upgrade\r\n"])
async def test_a_target_that_is_not_ascii_is_refused(
    service: Service, caplog: pytest.LogCaptureFixture, offer: str
) -> None:
    request = HANDSHAKE.replace("/ws/lobby", "/ws/é") + offer
    assert (await answer(service, f"{request}\r\n"))[0] == 400
    caplog.clear()


@pytest.mark.parametrize("body", ["", "hello"])
async def test_a_handshake_that_is_no_plain_get_is_answered_as_a_request(
    service: Service, body: str
) -> None:
    method = "GET" if body else "POST"
    offer = HANDSHAKE.replace("GET", method) + "Connection: Upgrade\r\n"
    status, _ = await answer(service, f"{offer}Content-Length: {len(body)}\r\n\r\n{body}")
    assert status in (404, 405)


async def test_a_frame_in_the_same_segment_as_the_handshake_is_taken(service: Service) -> None:
    text = b'{"type":"message","body":"hello"}'
    frame = bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
    async with service.join("ann") as ann:
        async with service.opened() as (_, writer):
            writer.write(f"{HANDSHAKE}Connection: Upgrade\r\n\r\n".encode() + frame)
            await ann.expect("joined")
            await ann.expect_message("hello")
        await ann.expect("left")
