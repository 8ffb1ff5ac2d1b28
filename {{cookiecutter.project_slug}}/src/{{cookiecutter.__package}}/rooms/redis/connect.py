"""The way to Redis."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from ..errors import UnavailableError

logger = logging.getLogger(__name__)

# What hangs for so long is taken for gone.
_TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 32

Script = Callable[[Sequence[str], Sequence[str | int]], Awaitable[Any]]


def connect(url: str) -> Redis:
    """Make a client; it connects when it is first used.

    It tries nothing twice: what was cut off may have been done.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(pool)


def room_key(prefix: str, room: str, name: str) -> str:
    """Name a key of a room. The braces keep them all on one server of a Redis Cluster."""
    return prefix + ":{" + room + "}:" + name


def bell_channel(prefix: str, room: str) -> str:
    """Name the Pub/Sub channel of a room."""
    return f"{prefix}:bell:{room}"


@asynccontextmanager
async def reaching() -> AsyncIterator[None]:
    """Turn redis-py's errors into the core's.

    Raises:
        UnavailableError: Redis can't be reached, or does not do what it is asked.
    """
    try:
        yield
    except ResponseError as error:
        logger.error("Redis refuses: %s", error)
        raise UnavailableError from error
    except (RedisError, OSError) as error:
        raise UnavailableError from error


def script(redis: Redis, name: str) -> Script:
    """Load the script of a file beside this one."""
    run = redis.register_script((files(__package__) / f"{name}.lua").read_text())

    @reaching()
    async def call(keys: Sequence[str], args: Sequence[str | int]) -> object:
        return await run(keys=keys, args=args)

    return call
