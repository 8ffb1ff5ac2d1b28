"""How processes tell each other: not at all, or over Redis's Pub/Sub."""

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.backoff import EqualJitterBackoff
from redis.exceptions import RedisError

from ..rooms import metrics
from ..rooms.backends.redis.client import bell_channel, call
from ..rooms.errors import UnavailableError
from ..rooms.protocol.events import EVERYWHERE, Event, events
from ..rooms.tasks import Turns, end_tasks

logger = logging.getLogger(__name__)


class MemoryBus:
    """Tells this process, at once."""

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`."""
        self._take = take

    async def subscribe(self, room: str) -> None:
        """Do nothing: all is heard."""

    async def unsubscribe(self, room: str) -> None:
        """Do nothing."""

    async def send(self, room: str, event: Event) -> None:
        """Tell this process."""
        self._take(room, event)

    async def close(self) -> None:
        """Do nothing."""


class RedisBus:
    """Tells all processes, with one subscriber connection in each; see `Bus`.

    It pings Redis after so many seconds of silence, and waits so long for a subscription.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        *,
        silence_seconds: float = 5.0,
        confirm_seconds: float = 2.0,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._silence_seconds = silence_seconds
        self._confirm_seconds = confirm_seconds
        self._rooms: dict[str, str] = {}
        self._confirmations: dict[str, asyncio.Event] = {}
        self._pubsub: PubSub | None = None
        self._turns = Turns()
        self._listening: asyncio.Task[None] | None = None
        self._backoff = EqualJitterBackoff(cap=silence_seconds, base=0.1)

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`; call `missed` after an interruption."""
        self._take = take
        self._missed = missed

    async def subscribe(self, room: str) -> None:
        """Hear of a room, from when this returns.

        Raises:
            UnavailableError: Redis can't be reached.
        """
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        channel = bell_channel(self._prefix, room)
        self._rooms[channel] = room
        confirmed = self._confirmations.setdefault(channel, asyncio.Event())
        try:
            async with asyncio.timeout(self._confirm_seconds):
                if self._pubsub:
                    await self._pubsub.subscribe(channel)
                await confirmed.wait()
        except (RedisError, OSError) as error:
            self._rooms.pop(channel, None)
            raise UnavailableError from error
        finally:
            self._confirmations.pop(channel, None)

    async def unsubscribe(self, room: str) -> None:
        """Hear no more of it."""
        channel = bell_channel(self._prefix, room)
        self._rooms.pop(channel, None)
        if pubsub := self._pubsub:
            await call(lambda: pubsub.unsubscribe(channel))

    async def send(self, room: str, event: Event) -> None:
        """Tell every process that hears of a room, this one too."""
        channel = bell_channel(self._prefix, room)
        await call(lambda: self._redis.publish(channel, event.model_dump_json()))

    async def close(self) -> None:
        """Hear nothing more."""
        if self._listening:
            await end_tasks(self._listening)

    async def _listen(self) -> None:
        self._rooms[bell_channel(self._prefix, EVERYWHERE)] = EVERYWHERE
        failures = 0
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._subscribe_all(pubsub)
                    self._pubsub = pubsub
                    if failures:
                        logger.info("Redis is heard again")
                        self._missed()
                    failures = 0
                    await self._hear(pubsub)
            except (RedisError, OSError) as error:
                metrics.REDIS_ERRORS.inc()
                failures += 1
                if failures == 1:
                    logger.warning("Redis is not heard any more: %s", error)
            except Exception:
                failures += 1
                logger.exception("The bus failed")
            finally:
                self._pubsub = None
            await asyncio.sleep(self._backoff.compute(min(failures, 10)))

    async def _subscribe_all(self, pubsub: PubSub) -> None:
        asked: set[str] = set()
        # Rooms may be added while Redis is being reached.
        while added := self._rooms.keys() - asked:
            await pubsub.subscribe(*added)
            asked |= added

    async def _hear(self, pubsub: PubSub) -> None:
        """Take what comes, and make sure by a ping that silence is only silence."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=self._silence_seconds)
            if message is None:
                if asked:
                    raise ConnectionResetError("no answer to a ping")
                await pubsub.ping()
            asked = message is None
            if message and message["type"] == "subscribe":
                if confirmed := self._confirmations.get(message["channel"]):
                    confirmed.set()
            elif message and message["type"] == "message":
                room = self._rooms.get(message["channel"])
                if room is not None:
                    # Reading alone does not suspend while more is buffered.
                    await self._turns.take()
                    self._take(room, events.validate_json(message["data"]))
