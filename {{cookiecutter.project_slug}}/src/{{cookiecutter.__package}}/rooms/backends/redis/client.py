"""The way to Redis."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError  # noqa: A004 (redis-py's name)

from ... import metrics
from ...errors import UnavailableError

logger = logging.getLogger(__name__)

# What hangs for so long is taken for gone.
_TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 32

Script = Callable[..., Awaitable[Any]]
_SCRIPTS = files(__package__) / "scripts"

T = TypeVar("T")


def connect(url: str) -> Redis:
    """Make a client; it connects when it is first used. It tries nothing twice: see `reach`."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        # By RESP3 redis-py 8 awaits notices of maintenance, and for their sake hands out idle
        # connections unchecked: those that died with a server too.
        protocol=2,
    )
    return Redis.from_pool(pool)


def room_key(prefix: str, room: str, name: str) -> str:
    """Name a key of a room. The braces keep them all on one server of a Redis Cluster."""
    return prefix + ":{" + room + "}:" + name


def bell_channel(prefix: str, room: str) -> str:
    """Name the Pub/Sub channel of a room."""
    return f"{prefix}:bell:{room}"


async def call(ask: Callable[[], Awaitable[T]], *, repeat: bool = True) -> T:
    """Ask Redis; if the connection breaks a second time, unless that could do harm.

    Raises:
        UnavailableError: Redis can't be reached, or does not do what it is asked.
    """
    try:
        with metrics.REDIS_SECONDS.time(), metrics.REDIS_ERRORS.count_exceptions():
            try:
                return await ask()
            except ConnectionError:
                # An idle connection may have died long ago.
                if not repeat:
                    raise
                return await ask()
    except ResponseError as error:
        logger.error("Redis refuses: %s", error)
        raise UnavailableError from error
    except (RedisError, OSError) as error:
        raise UnavailableError from error


def script(redis: Redis, name: str) -> Script:
    """Load the script of a file beside this one."""
    run = redis.register_script((_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8"))

    async def run_script(
        keys: Sequence[str], args: Sequence[str | int], *, repeat: bool = True
    ) -> object:
        return await call(lambda: run(keys=keys, args=args), repeat=repeat)

    return run_script
