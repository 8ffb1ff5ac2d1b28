"""The embedded engine: everything in this process's memory."""

import asyncio
import time
from collections import OrderedDict
from typing import Protocol

from .closes import Close, ClosedError
from .engine import Room, Utterance
from .errors import NameTakenError


class Hasher(Protocol):
    """Turns passwords into what may be kept."""

    def hash(self, password: str, /) -> str:
        """Hash a password, with a salt."""

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether the hash is this password's."""


class MemoryRoomStore:
    """Rooms that are gone when the process ends."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher
        self._rooms: dict[str, tuple[Room, str]] = {}

    async def create(self, room: Room, password: str | None) -> None:
        """Keep a new room; see `RoomStore`."""
        hashed = await asyncio.to_thread(self._hasher.hash, password) if password else ""
        if room.name in self._rooms:
            raise NameTakenError(room.name)
        self._rooms[room.name] = (room, hashed)

    async def get(self, name: str) -> Room | None:
        """Find a room."""
        found = self._rooms.get(name)
        return found and found[0]

    async def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""
        return self._rooms.pop(name, None) is not None

    async def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password."""
        found = self._rooms.get(name)
        if not found or not found[1]:
            return False
        return await asyncio.to_thread(self._hasher.verify, password, found[1])


class _RoomLog:
    """The epoch tells two rooms of one name apart; the offset counts messages in one."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.offset = 0
        self.ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def position(self) -> str:
        return f"{self.epoch:011x}-{self.offset:012d}"


class MemoryLog:
    """Positions, and the ids of the last `history` messages that had one."""

    def __init__(self, history: int) -> None:
        self._history = history
        self._rooms: dict[str, _RoomLog] = {}
        self._epoch = 0

    async def append(self, room: str, utterance: Utterance) -> str | None:
        """Give a message its position; None if this user said this `id` before."""
        log = self._log(room)
        if utterance.id is not None:
            key = (utterance.sender, utterance.id)
            if key in log.ids:
                return None
            log.ids[key] = None
            if len(log.ids) > self._history:
                log.ids.popitem(last=False)
        log.offset += 1
        return log.position

    async def newest(self, room: str) -> str:
        """The position of the newest message."""
        return self._log(room).position

    async def delete(self, room: str) -> None:
        """Forget all that was said in a room."""
        self._rooms.pop(room, None)

    def _log(self, room: str) -> _RoomLog:
        if room not in self._rooms:
            # Milliseconds, but never the same twice: positions grow whatever the clock does.
            self._epoch = max(self._epoch + 1, time.time_ns() // 1_000_000)
            self._rooms[room] = _RoomLog(self._epoch)
        return self._rooms[room]


class MemoryPresence:
    """The members of this process's rooms."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, set[str]]] = {}

    async def join(self, room: str, user: str, connection: str, capacity: int) -> bool:
        """Let a connection in; True if it is the user's first."""
        members = self._rooms.get(room, {})
        first = user not in members
        if first and len(members) >= capacity:
            raise ClosedError(Close.ROOM_FULL)
        self._rooms.setdefault(room, members).setdefault(user, set()).add(connection)
        return first

    async def leave(self, room: str, user: str, connection: str) -> bool:
        """Let a connection out; True if it was the user's last."""
        members = self._rooms.get(room, {})
        connections = members.get(user, set())
        if connection not in connections:
            return False
        connections.remove(connection)
        if connections:
            return False
        del members[user]
        if not members:
            del self._rooms[room]
        return True

    async def members(self, room: str) -> list[str]:
        """Name the members, sorted."""
        return sorted(self._rooms.get(room, {}))

    async def rooms(self) -> list[str]:
        """Name the rooms that have members."""
        return list(self._rooms)
