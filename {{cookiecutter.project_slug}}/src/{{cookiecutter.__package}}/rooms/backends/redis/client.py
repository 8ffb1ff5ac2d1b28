"""Redis connections, the names of what is kept there, and the rules for its format.

Data in Redis outlives a release, and two releases run side by side during an update. So:

- Readers ignore fields, kinds of events and keys that they do not know. A new field has a default
  for readers of older data. Such changes need nothing else.
- A change of meaning raises `FORMAT`: of a key's type, of a field that is there already, or of the
  arguments that a script stores. `FORMAT` is part of every key and channel, so releases of
  different formats do not misread each other, and a new format starts without rooms and messages.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError  # noqa: A004 (redis-py's name)

from ... import metrics
from ...errors import UnavailableError

logger = logging.getLogger(__name__)

FORMAT = 1
# What hangs for so long is taken for gone.
_TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 32

Script = Callable[..., Awaitable[Any]]
_SCRIPTS = files(__package__) / "scripts"

T = TypeVar("T")


class ConnectionPool(BlockingConnectionPool):
    """Keeps no connection once it was closed, not that of a command that was interrupted by it."""

    _closed = False

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        if self._closed:
            await connection.disconnect()
        await super().release(connection)

    async def aclose(self) -> None:
        """Disconnect all."""
        self._closed = True
        await super().aclose()


def connect(url: str) -> Redis:
    """Make a client; it connects when it is first used. It tries nothing twice: see `call`."""
    pool = ConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        # A message that is no UTF-8 must not break the connection that receives it.
        encoding_errors="replace",
        # By RESP3 redis-py 8 awaits notices of maintenance, and for their sake hands out idle
        # connections unchecked: those that died with a server too.
        protocol=2,
    )
    return Redis.from_pool(pool)


@dataclass(frozen=True, slots=True)
class Keyspace:
    """Names keys and channels so that services with another prefix or database never meet.

    All names of a room have one hash tag, which keeps them on one server of a Redis Cluster.
    """

    prefix: str
    database: int = 0

    @classmethod
    def of(cls, url: str, prefix: str) -> Self:
        """Build the keyspace of the database that a URL names."""
        return cls(prefix, parse_url(url).get("db", 0))

    def key(self, room: str, name: str) -> str:
        """Name a key of a room."""
        return f"{self.prefix}:{FORMAT}:" + "{" + room + "}:" + name

    def channel(self, name: str) -> str:
        """Name a Pub/Sub channel; with the database's number, which Pub/Sub does not know."""
        return f"{self.prefix}:{FORMAT}:db{self.database}:{name}"

    def bell(self, room: str) -> str:
        """Name the Pub/Sub channel of a room's events."""
        return self.channel("{" + room + "}:bell")


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
