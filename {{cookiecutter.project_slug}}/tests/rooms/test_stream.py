"""What the members of one room are told, by itself."""

import asyncio

from {{cookiecutter.__package}}.rooms.backends.interfaces import PresenceSnapshot
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.delivery.fanout import Fanout
from {{cookiecutter.__package}}.rooms.delivery.member_list import MemberList
from {{cookiecutter.__package}}.rooms.protocol.events import (
    Entry,
    MemberJoined,
    MemberLeft,
)
from {{cookiecutter.__package}}.rooms.protocol.frames import (
    Batch,
    Encoded,
    encode_payload,
)
from {{cookiecutter.__package}}.rooms.protocol.positions import Position

from ..fakes import Listener, make_connection
from ..waiting import within

MOST_HELD = 1_000


def list_with_ann() -> MemberList:
    members = MemberList(lambda _: None)
    members.apply_snapshot(PresenceSnapshot(3, ["ann"]))
    return members


def begun(cursor: Position) -> Fanout:
    fanout = Fanout(lambda _: None)
    fanout.begin(cursor)
    return fanout


def test_what_is_older_says_nothing_of_who_is_here() -> None:
    members = list_with_ann()
    members.apply_snapshot(PresenceSnapshot(2, ["bea"]))
    assert members.apply(MemberJoined(version=2, user="bea"))
    assert members.apply(MemberLeft(version=3, user="ann"))
    assert (members.version, members.names) == (3, {"ann"})


def test_of_who_comes_and_goes_nothing_is_skipped() -> None:
    members = list_with_ann()
    assert not members.apply(MemberLeft(version=5, user="ann"))
    assert members.apply(MemberJoined(version=4, user="bea"))
    assert members.apply(MemberLeft(version=5, user="ann"))
    assert (members.version, members.names) == (5, {"bea"})


async def test_who_waits_for_a_message_waits_for_no_other() -> None:
    fanout = begun(Position(1, 0))
    first, second = (asyncio.create_task(fanout.reached(Position(1, n), 60)) for n in (1, 2))
    await asyncio.sleep(0)
    assert fanout.apply(Entry(epoch=1, offset=1, text="{}"))
    assert await within("the first message", first)
    assert not second.done()
    assert not await fanout.reached(Position(1, 2), 0)
    assert fanout.apply(Entry(epoch=1, offset=2, text="{}"))
    assert await within("the second message", second)
    assert await fanout.reached(Position(1, 2), 0)


def test_a_message_counts_once_and_none_is_skipped() -> None:
    fanout = begun(Position(1, 1))
    assert fanout.apply(Entry(epoch=1, offset=1, text="{}"))
    assert not fanout.apply(Entry(epoch=1, offset=3, text="{}"))
    assert fanout.cursor == Position(1, 1)
    assert fanout.apply(Entry(epoch=1, offset=2, text="{}"))
    assert fanout.cursor == Position(1, 2)


async def test_held_messages_arrive_once_and_only_after_the_release() -> None:
    fanout, socket = begun(Position(1, 0)), Listener()
    connection = make_connection(socket.transport)
    fanout.hold(connection, MOST_HELD)
    for number in (1, 2):
        assert fanout.apply(
            Entry(epoch=1, offset=number, text=encode_payload("bea", number, "now", None))
        )
    await connection.drained()
    assert socket.frames == []
    assert fanout.release(connection, Position(1, 1))
    assert fanout.apply(Entry(epoch=1, offset=3, text=encode_payload("bea", 3, "now", None)))
    fanout.flush()
    await connection.drained()
    assert [await within("a message", socket.bodies.get()) for _ in socket.frames] == [2, 3]


async def test_a_member_who_enters_within_a_round_gets_what_comes_after() -> None:
    fanout = begun(Position(1, 0))
    sockets = [Listener(), Listener()]
    early, late = (make_connection(socket.transport) for socket in sockets)
    fanout.hold(early, MOST_HELD)
    assert fanout.release(early, Position(1, 0))
    fanout.hold(late, MOST_HELD)
    for number in (1, 2, 3):
        assert fanout.apply(
            Entry(epoch=1, offset=number, text=encode_payload("bea", number, "now", None))
        )
        if number == 2:
            assert fanout.release(late, Position(1, 1))
    fanout.flush()
    for connection in (early, late):
        await connection.drained()
    heard = [[await socket.bodies.get() for _ in socket.frames] for socket in sockets]
    assert heard == [[1, 2, 3], [2, 3]]


class Written:
    """A room with one member, and how many frames were written to it together."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.fanout = begun(Position(1, 0))
        socket = Listener()
        self.member = make_connection(Transport(socket.send, socket.close, self._write))
        self.fanout.hold(self.member, MOST_HELD)
        self.fanout.release(self.member, Position(1, 0))
        # From the next round on it is told with the others.
        self.fanout.flush()

    def _write(self, sent: Encoded | Batch) -> bool:
        self.batches.append(len(sent.frames) if isinstance(sent, Batch) else 1)
        return True

    async def say_and_wait(self) -> None:
        """Say something, and let a round of the event loop pass."""
        offset = self.fanout.cursor.offset + 1
        assert self.fanout.apply(
            Entry(epoch=1, offset=offset, text=encode_payload("bea", 0, "now", None))
        )
        await asyncio.sleep(0)


async def test_members_are_told_at_once_after_a_round_that_brings_nothing() -> None:
    written = Written()
    for _ in range(3):
        await written.say_and_wait()
        assert written.batches == []
    await asyncio.sleep(0)
    assert written.batches == [3]


async def test_a_member_who_is_told_early_is_told_once() -> None:
    written = Written()
    for _ in range(2):
        await written.say_and_wait()
        written.fanout.tell(written.member)
    written.fanout.flush()
    assert written.batches == [1, 1]


async def test_members_are_told_though_rounds_go_on_to_bring_more() -> None:
    written = Written()
    for _ in range(20):
        await written.say_and_wait()
    assert written.batches
