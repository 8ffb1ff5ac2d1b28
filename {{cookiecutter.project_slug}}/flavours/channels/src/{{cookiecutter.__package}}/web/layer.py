"""The bus between processes: Django's channel layer, as `CHANNEL_LAYERS` has it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer, InMemoryChannelLayer
from pydantic import JsonValue, ValidationError

from ..rooms import metrics
from ..rooms.errors import RoomsError, UnavailableError
from ..rooms.names import RoomName
from ..rooms.protocol.events import EVERYWHERE, Event, events
from ..rooms.protocol.frames import MessageId
from ..rooms.tasks import Turns, end_tasks
from .schemas import SERVICE_USER, NewMessage

logger = logging.getLogger(__name__)

_EVENT, _SAY = "room.event", "room.say"
# What hangs for so long is taken for gone.
_TIMEOUT_SECONDS = 2.0

Publish = Callable[[str, JsonValue, str, str | None], Awaitable[object]]


def group_of(room: str) -> str:
    """Name the group that a room's processes are in."""
    return f"room.{room}"


def say(room: str, body: JsonValue, sender: str = SERVICE_USER) -> dict[str, Any]:
    """Make a message that `group_send` may send to the group of a room, from any Django code.

    Each process gets it, so it has an `id`: by that the room's members get it once.
    """
    return {"type": _SAY, "room": room, "body": body, "from": sender, "id": uuid4().hex}


class MemoryLayer(InMemoryChannelLayer):
    """Channels' own, without a look through all groups and a task more with each message.

    It looks for what nobody takes every `look_seconds`.
    """

    def __init__(self, *, look_seconds: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self._look_seconds = look_seconds
        self._next_look = 0.0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to all channels of a group, but those that are full."""
        self.require_valid_group_name(group)
        self._clean_expired()
        for channel in list(self.groups.get(group, ())):
            with suppress(ChannelFull):
                await self.send(channel, message)

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._look_seconds
            # The stubs leave it out.
            super()._clean_expired()  # type: ignore[misc]


class _Asked(NewMessage):
    room: RoomName
    id: MessageId


class LayerBus:
    """Tells all processes, with one channel in each, in one group a room; see `Bus`.

    `publish` is called for what `say` makes. Subscriptions are renewed, as some layers let them
    end after a day.
    """

    publish: Publish

    def __init__(
        self,
        layer: BaseChannelLayer,
        *,
        renew_seconds: float = 3600.0,
        retry_seconds: float = 1.0,
    ) -> None:
        self._layer = layer
        self._renew_seconds = renew_seconds
        self._retry_seconds = retry_seconds
        self._rooms = {EVERYWHERE}
        self.channel = ""
        self._opening = asyncio.Lock()
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._turns = Turns()

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`; call `missed` after an interruption."""
        self._take = take
        self._missed = missed

    async def subscribe(self, room: str) -> None:
        """Hear of a room."""
        async with _reaching():
            async with self._opening:
                if not self.channel:
                    await self._open()
            await self._layer.group_add(group_of(room), self.channel)
        self._rooms.add(room)

    async def unsubscribe(self, room: str) -> None:
        """Hear no more of it."""
        self._rooms.discard(room)
        async with _reaching():
            await self._layer.group_discard(group_of(room), self.channel)

    async def send(self, room: str, event: Event) -> None:
        """Tell every process that hears of a room, this one too."""
        message = {"type": _EVENT, "room": room, "event": event.model_dump()}
        async with _reaching():
            await self._layer.group_send(group_of(room), message)

    async def close(self) -> None:
        """Hear nothing more."""
        await end_tasks(*self._tasks)

    async def _open(self) -> None:
        channel = await self._layer.new_channel()
        await self._layer.group_add(group_of(EVERYWHERE), channel)
        self.channel = channel
        work = (self._listen(), self._renew(), self._say())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def _listen(self) -> None:
        while True:
            try:
                async with _reaching(None):
                    message = await self._layer.receive(self.channel)
            except UnavailableError:
                await asyncio.sleep(self._retry_seconds)
                self._missed()
                continue
            # Receiving alone does not suspend while more is queued.
            await self._turns.take()
            try:
                self._hear(message)
            except Exception:
                logger.exception("What came over the channel layer is no event of this release")

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == _SAY:
            self._asked.put_nowait(message)
        elif message["type"] == _EVENT:
            self._take(message["room"], events.validate_python(message["event"]))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            with suppress(UnavailableError):
                for room in list(self._rooms):
                    async with _reaching():
                        await self._layer.group_add(group_of(room), self.channel)

    async def _say(self) -> None:
        while True:
            message = await self._asked.get()
            try:
                asked = _Asked.model_validate(message)
                await self.publish(asked.room, asked.body, asked.sender, asked.id)
            except (ValidationError, RoomsError) as error:
                logger.warning("What was sent to the group is not said: %s", error)
            except Exception:
                logger.exception("What was sent to the group is not said")


@asynccontextmanager
async def _reaching(seconds: float | None = _TIMEOUT_SECONDS) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        metrics.REDIS_ERRORS.inc()
        logger.warning("The channel layer fails: %r", error)
        raise UnavailableError from error
