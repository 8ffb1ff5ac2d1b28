"""Who is in each room, in Redis. Each process has a lease, and its members go when that ends."""

import secrets
from typing import Any

from redis.asyncio import Redis

from ...protocol.closes import Close, CloseConnection
from ...protocol.events import MemberJoined, MemberLeft
from ..interfaces import Heartbeat, PresenceSnapshot
from .client import Keyspace, call, script

LEASE_SECONDS = 15.0
_FULL = -1
# For so long a process that was cut off may yet learn whom it is to send away.
_REMOVED_MS = 24 * 3600 * 1000


class RedisPresence:
    """Members that are shared by all processes; see `Presence`."""

    def __init__(
        self, redis: Redis, keyspace: Keyspace, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._redis = redis
        self.keyspace = keyspace
        self._lease = int(lease_seconds * 1000)
        self._process = secrets.token_hex(8)
        self._join = script(redis, "join")
        self._leave = script(redis, "leave")
        self._remove = script(redis, "remove")
        self._heartbeat = script(redis, "heartbeat")

    async def join(
        self, room: str, user: str, connection: str, capacity: int | None = None
    ) -> MemberJoined | None:
        """Admit a connection; return `MemberJoined` if it is the user's first."""
        limit = "" if capacity is None else capacity
        args = (self._process, connection, user, limit, self._lease)
        version = int(await self._join(self._keys(room), args))
        if version == _FULL:
            raise CloseConnection(Close.ROOM_FULL)
        return MemberJoined(version=version, user=user) if version else None

    async def leave(self, room: str, connection: str) -> MemberLeft | None:
        """Remove a connection; return `MemberLeft` if it was the user's last."""
        found = await self._leave(self._keys(room), (connection,))
        return MemberLeft(version=found[0], user=found[1]) if found else None

    async def remove(self, room: str, user: str) -> MemberLeft | None:
        """Take a user's connections out; None if there were none."""
        version = await self._remove(self._keys(room), (user, _REMOVED_MS))
        return MemberLeft(version=version, user=user) if version else None

    async def members(self, room: str) -> PresenceSnapshot:
        """Name the members."""
        _, _, counts, version, _ = self._keys(room)

        async def ask() -> list[Any]:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.get(version)
                pipeline.hkeys(counts)
                found: list[Any] = await pipeline.execute()
                return found

        newest, members = await call(ask)
        return PresenceSnapshot(int(newest or 0), members)

    async def has(self, room: str, user: str) -> bool:
        """Whether a user is a member."""
        counts = self.keyspace.key(room, "counts")
        return bool(await call(lambda: self._redis.hexists(counts, user)))

    async def heartbeat(self, room: str) -> Heartbeat:
        """Tell that this process lives, and strike off the members of those that don't."""
        args = (self._process, self._lease, _REMOVED_MS)
        version, lost, went, removed = await self._heartbeat(self._keys(room), args)
        gone = zip(went[::2], went[1::2], strict=True)
        return Heartbeat(
            int(version),
            bool(lost),
            tuple(MemberLeft(version=number, user=user) for user, number in gone),
            tuple(removed),
        )

    def _keys(self, room: str) -> list[str]:
        names = ("leases", "connections", "counts", "version", "removed")
        return [self.keyspace.key(room, name) for name in names]
