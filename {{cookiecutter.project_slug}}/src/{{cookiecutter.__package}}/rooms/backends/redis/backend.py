"""Messages and members in Redis, with whatever bus."""

from dataclasses import dataclass

from redis.asyncio import Redis

from ..interfaces import Backend
from .client import call


@dataclass(frozen=True, slots=True)
class RedisBackend(Backend):
    """An engine that rests on a Redis server."""

    redis: Redis

    async def ping(self) -> None:
        """Make sure that Redis can be reached."""
        await call(self.redis.ping)

    async def close(self) -> None:
        """Let go of all connections."""
        await self.bus.close()
        await self.redis.aclose()
