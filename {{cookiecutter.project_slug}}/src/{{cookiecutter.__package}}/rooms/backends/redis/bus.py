"""Events between processes, over Redis's Pub/Sub."""

import asyncio
import logging
import time
from collections.abc import Callable

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.backoff import EqualJitterBackoff
from redis.exceptions import RedisError

from ... import metrics
from ...errors import UnavailableError
from ...protocol.events import EVERYWHERE, Event, events
from ...tasks import Turns, end_tasks
from .client import Keyspace, call

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 60.0


class RedisBus:
    """Delivers events to all processes, over one subscriber connection in each; see `Bus`."""

    # Redis is pinged after so long without a message.
    silence_seconds = 5.0
    # A subscription is waited for so long.
    confirm_seconds = 2.0
    # Gaps in a room without any event of it are reported for so long before it connects anew.
    gap_seconds = 1.0

    def __init__(self, redis: Redis, keyspace: Keyspace) -> None:
        self._redis = redis
        self._keyspace = keyspace
        self._rooms: dict[str, str] = {}
        self._confirmations: dict[str, asyncio.Event] = {}
        # When a gap was first reported of a channel, unless an event arrived since.
        self._gaps: dict[str, float] = {}
        self._pubsub: PubSub | None = None
        self._hearing: asyncio.Timeout | None = None
        self._next_line = 0.0
        self._turns = Turns()
        self._listening: asyncio.Task[None] | None = None
        self._backoff = EqualJitterBackoff(cap=self.silence_seconds, base=0.1)

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`; call `missed` after an interruption."""
        self._take = take
        self._missed = missed

    async def subscribe(self, room: str) -> None:
        """Receive a room's events, from when this returns.

        Raises:
            UnavailableError: Redis can't be reached.
        """
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        channel = self._keyspace.bell(room)
        self._rooms[channel] = room
        confirmed = self._confirmations.setdefault(channel, asyncio.Event())
        try:
            async with asyncio.timeout(self.confirm_seconds):
                if self._pubsub:
                    await self._pubsub.subscribe(channel)
                await confirmed.wait()
        except (RedisError, OSError) as error:
            self._rooms.pop(channel, None)
            raise UnavailableError from error
        finally:
            self._confirmations.pop(channel, None)

    async def unsubscribe(self, room: str) -> None:
        """Stop receiving a room's events."""
        channel = self._keyspace.bell(room)
        self._rooms.pop(channel, None)
        self._gaps.pop(channel, None)
        if pubsub := self._pubsub:
            await call(lambda: pubsub.unsubscribe(channel))

    def report_gap(self, room: str) -> None:
        """Connect anew if the room's subscription is silent while its log grows."""
        now = time.monotonic()
        first = self._gaps.setdefault(self._keyspace.bell(room), now)
        if self._hearing and now - first >= self.gap_seconds:
            logger.warning("No event of the room %r arrives: subscribing again", room)
            self._hearing.reschedule(0)
            self._hearing = None

    async def send(self, room: str, event: Event) -> None:
        """Send an event to every process that is subscribed to a room, this one included."""
        channel = self._keyspace.bell(room)
        await call(lambda: self._redis.publish(channel, event.model_dump_json()))

    async def close(self) -> None:
        """End all subscriptions."""
        if self._listening:
            await end_tasks(self._listening)

    async def _listen(self) -> None:
        self._rooms[self._keyspace.bell(EVERYWHERE)] = EVERYWHERE
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
                    self._gaps.clear()
                    async with asyncio.timeout(None) as self._hearing:
                        await self._hear(pubsub)
            except (RedisError, OSError) as error:
                metrics.REDIS_ERRORS.inc()
                failures += 1
                if failures == 1:
                    logger.warning("Redis is not heard any more: %r", error)
            except Exception:
                failures += 1
                logger.exception("The bus failed")
            finally:
                self._pubsub = self._hearing = None
            await asyncio.sleep(self._backoff.compute(min(failures, 10)))

    async def _subscribe_all(self, pubsub: PubSub) -> None:
        asked: set[str] = set()
        # Rooms may be added while Redis is being reached.
        while added := self._rooms.keys() - asked:
            await pubsub.subscribe(*added)
            asked |= added

    async def _hear(self, pubsub: PubSub) -> None:
        """Deliver what arrives, and send a ping when nothing does."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=self.silence_seconds)
            if message is None:
                if asked:
                    raise ConnectionResetError("no answer to a ping")
                await pubsub.ping()
            asked = message is None
            if message and message["type"] == "subscribe":
                if confirmed := self._confirmations.get(message["channel"]):
                    confirmed.set()
            elif message and message["type"] == "message":
                # Reading alone does not suspend while more is buffered.
                await self._turns.take()
                self._deliver(message["channel"], message["data"])

    def _deliver(self, channel: str, data: str) -> None:
        self._gaps.pop(channel, None)
        # It may have been on its way when the room was left.
        room = self._rooms.get(channel)
        if room is None:
            return
        try:
            event = events.validate_json(data)
        except ValidationError as error:
            self._drop(room, error)
        else:
            self._take(room, event)

    def _drop(self, room: str, error: ValidationError) -> None:
        """Count a message that cannot be read; log one a minute."""
        metrics.BELLS_UNREADABLE.inc()
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            kind = error.errors(include_url=False, include_input=False)[0]["type"]
            logger.warning("A message on the bus cannot be read: room %r, %s", room, kind)
