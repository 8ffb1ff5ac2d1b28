"""What one process knows of one room, by itself."""

import asyncio

from {{cookiecutter.__package}}.rooms.backends.interfaces import (
    PresenceSnapshot,
    Room,
)
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.outbox import Outbox
from {{cookiecutter.__package}}.rooms.connections.rate import RateLimit
from {{cookiecutter.__package}}.rooms.delivery.stream import Stream
from {{cookiecutter.__package}}.rooms.protocol.events import (
    Entry,
    MemberJoined,
    MemberLeft,
)
from {{cookiecutter.__package}}.rooms.protocol.frames import encode_payload
from {{cookiecutter.__package}}.rooms.protocol.positions import Position

from ..clock import ManualClock
from ..fakes import Listener
from ..waiting import within


def feed_with_ann() -> Stream:
    stream = Stream(Room("attic"), held_bytes=1_000, drop=lambda _: None)
    stream.apply_snapshot(PresenceSnapshot(3, ["ann"]))
    return stream


def test_what_is_older_says_nothing_of_who_is_here() -> None:
    stream = feed_with_ann()
    stream.apply_snapshot(PresenceSnapshot(2, ["bea"]))
    assert stream.apply(MemberJoined(version=2, user="bea"))
    assert stream.apply(MemberLeft(version=3, user="ann"))
    assert (stream.version, stream.members) == (3, {"ann"})


def test_of_who_comes_and_goes_nothing_is_skipped() -> None:
    stream = feed_with_ann()
    assert not stream.apply(MemberLeft(version=5, user="ann"))
    assert stream.apply(MemberJoined(version=4, user="bea"))
    assert stream.apply(MemberLeft(version=5, user="ann"))
    assert (stream.version, stream.members) == (5, {"bea"})


async def test_who_waits_for_a_message_waits_for_no_other() -> None:
    stream = feed_with_ann()
    stream.begin(Position(1, 0))
    first, second = (asyncio.create_task(stream.reached(Position(1, n), 60)) for n in (1, 2))
    await asyncio.sleep(0)
    assert stream.apply(Entry(epoch=1, offset=1, text="{}"))
    assert await within("the first message", first)
    assert not second.done()
    assert not await stream.reached(Position(1, 2), 0)
    assert stream.apply(Entry(epoch=1, offset=2, text="{}"))
    assert await within("the second message", second)
    assert await stream.reached(Position(1, 2), 0)


def test_a_message_counts_once_and_none_is_skipped() -> None:
    stream = feed_with_ann()
    stream.begin(Position(1, 1))
    assert stream.apply(Entry(epoch=1, offset=1, text="{}"))
    assert not stream.apply(Entry(epoch=1, offset=3, text="{}"))
    assert stream.cursor == Position(1, 1)
    assert stream.apply(Entry(epoch=1, offset=2, text="{}"))
    assert stream.cursor == Position(1, 2)


async def test_held_messages_arrive_once_and_only_after_the_release() -> None:
    stream, socket = feed_with_ann(), Listener()
    stream.begin(Position(1, 0))
    outbox = Outbox(socket.send, socket.close, 1_000)
    rate = RateLimit(0, ManualClock())
    connection = Connection("attic", outbox, rate, rate)
    stream.hold(connection)
    for number in (1, 2):
        assert stream.apply(
            Entry(epoch=1, offset=number, text=encode_payload("bea", number, "now", None))
        )
    await connection.drained()
    assert socket.frames == []
    assert stream.release(connection, Position(1, 1))
    assert stream.apply(Entry(epoch=1, offset=3, text=encode_payload("bea", 3, "now", None)))
    stream.flush()
    await connection.drained()
    assert [await within("a message", socket.bodies.get()) for _ in socket.frames] == [2, 3]


async def test_a_member_who_enters_within_a_round_gets_what_comes_after() -> None:
    stream, rate = feed_with_ann(), RateLimit(0, ManualClock())
    stream.begin(Position(1, 0))
    sockets = [Listener(), Listener()]
    outboxes = [Outbox(socket.send, socket.close, 1_000) for socket in sockets]
    early, late = (Connection("attic", outbox, rate, rate) for outbox in outboxes)
    stream.hold(early)
    assert stream.release(early, Position(1, 0))
    stream.hold(late)
    for number in (1, 2, 3):
        assert stream.apply(
            Entry(epoch=1, offset=number, text=encode_payload("bea", number, "now", None))
        )
        if number == 2:
            assert stream.release(late, Position(1, 1))
    stream.flush()
    for connection in (early, late):
        await connection.drained()
    heard = [[await socket.bodies.get() for _ in socket.frames] for socket in sockets]
    assert heard == [[1, 2, 3], [2, 3]]


class Written:
    """A feed with one member, and the batches that were written to it."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.stream = feed_with_ann()
        self.stream.begin(Position(1, 0))
        socket, rate = Listener(), RateLimit(0, ManualClock())
        outbox = Outbox(socket.send, socket.close, 1_000, write=self._write)
        self.member = Connection("attic", outbox, rate, rate)
        self.stream.hold(self.member)
        self.stream.release(self.member, Position(1, 0))
        # From the next round on it is told with the others.
        self.stream.flush()

    def _write(self, wire: bytes) -> bool:
        self.batches.append(wire)
        return True

    async def say_and_wait(self) -> None:
        """Say something, and let a round of the event loop pass."""
        offset = self.stream.cursor.offset + 1
        assert self.stream.apply(
            Entry(epoch=1, offset=offset, text=encode_payload("bea", 0, "now", None))
        )
        await asyncio.sleep(0)


async def test_members_are_told_at_once_after_a_round_that_brings_nothing() -> None:
    written = Written()
    for _ in range(3):
        await written.say_and_wait()
        assert written.batches == []
    await asyncio.sleep(0)
    [batch] = written.batches
    assert batch.count(b'"message"') == 3


async def test_a_member_who_is_told_early_is_told_once() -> None:
    written = Written()
    for _ in range(2):
        await written.say_and_wait()
        written.stream.tell(written.member)
    written.stream.flush()
    assert [batch.count(b'"message"') for batch in written.batches] == [1, 1]


async def test_members_are_told_though_rounds_go_on_to_bring_more() -> None:
    written = Written()
    for _ in range(20):
        await written.say_and_wait()
    assert written.batches
