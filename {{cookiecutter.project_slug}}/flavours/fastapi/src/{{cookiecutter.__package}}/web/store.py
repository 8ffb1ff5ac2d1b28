"""Where rooms are kept: in this process's memory, or in Redis."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Protocol

from pydantic import TypeAdapter
from redis.asyncio import Redis

from ..rooms.backends.interfaces import Room
from ..rooms.backends.redis.client import Keyspace, call
from ..rooms.errors import NameTakenError

# Ignores fields that it does not know: another release may have written them.
_records = TypeAdapter(Room)


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

    async def existing(self, names: Collection[str]) -> set[str]:
        """Tell which of these rooms there are."""
        return self._rooms.keys() & set(names)

    async def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""
        return self._rooms.pop(name, None) is not None

    async def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password."""
        found = self._rooms.get(name)
        if not found or not found[1]:
            return False
        return await asyncio.to_thread(self._hasher.verify, password, found[1])


class RedisRoomStore:
    """Rooms that are shared by all processes."""

    def __init__(self, redis: Redis, keyspace: Keyspace, hasher: Hasher) -> None:
        self._redis = redis
        self._keyspace = keyspace
        self._hasher = hasher

    async def create(self, room: Room, password: str | None) -> None:
        """Keep a new room; see `RoomStore`."""
        hashed = await asyncio.to_thread(self._hasher.hash, password) if password else ""
        kept = json.dumps({**asdict(room), "hash": hashed})
        key = self._key(room.name)
        made = await call(lambda: self._redis.set(key, kept, nx=True), repeat=False)
        if not made:
            raise NameTakenError(room.name)

    async def get(self, name: str) -> Room | None:
        """Find a room."""
        kept = await self._kept(name)
        return _records.validate_json(kept) if kept else None

    async def existing(self, names: Collection[str]) -> set[str]:
        """Tell which of these rooms there are."""
        if not names:
            return set()
        keys = [self._key(name) for name in names]
        found = await call(lambda: self._redis.mget(keys))
        return {name for name, kept in zip(names, found, strict=True) if kept}

    async def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""
        return bool(await call(lambda: self._redis.delete(self._key(name))))

    async def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password."""
        kept = await self._kept(name)
        hashed = json.loads(kept)["hash"] if kept else ""
        return bool(hashed) and await asyncio.to_thread(self._hasher.verify, password, hashed)

    async def _kept(self, name: str) -> str | bytes | None:
        return await call(lambda: self._redis.get(self._key(name)))

    def _key(self, name: str) -> str:
        return self._keyspace.key(name, "room")
