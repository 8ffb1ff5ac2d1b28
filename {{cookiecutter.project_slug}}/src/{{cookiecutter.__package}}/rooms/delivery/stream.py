"""What one process knows of one room, and which connections it tells."""

import asyncio
from collections.abc import Callable, Iterable

from .. import metrics
from ..backends.interfaces import PresenceSnapshot, Room
from ..connections.connection import Connection
from ..protocol import frames
from ..protocol.events import Entry, Ephemeral, MemberJoined, MemberLeft
from ..protocol.positions import Position

# More in one write only waits longer for a slow reader.
_LARGEST_BATCH = 65_536
# Those who speak at the same time are heard within a few rounds of the event loop.
_MOST_ROUNDS = 8


class JoinBuffer:
    """Live messages that wait until a connection has been told what came before them."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self.messages: list[tuple[Position, frames.Encoded]] = []
        self.overflowed = False

    def put(self, position: Position, frame: frames.Encoded) -> None:
        """Keep a message, or none at all once they are too many: the log has them."""
        self._left -= frame.size
        self.overflowed = self.overflowed or self._left < 0
        if self.overflowed:
            self.messages.clear()
        else:
            self.messages.append((position, frame))


class Stream:
    """Passes on a room's messages in order and without a gap, and who comes and goes.

    `cursor` is the newest message that was passed on; `behind` is set when one may be missing.
    """

    def __init__(self, room: Room, held_bytes: int, drop: Callable[[Connection], None]) -> None:
        self.room = room
        self.cursor = Position(0, 0)
        self.version = 0
        self.members: set[str] = set()
        self.connections: set[Connection] = set()
        self.behind = False
        self.lost = False
        self._held_bytes = held_bytes
        self._drop = drop
        self._live: set[Connection] = set()
        # What is told until a round of the event loop brings nothing more is written at once.
        self._untold: list[frames.Encoded] = []
        # How many of these a member knows already, or is not to be told.
        self._known: dict[Connection, int] = {}
        self._held: dict[Connection, JoinBuffer] = {}
        self._waiting: list[tuple[Position, asyncio.Future[None]]] = []

    def begin(self, cursor: Position) -> None:
        """Start after a position."""
        self.cursor = cursor
        self._wake()

    def hold(self, connection: Connection) -> None:
        """Keep live messages back from a connection, up to `held_bytes`."""
        self._held[connection] = JoinBuffer(self._held_bytes)

    def release(self, connection: Connection, seen: Position) -> bool:
        """Pass on what was kept back and is newer than `seen`; False if that was too much."""
        held = self._held[connection]
        if held.overflowed:
            return False
        del self._held[connection]
        self._live.add(connection)
        self._known[connection] = len(self._untold)
        newer = [frame for position, frame in held.messages if position > seen]
        metrics.DELIVERIES.inc(len(newer))
        self._tell_each(connection, newer)
        return True

    def forget(self, connection: Connection) -> None:
        """Tell a connection nothing more."""
        self.connections.discard(connection)
        self._live.discard(connection)
        self._known.pop(connection, None)
        self._held.pop(connection, None)

    def apply(self, event: Entry | MemberJoined | MemberLeft | Ephemeral) -> bool:
        """Pass on what happened, unless that was done; False if something before it is missing."""
        match event:
            case Entry():
                return self._say(event)
            case Ephemeral():
                self._tell_live(frames.as_frame(event.text))
                return True
            case _:
                return self._change(event)

    def _say(self, entry: Entry) -> bool:
        position = entry.position
        if position <= self.cursor:
            return True
        if position != (self.cursor.epoch, self.cursor.offset + 1):
            return False
        self.cursor = position
        frame = frames.encode_entry(entry)
        for held in self._held.values():
            held.put(position, frame)
        self._tell_live(frame)
        metrics.MESSAGES_OUT.inc()
        metrics.DELIVERIES.inc(len(self._live))
        self._wake()
        return True

    def _change(self, event: MemberJoined | MemberLeft) -> bool:
        if event.version <= self.version:
            return True
        if event.version != self.version + 1:
            return False
        self.version = event.version
        if isinstance(event, MemberJoined):
            self._pass_on({event.user} - self.members, set())
        else:
            self._pass_on(set(), {event.user} & self.members)
        return True

    def apply_snapshot(self, attendance: PresenceSnapshot) -> None:
        """Pass on what is new about who is here."""
        if attendance.version > self.version:
            self.version = attendance.version
            now = set(attendance.members)
            self._pass_on(now - self.members, self.members - now)

    def _pass_on(self, came: set[str], went: set[str]) -> None:
        self.members -= went
        self.members |= came
        news = [
            *(frames.encode(frames.Left(user=user)) for user in sorted(went)),
            *(frames.encode(frames.Joined(user=user)) for user in sorted(came)),
        ]
        for frame in news:
            self._tell_live(frame)
            entering = [one for one in self._held if one.opened]
            self._drop_all([one for one in entering if not one.send(frame)])

    async def reached(self, position: Position, seconds: float) -> bool:
        """Wait until a message was passed on; False if that took too long."""
        if self.cursor >= position or self.lost:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((position, future))
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        return True

    def tell(self, connection: Connection) -> None:
        """Tell one member what waits, before anything else is sent to it."""
        if connection in self._live:
            known = self._known.get(connection, 0)
            self._known[connection] = len(self._untold)
            self._tell_each(connection, self._untold[known:])

    def flush(self) -> None:
        """Tell the members what waits."""
        untold, self._untold = self._untold, []
        known, self._known = self._known, {}
        others = self._live - known.keys()
        for batch in frames.batches(untold, _LARGEST_BATCH):
            self._drop_all([one for one in others if not one.send_batch(batch)])
        for connection, count in known.items():
            self._tell_each(connection, untold[count:])

    def invalidate(self) -> None:
        """Give up: what was missed can't be told."""
        self.flush()
        self.lost = True
        self._wake()

    def _tell_live(self, frame: frames.Encoded) -> None:
        if not self._live:
            return
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._end_round, 0, _MOST_ROUNDS)
        self._untold.append(frame)

    def _end_round(self, known: int, rounds: int) -> None:
        """Tell the members what waits, unless more than the `known` frames came meanwhile."""
        untold = len(self._untold)
        if untold > known and rounds:
            asyncio.get_running_loop().call_soon(self._end_round, untold, rounds - 1)
        else:
            self.flush()

    def _tell_each(self, connection: Connection, news: list[frames.Encoded]) -> None:
        if not all(map(connection.send, news)):
            self._drop(connection)

    def _drop_all(self, slow: Iterable[Connection]) -> None:
        for connection in slow:
            self._drop(connection)

    def _wake(self) -> None:
        if not self._waiting:
            return
        still = []
        for position, future in self._waiting:
            if position > self.cursor and not self.lost:
                still.append((position, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = still
