"""The embedded backend: messages and members in this process's memory."""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from itertools import islice

from ..errors import LogLostError
from ..protocol.closes import Close, CloseConnection
from ..protocol.events import Entry, Event, MemberJoined, MemberLeft
from ..protocol.positions import Position
from .interfaces import (
    PAGE_BYTES,
    Appended,
    Backend,
    Heartbeat,
    Keep,
    Page,
    PresenceSnapshot,
    keep_by_default,
)

# For how many messages at the least it is known that they were said.
FEWEST_REMEMBERED = 1_000


class MemoryBus:
    """Delivers each event to this process, at once; see `Bus`."""

    def __init__(self) -> None:
        self.rooms: set[str] = set()

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`."""
        self._take = take

    async def subscribe(self, room: str) -> None:
        """Note that somebody reads a room's log; events arrive in any case."""
        self.rooms.add(room)

    async def unsubscribe(self, room: str) -> None:
        """Note that nobody reads a room's log."""
        self.rooms.discard(room)

    def report_gap(self, room: str) -> None:
        """Do nothing: nothing is lost on the way."""

    async def send(self, room: str, event: Event) -> None:
        """Deliver an event to this process."""
        self._take(room, event)

    async def close(self) -> None:
        """Do nothing."""


class _RoomLog:
    def __init__(self, epoch: int, history: int) -> None:
        self.newest = Position(epoch, 0)
        # The newest last. Plain text and numbers, of which there may be millions: the garbage
        # collector looks at none of them.
        self.texts: deque[str] = deque(maxlen=history)
        self.said: OrderedDict[str, int] = OrderedDict()
        self.used = time.monotonic()


class MemoryLog:
    """Logs that are gone when the process ends; see `Log`."""

    def __init__(self, history: int, bus: MemoryBus, keep: Keep = keep_by_default) -> None:
        self._history = history
        self._bus = bus
        self._keep = keep
        self._rooms: dict[str, _RoomLog] = {}
        self._epoch = 0

    async def append(
        self,
        room: str,
        text: str,
        idempotency_key: str | None = None,
        expected_position: Position | None = None,
    ) -> Appended:
        """Keep a message and ring the bus; do neither if its `idempotency_key` was used before."""
        log = self._log(room)
        if expected_position and expected_position.epoch != log.newest.epoch:
            raise LogLostError
        if idempotency_key is not None and idempotency_key in log.said:
            return Appended(Position(log.newest.epoch, log.said[idempotency_key]), duplicate=True)
        position = log.newest = Position(log.newest.epoch, log.newest.offset + 1)
        log.used = time.monotonic()
        log.texts.append(text)
        if idempotency_key is not None:
            log.said[idempotency_key] = position.offset
            if len(log.said) > max(self._history, FEWEST_REMEMBERED):
                log.said.popitem(last=False)
        await self._bus.send(room, Entry(epoch=position.epoch, offset=position.offset, text=text))
        return Appended(position, duplicate=False)

    async def read(
        self,
        room: str,
        after: Position | None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
        *,
        follow: bool = True,
    ) -> Page:
        """Read up to `limit` messages after a position, no more than `max_bytes` of them."""
        if room not in self._rooms and not follow:
            return Page(Position(0, 0), [])
        log = self._log(room)
        if after is None or after.epoch != log.newest.epoch:
            return Page(log.newest, [])
        missed = min(max(log.newest.offset - after.offset, 0), len(log.texts))
        start = len(log.texts) - missed
        texts = islice(log.texts, start, start + limit)
        first = log.newest.offset - missed + 1
        entries: list[Entry] = []
        for offset, text in enumerate(texts, first):
            max_bytes -= len(text.encode())
            if max_bytes < 0 and entries:
                break
            entries.append(Entry(epoch=after.epoch, offset=offset, text=text))
        return Page(log.newest, entries)

    async def reset_epoch(self, room: str, expected_position: Position) -> None:
        """Do nothing: as long as the process lives, it loses nothing."""

    async def delete(self, room: str) -> None:
        """Forget all that was said in a room."""
        self._rooms.pop(room, None)

    async def expire(self) -> None:
        """Forget the logs whose time is over."""
        now = time.monotonic()
        for room, log in list(self._rooms.items()):
            if room in self._bus.rooms:
                log.used = now
            elif (keep := self._keep(room)) is not None and now - log.used > keep:
                del self._rooms[room]

    def _log(self, room: str) -> _RoomLog:
        if room not in self._rooms:
            # Never the same twice: positions grow whatever the clock does.
            self._epoch = max(self._epoch + 1, time.time_ns() // 1_000)
            self._rooms[room] = _RoomLog(self._epoch, self._history)
        return self._rooms[room]


class _RoomMembers:
    def __init__(self, version: int) -> None:
        self.version = version
        self.connections: dict[str, str] = {}
        self.counts: Counter[str] = Counter()


class MemoryPresence:
    """The members of this process's rooms; see `Presence`."""

    def __init__(self) -> None:
        self._rooms: dict[str, _RoomMembers] = {}
        # The rooms of connections that were taken out, until they are gone.
        self._removed: dict[str, str] = {}
        self._newest = 0

    async def join(
        self, room: str, user: str, connection: str, capacity: int | None = None
    ) -> MemberJoined | None:
        """Admit a connection; return `MemberJoined` if it is the user's first."""
        members = self._rooms.setdefault(room, self._members(room))
        if connection in members.connections:
            return None
        first = user not in members.counts
        if first and capacity is not None and len(members.counts) >= capacity:
            raise CloseConnection(Close.ROOM_FULL)
        members.connections[connection] = user
        members.counts[user] += 1
        return MemberJoined(version=self._change(members), user=user) if first else None

    async def leave(self, room: str, connection: str) -> MemberLeft | None:
        """Remove a connection; return `MemberLeft` if it was the user's last."""
        self._removed.pop(connection, None)
        members = self._members(room)
        user = members.connections.pop(connection, None)
        if user is None:
            return None
        members.counts[user] -= 1
        if members.counts[user]:
            return None
        del members.counts[user]
        if not members.counts:
            del self._rooms[room]
        return MemberLeft(version=self._change(members), user=user)

    async def remove(self, room: str, user: str) -> MemberLeft | None:
        """Take a user's connections out; None if there were none."""
        theirs = [one for one, whose in self._members(room).connections.items() if whose == user]
        went = None
        for connection in theirs:
            went = await self.leave(room, connection)
            self._removed[connection] = room
        return went

    async def members(self, room: str) -> PresenceSnapshot:
        """Name the members."""
        members = self._members(room)
        return PresenceSnapshot(members.version, list(members.counts))

    async def has(self, room: str, user: str) -> bool:
        """Whether a user is a member."""
        return user in self._members(room).counts

    async def heartbeat(self, room: str) -> Heartbeat:
        """Find nobody dead: they would have died with this process."""
        removed = tuple(one for one, where in self._removed.items() if where == room)
        return Heartbeat(self._members(room).version, removed=removed)

    def _members(self, room: str) -> _RoomMembers:
        return self._rooms.get(room) or _RoomMembers(self._newest)

    def _change(self, members: _RoomMembers) -> int:
        members.version += 1
        self._newest = max(self._newest, members.version)
        return members.version


def memory_backend(history: int, keep: Keep = keep_by_default) -> Backend:
    """Build a backend that keeps everything in this process."""
    bus = MemoryBus()
    return Backend(MemoryLog(history, bus, keep), MemoryPresence(), bus)
