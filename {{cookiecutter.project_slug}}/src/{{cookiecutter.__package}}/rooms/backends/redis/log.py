"""What was said in each room, in Redis: a hash for the newest position, and a stream."""

import json

from redis.asyncio import Redis

from ...errors import LogLostError
from ...protocol.events import Entry
from ...protocol.positions import Position
from ..interfaces import PAGE_BYTES, Appended, Keep, Page, keep_by_default
from ..memory import FEWEST_REMEMBERED
from .client import Keyspace, call, script

# How long the messages of an empty and silent room are kept, unless the room says otherwise.
_IDLE_SECONDS = 7 * 24 * 3600


class RedisLog:
    """Logs that are shared by all processes; see `Log`."""

    def __init__(
        self, redis: Redis, keyspace: Keyspace, history: int, keep: Keep = keep_by_default
    ) -> None:
        self._redis = redis
        self._keyspace = keyspace
        self._history = history
        self._keep = keep
        self._append = script(redis, "append")
        self._read = script(redis, "read")
        self._reset_epoch = script(redis, "reset_epoch")

    async def append(
        self,
        room: str,
        text: str,
        idempotency_key: str | None = None,
        expected_position: Position | None = None,
    ) -> Appended:
        """Keep a message and ring the bus; do neither if its `idempotency_key` was used before."""
        limits = (self._history, max(self._history, FEWEST_REMEMBERED), self._ttl(room))
        bell = (self._keyspace.bell(room), json.dumps(text))
        args = (text, idempotency_key or "", *limits, *(expected_position or ("", "")), *bell)
        found = await self._append(self._keys(room), args, repeat=idempotency_key is not None)
        if not found:
            raise LogLostError
        epoch, offset, duplicate = found
        return Appended(Position(int(epoch), int(offset)), duplicate=bool(duplicate))

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
        args = (*(after or ("", "")), limit, self._ttl(room) if follow else "", max_bytes)
        epoch, offset, found = await self._read(self._keys(room), args)
        return Page(Position(int(epoch), int(offset)), [_entry(*one) for one in found])

    async def reset_epoch(self, room: str, expected_position: Position) -> None:
        """Give the log a new epoch if it no longer has `expected_position`."""
        await self._reset_epoch(self._keys(room)[:1], expected_position)

    async def delete(self, room: str) -> None:
        """Forget all that was said in a room."""
        await call(lambda: self._redis.delete(*self._keys(room)))

    async def expire(self) -> None:
        """Do nothing: Redis forgets them itself."""

    def _ttl(self, room: str) -> int:
        keep = self._keep(room)
        return round((_IDLE_SECONDS if keep is None else keep) * 1000)

    def _keys(self, room: str) -> list[str]:
        return [self._keyspace.key(room, name) for name in ("head", "messages", "ids")]


def _entry(position: str, fields: list[str]) -> Entry:
    epoch, offset = position.split("-")
    text = dict(zip(fields[::2], fields[1::2], strict=True))["text"]
    return Entry(epoch=int(epoch), offset=int(offset), text=text)
