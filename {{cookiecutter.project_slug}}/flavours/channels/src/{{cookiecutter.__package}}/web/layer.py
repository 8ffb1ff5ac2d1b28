"""What other Django code publishes through: the channel layer, as `CHANNEL_LAYERS` has it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from channels.layers import BaseChannelLayer
from pydantic import JsonValue, ValidationError

from ..rooms import metrics
from ..rooms.backends.interfaces import Bus
from ..rooms.errors import RoomsError, UnavailableError
from ..rooms.names import SERVICE_USER, RoomName
from ..rooms.protocol.events import Event
from ..rooms.protocol.frames import MessageId
from ..rooms.tasks import Turns, end_tasks
from .schemas import NewMessage

logger = logging.getLogger(__name__)

_SAY = "room.say"
# What hangs for so long is taken for gone.
_TIMEOUT_SECONDS = 2.0

Publish = Callable[[str, JsonValue, str, str | None], Awaitable[object]]


def group_of(room: str) -> str:
    """Name the group that a room's processes are in."""
    return f"room.{room}"


def say(room: str, body: JsonValue, sender: str = SERVICE_USER) -> dict[str, Any]:
    """Make a message that `group_send` may send to the group of a room, from any Django code.

    Each process with members of the room publishes it. They share its `id`, so the room's members
    get it once.
    """
    return {"type": _SAY, "room": room, "body": body, "from": sender, "id": uuid4().hex}


class _Asked(NewMessage):
    room: RoomName
    id: MessageId


class LayerDoor:
    """A bus whose subscriptions also join the room's group; see `Bus`.

    `publish` is called for what `say` makes. A layer that fails does not harm the bus. Groups are
    joined again every `renew_seconds`: after a failure, and as some layers end them after a day.
    """

    publish: Publish

    def __init__(
        self,
        bus: Bus,
        layer: BaseChannelLayer,
        *,
        renew_seconds: float = 10.0,
        retry_seconds: float = 0.1,
    ) -> None:
        self.bus = bus
        self._layer = layer
        self._renew_seconds = renew_seconds
        self._retry_seconds = retry_seconds
        self._rooms: set[str] = set()
        self.channel = ""
        self._opening = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._turns = Turns()

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand the bus's events to `take`."""
        self.bus.listen(take, missed)

    async def subscribe(self, room: str) -> None:
        """Receive a room's events, and what is sent to its group."""
        await self.bus.subscribe(room)
        self._rooms.add(room)
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._renew()))
        with suppress(UnavailableError):
            await self._join(room)

    async def unsubscribe(self, room: str) -> None:
        """Stop receiving a room's events, and what is sent to its group."""
        self._rooms.discard(room)
        await self.bus.unsubscribe(room)
        # Unless somebody has come in the meantime.
        if room not in self._rooms:
            with suppress(UnavailableError):
                async with _reaching():
                    await self._layer.group_discard(group_of(room), self.channel)

    def report_gap(self, room: str) -> None:
        """Report a gap to the bus."""
        self.bus.report_gap(room)

    async def send(self, room: str, event: Event) -> None:
        """Send an event on the bus."""
        await self.bus.send(room, event)

    async def close(self) -> None:
        """Leave the layer and close the bus."""
        await end_tasks(*self._tasks)
        await self.bus.close()

    async def _join(self, room: str) -> None:
        async with _reaching():
            async with self._opening:
                if not self.channel:
                    self.channel = await self._layer.new_channel()
                    self._tasks.append(asyncio.create_task(self._receive()))
            await self._layer.group_add(group_of(room), self.channel)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            with suppress(UnavailableError):
                for room in list(self._rooms):
                    await self._join(room)

    async def _receive(self) -> None:
        while True:
            # Receiving alone does not suspend while more is queued.
            await self._turns.take()
            try:
                async with _reaching(None):
                    message = await self._layer.receive(self.channel)
            except UnavailableError:
                await asyncio.sleep(self._retry_seconds)
            else:
                await self._say(message)

    async def _say(self, message: dict[str, Any]) -> None:
        if message.get("type") != _SAY:
            return
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
