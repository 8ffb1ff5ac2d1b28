"""Conformance to RFC 6455, table by table: what a client sends, and how the service answers."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from ..processes import PROCESS_TIMEOUT, serving
from ..waiting import within
from .service import KEY, Endpoint

pytestmark = [PROCESS_TIMEOUT, pytest.mark.asyncio(loop_scope="module")]

# A room without presence: clients do not hear each other come and go.
ROOM = "wire"
# Apart from 65,536, where the length itself gets longer.
MAX_BYTES = 70_000
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DATA_FRAMES = {"continuation": CONT, "text": TEXT, "binary": BINARY}
CONTROL_FRAMES = {"close": CLOSE, "ping": PING, "pong": PONG}
RESERVED = [*range(3, 8), *range(11, 16)]
MASK = b"\x0f\xf0\x3c\xa5"


def masked(payload: bytes) -> bytes:
    """Apply the mask."""
    key = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, bits: int | None = None
) -> bytes:
    """Make a frame, its length in the fewest `bits` unless told otherwise."""
    size = len(payload)
    bits = bits or (7 if size < 126 else 16 if size < 1 << 16 else 64)
    first = fin << 7 | rsv << 4 | opcode
    if bits == 7:
        head = bytes([first, 0x80 | size])
    elif bits == 16:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    return head + MASK + masked(payload)


def unmasked(opcode: int, payload: bytes = b"") -> bytes:
    return bytes([0x80 | opcode, len(payload)]) + payload


def announced(size: int, opcode: int = TEXT) -> bytes:
    """Make the head of a frame, without its payload."""
    return struct.pack("!BBQ", 0x80 | opcode, 0xFF, size) + MASK


def fragments(*payloads: bytes, opcode: int = TEXT) -> list[bytes]:
    """Make one message of several fragments."""
    last = len(payloads) - 1
    return [
        frame(CONT if number else opcode, payload, fin=number == last)
        for number, payload in enumerate(payloads)
    ]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def message(body: str) -> bytes:
    """Write a message, which the service echoes."""
    return json.dumps({"type": "message", "body": body}, ensure_ascii=False).encode()


def body_of(size: int) -> str:
    """Return the body of a message of this size."""
    return "x" * (size - len(message("")))


def cut(data: bytes, at: int) -> tuple[bytes, bytes]:
    return data[:at], data[at:]


def one_by_one(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def table(rows: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test with each row, by its name."""
    return pytest.mark.parametrize(
        "row", [pytest.param(row, id=name) for name, row in rows.items()]
    )


HELLO = message("hello")
SAID = frame(TEXT, HELLO)
# An unfinished message, and its end.
BEGUN, ENDED = fragments(*cut(HELLO, 5))
# One to four bytes long.
CHARACTERS = "aé€😀"
CHARACTERS_SAID = message(CHARACTERS)
# Where to cut it: from the quote in front of them on.
IN_CHARACTERS = range(-13, 0)
TRUNCATED = {
    "1 of 2 bytes": b"\xc3",
    "1 of 3 bytes": b"\xe2",
    "2 of 3 bytes": b"\xe2\x82",
    "1 of 4 bytes": b"\xf0",
    "2 of 4 bytes": b"\xf0\x9f",
    "3 of 4 bytes": b"\xf0\x9f\x98",
}
INVALID = [
    # Continuation bytes without a start.
    *("80", "bf", "80 80"),
    # Overlong.
    *("c0 80", "c0 af", "c1 bf", "e0 80 80", "e0 9f bf", "f0 80 80 80", "f0 8f bf bf"),
    # Surrogates, alone and as a pair.
    *("ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed bf bf", "ed a0 80 ed b0 80"),
    # Above U+10FFFF.
    *("f4 90 80 80", "f5 80 80 80", "f7 bf bf bf", "f8 88 80 80 80", "fc 84 80 80 80 80"),
    # Never a part of UTF-8.
    *("fe", "ff", "ff fe"),
]
NO_UTF8 = {
    **TRUNCATED,
    **{f"{name}, then a letter": data + b"x" for name, data in TRUNCATED.items()},
    **{name: bytes.fromhex(name) for name in INVALID},
}


