"""The log side of a room's stream: its newest message, and what its members are still to get."""

import asyncio
from collections.abc import Callable, Iterable

from .. import metrics
from ..connections.connection import Connection
from ..protocol import frames
from ..protocol.events import Entry
from ..protocol.positions import Position
from .join_buffer import JoinBuffer

# More in one write only waits longer for a slow reader.
_LARGEST_BATCH = 65_536
# Those who speak at the same time are heard within a few rounds of the event loop.
_MOST_ROUNDS = 8


class Fanout:
    """Passes on a room's messages to its members, in order and without a gap.

    `cursor` is the newest message that was passed on. `drop` ends a connection whose outbox is
    full.
    """

    def __init__(self, drop: Callable[[Connection], None]) -> None:
        self.cursor = Position(0, 0)
        self._drop = drop
        self._closed = False
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

    def hold(self, connection: Connection, max_bytes: int) -> None:
        """Keep live messages back from a connection, up to so many bytes with its outbox."""
        self._held[connection] = JoinBuffer(connection, max_bytes)

    def held_bytes(self, connection: Connection) -> int:
        """How much is kept back from a connection."""
        return self._held[connection].bytes if connection in self._held else 0

    def release(self, connection: Connection, seen: Position) -> bool:
        """Pass on what was kept back and is newer than `seen`; False if that was too much."""
        buffer = self._held[connection]
        if buffer.overflowed:
            return False
        del self._held[connection]
        self._live.add(connection)
        self._known[connection] = len(self._untold)
        newer = [frame for position, frame in buffer.messages if position > seen]
        metrics.DELIVERIES.inc(len(newer))
        self._tell_each(connection, newer)
        return True

    def forget(self, connection: Connection) -> None:
        """Stop delivering to a connection."""
        self._live.discard(connection)
        self._known.pop(connection, None)
        self._held.pop(connection, None)

    def apply(self, entry: Entry) -> bool:
        """Pass on a message once; return False if an earlier message is missing."""
        position = entry.position
        if position <= self.cursor:
            return True
        if position != (self.cursor.epoch, self.cursor.offset + 1):
            return False
        self.cursor = position
        frame = frames.encode_entry(entry)
        for buffer in self._held.values():
            buffer.put(position, frame)
        self.tell_live(frame)
        metrics.MESSAGES_OUT.inc()
        metrics.DELIVERIES.inc(len(self._live))
        if self._waiting:
            self._wake()
        return True

    def tell_live(self, frame: frames.Encoded) -> None:
        """Send a frame to the members, with the others of this round of the event loop."""
        if not self._live:
            return
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._end_round, 0, _MOST_ROUNDS)
        self._untold.append(frame)

    def tell_all(self, frame: frames.Encoded, but: str = "") -> None:
        """Send a frame to the members, and to connections that are told what came before.

        `but` is the `id` of a connection that is passed over.
        """
        if left_out := but and next((one for one in self._live if one.id == but), None):
            self.tell(left_out)
        self.tell_live(frame)
        if left_out:
            self._known[left_out] = len(self._untold)
        for connection in [one for one in self._held if one.id != but]:
            self.tell_one(connection, frame)

    def tell_one(self, connection: Connection, frame: frames.Encoded) -> None:
        """Send a frame to a connection that has its welcome, behind what waits for it."""
        self.tell(connection)
        if connection.opened:
            if buffer := self._held.get(connection):
                buffer.make_room(frame.size)
            self._tell_each(connection, [frame])

    async def reached(self, position: Position, seconds: float) -> bool:
        """Wait until a message was passed on; False if that took too long."""
        if self.cursor >= position or self._closed:
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
        """Send one member what waits for it, before anything else is sent to it."""
        if connection in self._live:
            known = self._known.get(connection, 0)
            self._known[connection] = len(self._untold)
            self._tell_each(connection, self._untold[known:])

    def flush(self) -> None:
        """Send the members what waits for them."""
        untold, self._untold = self._untold, []
        known, self._known = self._known, {}
        others = self._live - known.keys()
        for batch in frames.batches(untold, _LARGEST_BATCH):
            for slow in [one for one in others if not one.send_batch(batch)]:
                self._drop(slow)
        for connection, count in known.items():
            self._tell_each(connection, untold[count:])

    def close(self) -> None:
        """Send what waits, and let nobody wait for more."""
        self.flush()
        self._closed = True
        self._wake()

    def _end_round(self, known: int, rounds: int) -> None:
        """Send what waits, unless more than the `known` frames came meanwhile."""
        untold = len(self._untold)
        if untold > known and rounds:
            asyncio.get_running_loop().call_soon(self._end_round, untold, rounds - 1)
        else:
            self.flush()

    def _tell_each(self, connection: Connection, news: Iterable[frames.Encoded]) -> None:
        if not all(map(connection.send, news)):
            self._drop(connection)

    def _wake(self) -> None:
        still = []
        for position, future in self._waiting:
            if position > self.cursor and not self._closed:
                still.append((position, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = still
