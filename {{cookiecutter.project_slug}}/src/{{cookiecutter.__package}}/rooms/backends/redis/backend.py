"""The Redis backend as a whole."""

from dataclasses import dataclass
from uuid import uuid4

from redis.asyncio import Redis

from ..interfaces import Backend, Keep, keep_by_default
from .bus import RedisBus
from .client import Keyspace, connect
from .log import RedisLog
from .presence import RedisPresence

# No room has this name.
_PROBE = ":probe"


@dataclass(frozen=True, slots=True)
class RedisBackend(Backend):
    """A backend on a Redis server."""

    redis: Redis
    keyspace: Keyspace

    async def ping(self) -> None:
        """Make sure that Redis can be reached and takes a message."""
        await self.log.append(_PROBE, "", uuid4().hex)
        await self.log.delete(_PROBE)

    async def close(self) -> None:
        """Let go of all connections."""
        await self.bus.close()
        await self.redis.connection_pool.aclose()


def redis_backend(
    url: str, prefix: str, history: int, keep: Keep = keep_by_default
) -> RedisBackend:
    """Build a backend on a Redis server; it connects when it is first used."""
    redis, keyspace = connect(url), Keyspace.of(url, prefix)
    log, presence = RedisLog(redis, keyspace, history, keep), RedisPresence(redis, keyspace)
    return RedisBackend(log, presence, RedisBus(redis, keyspace), redis, keyspace)
