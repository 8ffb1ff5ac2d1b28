"""What one process knows of one room, by itself."""

import asyncio

from {{cookiecutter.__package}}.rooms.backends.interfaces import Attendance, Room
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.outbox import Outbox
from {{cookiecutter.__package}}.rooms.connections.rate import RateLimit
from {{cookiecutter.__package}}.rooms.delivery.stream import Feed
from {{cookiecutter.__package}}.rooms.protocol.events import Came, Entry, Went
from {{cookiecutter.__package}}.rooms.protocol.frames import spoken
from {{cookiecutter.__package}}.rooms.protocol.positions import Position

from ..clock import ManualClock
from ..fakes import Listener
from ..waiting import within


def feed_with_ann() -> Feed:
    feed = Feed(Room("attic"), held_bytes=1_000, drop=lambda _: None)
    feed.attend(Attendance(3, ["ann"]))
    return feed


def test_what_is_older_says_nothing_of_who_is_here() -> None:
    feed = feed_with_ann()
    feed.attend(Attendance(2, ["bea"]))
    assert feed.take(Came(version=2, user="bea"))
    assert feed.take(Went(version=3, user="ann"))
    assert (feed.version, feed.members) == (3, {"ann"})


def test_of_who_comes_and_goes_nothing_is_skipped() -> None:
    feed = feed_with_ann()
    assert not feed.take(Went(version=5, user="ann"))
    assert feed.take(Came(version=4, user="bea"))
    assert feed.take(Went(version=5, user="ann"))
    assert (feed.version, feed.members) == (5, {"bea"})


async def test_who_waits_for_a_message_waits_for_no_other() -> None:
    feed = feed_with_ann()
    feed.begin(Position(1, 0))
    first, second = (asyncio.create_task(feed.reached(Position(1, n), 60)) for n in (1, 2))
    await asyncio.sleep(0)
    assert feed.take(Entry(epoch=1, offset=1, text="{}"))
    assert await within("the first message", first)
    assert not second.done()
    assert not await feed.reached(Position(1, 2), 0)
    assert feed.take(Entry(epoch=1, offset=2, text="{}"))
    assert await within("the second message", second)
    assert await feed.reached(Position(1, 2), 0)


def test_a_message_counts_once_and_none_is_skipped() -> None:
    feed = feed_with_ann()
    feed.begin(Position(1, 1))
    assert feed.take(Entry(epoch=1, offset=1, text="{}"))
    assert not feed.take(Entry(epoch=1, offset=3, text="{}"))
    assert feed.cursor == Position(1, 1)
    assert feed.take(Entry(epoch=1, offset=2, text="{}"))
    assert feed.cursor == Position(1, 2)


async def test_held_messages_arrive_once_and_only_after_the_release() -> None:
    feed, socket = feed_with_ann(), Listener()
    feed.begin(Position(1, 0))
    outbox = Outbox(socket.send, socket.close, 1_000)
    rate = RateLimit(0, ManualClock())
    connection = Connection("attic", outbox, rate, rate)
    feed.hold(connection)
    for number in (1, 2):
        assert feed.take(Entry(epoch=1, offset=number, text=spoken("bea", number, "now", None)))
    await connection.written()
    assert socket.frames == []
    assert feed.release(connection, Position(1, 1))
    assert feed.take(Entry(epoch=1, offset=3, text=spoken("bea", 3, "now", None)))
    feed.flush()
    await connection.written()
    assert [await within("a message", socket.bodies.get()) for _ in socket.frames] == [2, 3]


async def test_a_member_who_enters_within_a_round_gets_what_comes_after() -> None:
    feed, rate = feed_with_ann(), RateLimit(0, ManualClock())
    feed.begin(Position(1, 0))
    sockets = [Listener(), Listener()]
    outboxes = [Outbox(socket.send, socket.close, 1_000) for socket in sockets]
    early, late = (Connection("attic", outbox, rate, rate) for outbox in outboxes)
    feed.hold(early)
    assert feed.release(early, Position(1, 0))
    feed.hold(late)
    for number in (1, 2, 3):
        assert feed.take(Entry(epoch=1, offset=number, text=spoken("bea", number, "now", None)))
        if number == 2:
            assert feed.release(late, Position(1, 1))
    feed.flush()
    for connection in (early, late):
        await connection.written()
    heard = [[await socket.bodies.get() for _ in socket.frames] for socket in sockets]
    assert heard == [[1, 2, 3], [2, 3]]


class Written:
    """A feed with one member, and the batches that were written to it."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.feed = feed_with_ann()
        self.feed.begin(Position(1, 0))
        socket, rate = Listener(), RateLimit(0, ManualClock())
        outbox = Outbox(socket.send, socket.close, 1_000, write=self._write)
        self.member = Connection("attic", outbox, rate, rate)
        self.feed.hold(self.member)
        self.feed.release(self.member, Position(1, 0))
        # From the next round on it is told with the others.
        self.feed.flush()

    def _write(self, wire: bytes) -> bool:
        self.batches.append(wire)
        return True

    async def say_and_wait(self) -> None:
        """Say something, and let a round of the event loop pass."""
        offset = self.feed.cursor.offset + 1
        assert self.feed.take(Entry(epoch=1, offset=offset, text=spoken("bea", 0, "now", None)))
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
        written.feed.tell(written.member)
    written.feed.flush()
    assert [batch.count(b'"message"') for batch in written.batches] == [1, 1]


async def test_members_are_told_though_rounds_go_on_to_bring_more() -> None:
    written = Written()
    for _ in range(20):
        await written.say_and_wait()
    assert written.batches
