"""What waits for a client, and the close at its end, seen from the other side of two callables."""

import asyncio
import logging

import pytest

from {{cookiecutter.__package}}.rooms.connections.outbox import Outbox
from {{cookiecutter.__package}}.rooms.protocol.frames import Batch, as_frame, batches


class Wire:
    """Notes what an outbox sends; `block` makes it wait, as a client that does not read."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.free = asyncio.Event()
        self.free.set()
        self.broken = False
        self.written: list[bytes] | None = None

    async def send(self, text: str) -> None:
        await self.free.wait()
        if self.broken:
            raise OSError("gone")
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        await self.free.wait()
        self.sent.append((code, reason))

    def write(self, frame: bytes) -> bool:
        if self.written is not None:
            self.written.append(frame)
        return self.written is not None

    def outbox(self, max_bytes: int = 100) -> Outbox:
        return Outbox(self.send, self.close, max_bytes, write=self.write)


async def test_frames_are_sent_in_order() -> None:
    wire = Wire()
    outbox = wire.outbox()
    for text in "abc":
        assert outbox.put(as_frame(text))
    await outbox.drained()
    assert outbox.put(as_frame("d"))
    await outbox.drained()
    assert wire.sent == ["a", "b", "c", "d"]


async def test_what_waits_comes_first_then_the_last_words_then_the_close_then_nothing() -> None:
    wire = Wire()
    outbox = wire.outbox()
    outbox.put(as_frame("a"))
    outbox.finish(3000, "Token expired", as_frame("bye"))
    outbox.put(as_frame("too late"))
    await outbox.drained()
    outbox.put(as_frame("far too late"))
    outbox.finish(1000, "again")
    await outbox.drained()
    assert wire.sent == ["a", "bye", (3000, "Token expired")]


def batch(*texts: str) -> Batch:
    [made] = batches([as_frame(text) for text in texts], 1_000)
    return made


def test_a_batch_is_no_larger_than_allowed_unless_one_frame_is() -> None:
    texts = ["aaa", "bb", "cc", "d" * 9, "e"]
    frames = [as_frame(text) for text in texts]
    made = list(batches(frames, 5))
    assert [[frame.text for frame in one.frames] for one in made] == [
        ["aaa", "bb"],
        ["cc"],
        ["d" * 9],
        ["e"],
    ]
    assert b"".join(one.wire for one in made) == b"".join(frame.wire for frame in frames)
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
    assert outbox.put(as_frame("a"))
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
    assert outbox.put(as_frame("ab"))
    assert outbox.put(as_frame("ü" * 100)), "what is written does not wait"
    assert wire.written == [b"\x81\x02ab", b"\x81\x7e\x00\xc8" + "ü".encode() * 100]
    taken, wire.written = wire.written, None
    assert outbox.put(as_frame("c"))
    wire.written = taken
    assert outbox.put(as_frame("d")), "it comes after what waits"
    await outbox.drained()
    assert wire.sent == ["c", "d"]
    assert len(taken) == 2
    assert outbox.put(as_frame("e"))
    assert taken[2:] == [b"\x81\x01e"]


async def test_a_close_while_a_frame_is_being_sent_waits_for_it() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox()
    outbox.put(as_frame("a"))
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
    assert outbox.put(as_frame("aaaaaa"))
    await asyncio.sleep(0)
    assert outbox.put(as_frame("bbbb")), "what is being sent counts as waiting"
    assert not outbox.put(as_frame("c"))
    wire.free.set()
    await outbox.drained()
    assert wire.sent == ["aaaaaa", "bbbb"]
    assert outbox.bytes == 0
    assert outbox.put(as_frame("cccccccccc"))
    await outbox.drained()


async def test_one_frame_of_any_size_may_wait() -> None:
    wire = Wire()
    outbox = wire.outbox(max_bytes=10)
    assert outbox.put(as_frame("x" * 100))
    assert not outbox.put(as_frame("y"))
    await outbox.drained()
    assert wire.sent == ["x" * 100]


async def test_dropping_leaves_only_the_close() -> None:
    wire = Wire()
    wire.free.clear()
    outbox = wire.outbox()
    outbox.put(as_frame("a"))
    outbox.put(as_frame("b"))
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
    outbox.put(as_frame("a"))
    outbox.finish(1012, "Service restart")
    await asyncio.sleep(0)
    await outbox.abandon()
    wire.free.set()
    assert outbox.put(as_frame("b"))
    await outbox.drained()
    assert wire.sent == []


async def test_a_broken_connection_is_no_trouble_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire()
    wire.broken = True
    outbox = wire.outbox()
    outbox.put(as_frame("a"))
    outbox.put(as_frame("b"))
    await outbox.drained()
    await asyncio.sleep(0)
    assert outbox.sealed
    assert [record.levelno for record in caplog.records if "written to" in record.message] == [10]


async def test_a_send_that_fails_ends_the_connection() -> None:
    wire = Wire()

    async def failing(_: str) -> None:
        raise RuntimeError("a mistake")

    outbox = Outbox(failing, wire.close, 100)
    outbox.put(as_frame("a"))
    await outbox.drained()
    await asyncio.sleep(0)
    await outbox.drained()
    assert wire.sent == [(1011, "Internal error")]
    assert outbox.sealed


async def test_a_client_that_is_gone_is_told_nothing_of_what_failed_then() -> None:
    closed: list[int] = []
    entered = asyncio.Event()

    async def send(_: str) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("gone") from None

    async def close(code: int, _: str) -> None:
        closed.append(code)

    outbox = Outbox(send, close, 100)
    outbox.put(as_frame("a"))
    await entered.wait()
    await outbox.abandon()
    await outbox.drained()
    assert closed == []