class Wire:
    """A client whose every byte a test chooses; a test must expect every frame that it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *frames: bytes) -> None:
        """Send all at once."""
        self._writer.write(b"".join(frames))

    async def expect_frame(self, opcode: int) -> bytes:
        """Expect a whole frame, without a mask and with its length in the fewest bytes."""
        try:
            got, payload = await within(f"a frame with opcode {opcode}", self._read())
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pytest.fail(f"the connection ended without a frame with opcode {opcode}")
        assert got == opcode, f"expected opcode {opcode}, but got {got} with {payload[:200]!r}"
        return payload

    async def expect(self, kind: str, **fields: object) -> None:
        """Expect a text frame of this type, with these fields at least."""
        got = json.loads(await self.expect_frame(TEXT))
        assert {**got, "type": kind, **fields} == got

    async def expect_hello(self) -> None:
        await self.expect("message", body="hello")

    async def expect_close(self, code: int, reason: str = "", *, missing: bool = False) -> None:
        """Expect the service's close; answer it, and expect the end.

        After a protocol error, or where a payload is `missing`, the service cannot find the answer:
        the client ends its side instead.
        """
        await self._expect_code(code, reason)
        self.send(close(code))
        if missing or code == 1002:
            self._writer.write_eof()
        await self.expect_end()

    async def expect_answer(self, code: int, reason: str = "") -> None:
        """Expect the answer to a close, and the end."""
        await self._expect_code(code, reason)
        await self.expect_end()

    async def expect_end(self) -> None:
        """Expect the end of the connection, and nothing before it."""
        try:
            rest = await within("the end of the connection", self._reader.read())
        except ConnectionResetError:
            pytest.fail("the connection was reset")
        assert rest == b"", f"something follows the close: {rest!r}"

    async def leave(self) -> None:
        """Expect nothing before the answer to another frame; then close."""
        self.send(frame(TEXT, b'{"type":"ping"}'))
        await self.expect("pong")
        self.send(close(1000))
        await self.expect_answer(1000)

    async def catch_up(self) -> None:
        """Wait until the service has read what all clients have sent."""
        self.send(frame(PING))
        await self.expect_frame(PONG)

    async def _read(self) -> tuple[int, bytes]:
        first, size = await self._reader.readexactly(2)
        least = {126: 126, 127: 1 << 16}.get(size, 0)
        if least:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
        assert size >= least, f"the length {size} is in more bytes than needed"
        assert first & 0xF0 == 0x80, f"a fragment, or a reserved bit: {first:08b}"
        return first & 0x0F, await self._reader.readexactly(size)

    async def _expect_code(self, code: int, reason: str) -> None:
        payload = await self.expect_frame(CLOSE)
        got = int.from_bytes(payload[:2])
        assert got == code, f"expected the close {code}, but got {got} {payload[2:]!r}"
        assert not reason or payload[2:].decode() == reason


@asynccontextmanager
async def joined(endpoint: Endpoint, room: str) -> AsyncIterator[Wire]:
    """Join a room."""
    async with endpoint.handshake(room=room) as (reader, writer):
        await within("the handshake", reader.readuntil(b"\r\n\r\n"))
        client = Wire(reader, writer)
        await client.expect("welcome")
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoint]:
    """Start one service for all rows."""
    folder = tmp_path_factory.mktemp("service")
    limits = {"MAX_MESSAGE_BYTES": f"{MAX_BYTES}", "MESSAGES_PER_SECOND": "0"}
    async with serving(folder, **limits) as (process, service):
        room = {"name": ROOM, "presence": False}
        answer = await service.call("POST", "/rooms", headers=KEY, json=room)
        assert answer.status_code == 201
        # An unread log would soon fill the pipe.
        reading = asyncio.create_task(process.read_until("user='last'"))
        yield service
        async with service.join("last"):
            await reading
    assert "Traceback" not in process.printed


@pytest_asyncio.fixture(loop_scope="module")
async def wire(endpoint: Endpoint) -> AsyncIterator[Wire]:
    """Join the room of all rows."""
    async with joined(endpoint, ROOM) as client:
        yield client


# As short as a test: it answers none of the pings that a connection gets after a while.
@pytest_asyncio.fixture(loop_scope="module")
async def witness(endpoint: Endpoint) -> AsyncIterator[Wire]:
    """Join another room, to learn what the service has read."""
    async with joined(endpoint, "lobby") as client:
        yield client


# Section 5.2: the length of a payload.


@table({f"{size}": size for size in (125, 126, 127, 65_535, 65_536, MAX_BYTES)})
@pytest.mark.parametrize("parts", [1, 2])
async def test_a_text_up_to_the_limit_arrives_whole(wire: Wire, row: int, parts: int) -> None:
    text = message(body_of(row))
    wire.send(*fragments(*([text] if parts == 1 else cut(text, row // 2))))
    await wire.expect("message", body=body_of(row))
    await wire.leave()


@table({f"{size} in {bits} bits": (size, bits) for size in (0, 1) for bits in (7, 16, 64)})
async def test_a_short_text_arrives(wire: Wire, row: tuple[int, int]) -> None:
    size, bits = row
    wire.send(frame(TEXT, bytes(size), bits=bits))
    await wire.expect("error", code="invalid-message")
    await wire.leave()


@table(
    {
        f"{size} in {bits} bits": (size, bits)
        for size, bits in [(125, 16), (125, 64), (126, 64), (65_535, 64)]
    }
)
async def test_a_length_in_more_bits_than_needed_is_accepted(
    wire: Wire, row: tuple[int, int]
) -> None:
    """The RFC forbids clients to send one, and does not say that a server must refuse it."""
    size, bits = row
    wire.send(frame(TEXT, message(body_of(size)), bits=bits))
    await wire.expect("message", body=body_of(size))
    await wire.leave()


@table(
    {
        "one frame": [frame(TEXT, bytes(MAX_BYTES + 1))],
        "the first of two": [frame(TEXT, bytes(MAX_BYTES + 1), fin=False)],
        "the second of two": fragments(bytes(MAX_BYTES), b"x"),
        "the third of three": fragments(b"x", bytes(MAX_BYTES - 1), b"x"),
        "binary": [frame(BINARY, bytes(MAX_BYTES + 1))],
    }
)
async def test_more_than_the_limit_gets_1009(wire: Wire, row: list[bytes]) -> None:
    wire.send(*row)
    await wire.expect_close(1009)


@table(
    {
        "one byte more": announced(MAX_BYTES + 1),
        "63 bits": announced((1 << 63) - 1),
        # The highest bit must be 0, so 1002 would be right as well; the library compares first.
        "64 bits": announced(1 << 63),
        "all bits": announced((1 << 64) - 1),
        # A control frame may not be so large either; up to the limit this gets 1002.
        "ping": announced(MAX_BYTES + 1, PING),
    }
)
async def test_a_length_over_the_limit_gets_1009_before_its_payload(wire: Wire, row: bytes) -> None:
    wire.send(row)
    await wire.expect_close(1009, missing=True)


@table({f"{at}": at for at in [*range(1, 7), *IN_CHARACTERS]})
async def test_a_frame_may_come_in_two_segments(wire: Wire, witness: Wire, row: int) -> None:
    for segment in cut(frame(TEXT, CHARACTERS_SAID), row):
        wire.send(segment)
        await witness.catch_up()
    await wire.expect("message", body=CHARACTERS)
    await wire.leave()


@table(
    {
        f"{at} of {size}": (size, at)
        for size, head in {126: 8, 65_536: 14}.items()
        for at in range(2, head)
    }
)
async def test_a_longer_head_may_come_in_two_segments(
    wire: Wire, witness: Wire, row: tuple[int, int]
) -> None:
    size, at = row
    for segment in cut(frame(TEXT, message(body_of(size))), at):
        wire.send(segment)
        await witness.catch_up()
    await wire.expect("message", body=body_of(size))
    await wire.leave()


# Section 5.2: reserved bits and opcodes, and the mask.


@table(
    {
        f"{name} with {rsv:03b}": (opcode, rsv)
        for name, opcode in {**DATA_FRAMES, **CONTROL_FRAMES}.items()
        for rsv in (range(1, 8) if opcode == TEXT else (1, 2, 4))
    }
)
async def test_a_reserved_bit_gets_1002(wire: Wire, row: tuple[int, int]) -> None:
    opcode, rsv = row
    wire.send(frame(opcode, HELLO, rsv=rsv))
    await wire.expect_close(1002)


@table({f"{opcode}": opcode for opcode in RESERVED})
async def test_a_reserved_opcode_gets_1002(wire: Wire, row: int) -> None:
    wire.send(frame(row, HELLO))
    await wire.expect_close(1002)


@table({f"{opcode}": opcode for opcode in RESERVED})
async def test_a_reserved_opcode_between_fragments_gets_1002(wire: Wire, row: int) -> None:
    wire.send(BEGUN, frame(row), ENDED)
    await wire.expect_close(1002)


@table({**DATA_FRAMES, **CONTROL_FRAMES})
@pytest.mark.parametrize("payload", [b"", HELLO], ids=["empty", "hello"])
async def test_a_frame_without_a_mask_gets_1002(wire: Wire, row: int, payload: bytes) -> None:
    wire.send(unmasked(row, payload))
    await wire.expect_close(1002)


# Section 5.4: fragments.


@table(
    {
        "one byte each": fragments(*one_by_one(HELLO)),
        "all in the first": fragments(HELLO, b""),
        "all in the last": fragments(b"", HELLO),
        "empty ones between": fragments(HELLO[:9], b"", b"", HELLO[9:]),
        "500 empty ones": fragments(HELLO, *[b""] * 500),
        "100 of 64 bytes": fragments(*[b" " * 64] * 100, HELLO),
        "around a pong": [BEGUN, frame(PONG), ENDED],
    }
)
async def test_fragments_make_one_text(wire: Wire, row: list[bytes]) -> None:
    wire.send(*row)
    await wire.expect_hello()
    await wire.leave()


@table({"one": [b""], "two": [b"", b""], "three": [b"", b"", b""]})
async def test_empty_fragments_make_an_empty_text(wire: Wire, row: list[bytes]) -> None:
    wire.send(*fragments(*row))
    await wire.expect("error", code="invalid-message")
    await wire.leave()


@table({f"{at}": at for at in IN_CHARACTERS})
async def test_a_fragment_may_end_inside_a_character(wire: Wire, row: int) -> None:
    wire.send(*fragments(*cut(CHARACTERS_SAID, row)))
    await wire.expect("message", body=CHARACTERS)
    await wire.leave()


BINARY_BEGUN = frame(BINARY, b"x", fin=False)


@table(
    {
        "the last one alone": [ENDED],
        "another one alone": [frame(CONT, b"x", fin=False)],
        "an empty one alone": [frame(CONT)],
        "text in a text": [BEGUN, SAID],
        "text begun in a text": [BEGUN, BEGUN],
        "binary in a text": [BEGUN, frame(BINARY, b"x")],
        "binary begun in a text": [BEGUN, BINARY_BEGUN],
        "text in binary": [BINARY_BEGUN, SAID],
        "binary in binary": [BINARY_BEGUN, frame(BINARY, b"x")],
        "text behind an empty fragment": [frame(TEXT, fin=False), SAID],
        "text that is not UTF-8 in a text": [BEGUN, frame(TEXT, b"\xff")],
    }
)
async def test_a_fragment_out_of_place_gets_1002(wire: Wire, row: list[bytes]) -> None:
    wire.send(*row)
    await wire.expect_close(1002)


async def test_a_fragment_behind_a_whole_text_gets_1002(wire: Wire) -> None:
    wire.send(SAID)
    await wire.expect_hello()
    wire.send(ENDED)
    await wire.expect_close(1002)


# Section 5.5: control frames.


@table({f"{size}": bytes(range(256))[-size:] if size else b"" for size in (0, 1, 4, 124, 125)})
@pytest.mark.parametrize("bits", [7, 16, 64])
async def test_a_ping_gets_its_payload_back(wire: Wire, row: bytes, bits: int) -> None:
    wire.send(frame(PING, row, bits=bits))
    assert await wire.expect_frame(PONG) == row
    await wire.leave()


async def test_each_of_many_pings_gets_its_pong(wire: Wire) -> None:
    wire.send(*[frame(PING, b"%d" % number) for number in range(50)])
    for number in range(50):
        assert await wire.expect_frame(PONG) == b"%d" % number
    await wire.leave()


@table({f"{size}": bytes(size) for size in (0, 1, 125)})
async def test_an_unsolicited_pong_gets_no_answer(wire: Wire, row: bytes) -> None:
    wire.send(frame(PONG, row))
    await wire.leave()


@table(CONTROL_FRAMES)
@pytest.mark.parametrize("size", [126, 127, 65_535, 65_536, MAX_BYTES])
async def test_a_control_frame_over_125_bytes_gets_1002(wire: Wire, row: int, size: int) -> None:
    wire.send(frame(row, struct.pack("!H", 1000) + bytes(size - 2)))
    await wire.expect_close(1002)


@table(CONTROL_FRAMES)
@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000)], ids=["empty", "1000"])
async def test_a_control_frame_in_fragments_gets_1002(wire: Wire, row: int, payload: bytes) -> None:
    wire.send(frame(row, payload, fin=False))
    await wire.expect_close(1002)


@table({"empty": b"", "1 byte": b"x", "125 bytes": bytes(125)})
async def test_a_ping_between_fragments_gets_its_pong_at_once(wire: Wire, row: bytes) -> None:
    # In the middle of a character.
    first, last = fragments(*cut(CHARACTERS_SAID, -4))
    wire.send(first, frame(PING, row))
    assert await wire.expect_frame(PONG) == row
    wire.send(last)
    await wire.expect("message", body=CHARACTERS)
    await wire.leave()


@table({"1 byte": 1, "125 bytes": 125})
@pytest.mark.parametrize("left", [0, 1, 124])
async def test_a_ping_is_no_part_of_a_large_text_around_it(wire: Wire, row: int, left: int) -> None:
    text = message(body_of(MAX_BYTES))
    first, last = fragments(*cut(text, MAX_BYTES - left))
    wire.send(first, frame(PING, bytes(row)), last)
    assert await wire.expect_frame(PONG) == bytes(row)
    await wire.expect("message", body=body_of(MAX_BYTES))
    await wire.leave()


# Section 5.6: binary.


@table(
    {
        "empty": [frame(BINARY)],
        "text": [frame(BINARY, HELLO)],
        "not UTF-8": [frame(BINARY, b"\xff")],
        "126 bytes": [frame(BINARY, bytes(126))],
        "the largest": [frame(BINARY, bytes(MAX_BYTES))],
        "fragments": fragments(HELLO[:9], HELLO[9:], opcode=BINARY),
        "fragments that are not UTF-8": fragments(b"\xff", b"\xc3", opcode=BINARY),
        "fragments around a pong": [BINARY_BEGUN, frame(PONG), frame(CONT)],
    }
)
async def test_binary_gets_1003(wire: Wire, row: list[bytes]) -> None:
    wire.send(*row)
    await wire.expect_close(1003, "Text frames only")


# Section 8.1: UTF-8.


@table(
    {
        f"U+{point:04X}": chr(point)
        for point in [
            *(0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF),
            *(0x10000, 0x1F600, 0x1FFFE, 0xFFFFF, 0x100000, 0x10FFFE, 0x10FFFF),
        ]
    }
)
async def test_valid_characters_arrive(wire: Wire, row: str) -> None:
    text = message(row)
    at = text.index(row.encode()) + 1
    wire.send(frame(TEXT, text), *fragments(*cut(text, at)), *fragments(*one_by_one(text)))
    for _ in range(3):
        await wire.expect("message", body=row)
    await wire.leave()


@table(NO_UTF8)
async def test_text_that_is_not_utf8_gets_1007(wire: Wire, row: bytes) -> None:
    wire.send(frame(TEXT, "é".encode() + row))
    await wire.expect_close(1007)


@table(NO_UTF8)
async def test_fragments_that_are_not_utf8_get_1007(wire: Wire, row: bytes) -> None:
    wire.send(*fragments(b"{", *one_by_one(row)))
    await wire.expect_close(1007)


BAD_BYTES = {"a continuation": b"\x80", "a surrogate": b"\xed\xa0\x80", "never valid": b"\xff"}


@table(BAD_BYTES)
async def test_text_that_is_not_utf8_gets_1007_before_the_message_ends(
    wire: Wire, row: bytes
) -> None:
    wire.send(frame(TEXT, b"{" + row, fin=False))
    await wire.expect_close(1007)


@table({**BAD_BYTES, **TRUNCATED})
async def test_a_reason_that_is_not_utf8_gets_1007(wire: Wire, row: bytes) -> None:
    wire.send(close(1000, row))
    await wire.expect_close(1007)


# Sections 5.5.1 and 7.4: closes.


PLACES = pytest.mark.parametrize("before", [b"", BEGUN], ids=["alone", "in a text"])
CODES = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
REASONS = {"1 byte": "x", "123 bytes": "x" * 123, "characters": CHARACTERS}


@table({f"{code}": code for code in CODES})
@PLACES
async def test_a_close_is_answered_with_its_code(wire: Wire, row: int, before: bytes) -> None:
    wire.send(before, close(row))
    await wire.expect_answer(row)


@table(
    {
        "in a character": frame(TEXT, b"\xc3", fin=False),
        "in binary": BINARY_BEGUN,
        "in the largest text": frame(TEXT, bytes(MAX_BYTES), fin=False),
    }
)
async def test_a_close_between_fragments_is_answered_with_its_code(wire: Wire, row: bytes) -> None:
    wire.send(row, close(4999, b"x" * 123))
    await wire.expect_answer(4999, "x" * 123)


@table(REASONS)
async def test_a_close_is_answered_with_its_reason(wire: Wire, row: str) -> None:
    wire.send(close(1000, row.encode()))
    await wire.expect_answer(1000, row)


@PLACES
async def test_a_close_without_a_code_is_answered_without_one(wire: Wire, before: bytes) -> None:
    wire.send(before, frame(CLOSE))
    assert await wire.expect_frame(CLOSE) == b""
    await wire.expect_end()


@table(
    {
        f"{code}": close(code)
        for code in (0, 1, 999, *range(1004, 1007), 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    }
)
@PLACES
async def test_an_invalid_close_code_gets_1002(wire: Wire, row: bytes, before: bytes) -> None:
    wire.send(before, row)
    await wire.expect_close(1002)


@table(
    {
        "half a code": frame(CLOSE, b"\x03"),
        "a reason of 124 bytes": close(1000, b"x" * 124),
        "a reason of 1000 bytes": close(1000, b"x" * 1000),
    }
)
async def test_a_malformed_close_gets_1002(wire: Wire, row: bytes) -> None:
    wire.send(row)
    await wire.expect_close(1002)


@table(
    {
        "a text": SAID,
        "a ping": frame(PING),
        "binary": frame(BINARY),
        "another close": close(1001),
        "a reserved opcode": frame(3),
        "a frame without a mask": unmasked(TEXT),
        "no UTF-8": frame(TEXT, b"\xff"),
        "too much": announced(MAX_BYTES + 1),
        "a fragment": ENDED,
    }
)
async def test_frames_behind_a_close_are_ignored(
    wire: Wire, endpoint: Endpoint, row: bytes
) -> None:
    async with endpoint.join("ann", ROOM) as ann:
        wire.send(close(1001), row)
        await wire.expect_answer(1001)
        await ann.expect_nothing()
