"""What waits for a client, and the close at its end, seen from the other side of two callables."""

import asyncio
import logging

import pytest

from {{cookiecutter.__package}}.rooms.connections.outbox import Outbox
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.protocol.frames import (
    Batch,
    Encoded,
    batches,
)
from {{cookiecutter.__package}}.server.framing import to_wire


class Wire:
    """Notes what an outbox sends; `block` makes it wait, as a client that does not read."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.free = asyncio.Event()
        self.free.set()
        self.broken = False
        self.written: list[bytes] | None = None
        self.failures: list[BaseException] = []

    async def send(self, text: str) -> None:
        await self.free.wait()
        if self.broken:
            raise OSError("gone")
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        await self.free.wait()
        self.sent.append((code, reason))

    def write(self, sent: Encoded | Batch) -> bool:
        if self.written is not None:
            self.written.append(to_wire(sent))
        return self.written is not None

    def outbox(self, max_bytes: int = 100) -> Outbox:
        transport = Transport(self.send, self.close, self.write)
        return Outbox(transport, max_bytes, self.failures.append)


async def test_frames_are_sent_in_order() -> None:
    wire = Wire()
    outbox = wire.outbox()
    for text in "abc":
        assert outbox.put(Encoded(text))
    await outbox.drained()
    assert outbox.put(Encoded("d"))
    await outbox.drained()
    assert wire.sent == ["a", "b", "c", "d"]


async def test_what_waits_comes_first_then_the_last_words_then_the_close_then_nothing() -> None:
    wire = Wire()
    outbox = wire.outbox()
    outbox.put(Encoded("a"))
    outbox.finish(3000, "Token expired", Encoded("bye"))
    outbox.put(Encoded("too late"))
    await outbox.drained()
    outbox.put(Encoded("far too late"))
    outbox.finish(1000, "again")
    await outbox.drained()
    assert wire.sent == ["a", "bye", (3000, "Token expired")]


def batch(*texts: str) -> Batch:
    [made] = batches([Encoded(text) for text in texts], 1_000)
    return made


def test_a_batch_is_no_larger_than_allowed_unless_one_frame_is() -> None:
    texts = ["aaa", "bb", "cc", "d" * 9, "e"]
    frames = [Encoded(text) for text in texts]
    made = list(batches(frames, 5))
    assert [[frame.text for frame in one.frames] for one in made] == [
        ["aaa", "bb"],
        ["cc"],
        ["d" * 9],
        ["e"],
    ]
    assert list(batches([], 5)) == []


async def test_a_batch_is_written_at_once_where_nothing_waits() -> None:
    wire = Wire()
    outbox = wire.outbox()
    wire.written = []
    assert outbox.put_batch(batch("a", "b"))
    assert wire.written == [b"\x81\x01a\x81\x01b"]
    outbox.finish(1012, "Service restart")
    assert outbox.put_batch(batch("too late"))
    await outbox.drained()
    assert len(wire.written) == 1
    assert wire.sent == [(1012, "Service restart")]


async def test_a_batch_comes_after_the_frames_that_wait() -> None:
    wire = Wire()
    outbox = wire.outbox()
    assert outbox.put(Encoded("a"))
    wire.written = []
    assert outbox.put_batch(batch("b", "c"))
    await outbox.drained()
    assert wire.written == []
    assert wire.sent == ["a", "b", "c"]


async def test_a_reader_that_becomes_slow_gets_whole_frames_of_a_batch() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox(max_bytes=4)
    assert outbox.put_batch(batch("aa", "bb"))
    assert not outbox.put_batch(batch("cc", "dd"))
    wire.free.set()
    await outbox.drained()
    assert wire.sent == ["aa", "bb"]
    assert not outbox.put_batch(batch("cc", "dd", "ee"))
    await outbox.drained()
    assert wire.sent == ["aa", "bb", "cc", "dd"]


async def test_where_nothing_waits_a_frame_is_written_at_once() -> None:
    wire = Wire()
    outbox = wire.outbox(max_bytes=4)
    wire.written = []
    assert outbox.put(Encoded("ab"))
    assert outbox.put(Encoded("ü" * 100)), "what is written does not wait"
    assert wire.written == [b"\x81\x02ab", b"\x81\x7e\x00\xc8" + "ü".encode() * 100]
    taken, wire.written = wire.written, None
    assert outbox.put(Encoded("c"))
    wire.written = taken
    assert outbox.put(Encoded("d")), "it comes after what waits"
    await outbox.drained()
    assert wire.sent == ["c", "d"]
    assert len(taken) == 2
    assert outbox.put(Encoded("e"))
    assert taken[2:] == [b"\x81\x01e"]


async def test_a_close_while_a_frame_is_being_sent_waits_for_it() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox()
    outbox.put(Encoded("a"))
    await asyncio.sleep(0)
    outbox.finish(1012, "Service restart")
    assert wire.sent == []
    wire.free.set()
    await outbox.drained()
    assert wire.sent == ["a", (1012, "Service restart")]


async def test_no_more_than_its_bytes_may_wait() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox(max_bytes=10)
    assert outbox.put(Encoded("aaaaaa"))
    await asyncio.sleep(0)
    assert outbox.put(Encoded("bbbb")), "what is being sent counts as waiting"
    assert not outbox.put(Encoded("c"))
    wire.free.set()
    await outbox.drained()
    assert wire.sent == ["aaaaaa", "bbbb"]
    assert outbox.bytes == 0
    assert outbox.put(Encoded("cccccccccc"))
    await outbox.drained()


async def test_one_frame_of_any_size_may_wait() -> None:
    wire = Wire()
    outbox = wire.outbox(max_bytes=10)
    assert outbox.put(Encoded("x" * 100))
    assert not outbox.put(Encoded("y"))
    await outbox.drained()
    assert wire.sent == ["x" * 100]


async def test_dropping_leaves_only_the_close() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox()
    outbox.put(Encoded("a"))
    outbox.put(Encoded("b"))
    await asyncio.sleep(0)
    outbox.drop()
    outbox.finish(1013, "Reading too slowly")
    wire.free.set()
    await outbox.drained()
    assert wire.sent == [(1013, "Reading too slowly")]


async def test_a_client_that_is_gone_is_sent_nothing() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox()
    outbox.put(Encoded("a"))
    outbox.finish(1012, "Service restart")
    await asyncio.sleep(0)
    await outbox.abandon()
    wire.free.set()
    assert outbox.put(Encoded("b"))
    await outbox.drained()
    assert wire.sent == []


async def test_a_send_that_fails_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire()
    wire.broken = True
    outbox = wire.outbox(max_bytes=1)
    outbox.put(Encoded("a"))
    outbox.put(Encoded("b"))
    await outbox.drained()
    assert [str(error) for error in wire.failures] == ["gone"]
    assert outbox.bytes == 0
    assert [record.levelno for record in caplog.records if "written to" in record.message] == [10]


async def test_a_close_is_tried_though_what_waits_cannot_be_sent() -> None:
    wire = Wire()
    wire.broken = True
    outbox = wire.outbox()
    outbox.put(Encoded("a"))
    outbox.finish(3003, "Removed from the room")
    await outbox.drained()
    assert wire.sent == [(3003, "Removed from the room")]
    assert wire.failures == []


async def test_a_close_that_fails_is_not_tried_again() -> None:
    closes: list[int] = []

    async def close(code: int, _: str) -> None:
        closes.append(code)
        raise OSError("gone")

    wire = Wire()
    outbox = Outbox(Transport(wire.send, close), 100, wire.failures.append)
    outbox.finish(1012, "Service restart")
    await outbox.drained()
    assert closes == [1012]
    assert wire.failures == []


async def test_an_abandoned_outbox_reports_no_failure() -> None:
    wire, entered = Wire(), asyncio.Event()

    async def send(_: str) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("gone") from None

    outbox = Outbox(Transport(send, wire.close), 100, wire.failures.append)
    outbox.put(Encoded("a"))
    await entered.wait()
    await outbox.abandon()
    await outbox.drained()
    assert wire.sent == []
    assert wire.failures == []


def test_one_encoding_is_shared_by_all_who_get_a_frame() -> None:
    frame = Encoded("é")
    assert frame.size == 2
    assert to_wire(frame) == b"\x81\x02" + "é".encode()
    assert to_wire(frame) is to_wire(frame)
    together = batch("a", "b")
    assert to_wire(together) is to_wire(together)
