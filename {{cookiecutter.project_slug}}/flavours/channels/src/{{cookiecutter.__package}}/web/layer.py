"""What other Django code publishes through: the channel layer, as `CHANNEL_LAYERS` has it."""

import asyncio
import logging
from collections import deque
from contextvars import Context
from typing import Any
from uuid import uuid4

from django.utils.module_loading import import_string
from pydantic import ConfigDict, JsonValue, ValidationError

from ..rooms.errors import RoomsError
from ..rooms.manager import ConnectionManager
from ..rooms.names import SERVICE_USER, RoomName
from ..rooms.protocol.frames import MessageId
from .schemas import NewMessage
from .sync import find_manager

logger = logging.getLogger(__name__)

_SAY = "room.say"
# As many as a channel holds in Channels.
_MOST_WAITING = 100


def group_of(room: str) -> str:
    """Name the group of a room, for `group_send`."""
    return f"room.{room}"


def say(room: str, body: JsonValue, sender: str = SERVICE_USER) -> dict[str, Any]:
    """Make a message that `group_send` may send to the group of a room, from any Django code.

    The process that sends it publishes it, whoever is in the room. One that serves does so in the
    background: a failure is logged, and so is what is dropped as too much waits for the room.
    """
    return {"type": _SAY, "room": room, "body": body, "from": sender, "id": uuid4().hex}


class _Asked(NewMessage):
    # Its `type` is the layer's; and another release may send more.
    model_config = ConfigDict(extra="ignore")

    room: RoomName
    id: MessageId


class RoomLayer:
    """A channel layer that publishes what `say` makes, and leaves the rest to another layer.

    `behind` names that layer's class, which gets the other options.
    """

    def __init__(self, behind: str, **options: Any) -> None:
        self._behind = import_string(behind)(**options)
        self._waiting: dict[str, deque[_Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __getattr__(self, name: str) -> object:
        """Do as the layer behind does."""
        return getattr(self._behind, name)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish a message of `say`, or send another one to the group."""
        if message.get("type") != _SAY:
            await self._behind.group_send(group, message)
            return
        try:
            asked = _Asked.model_validate(message)
            manager = find_manager()
        except (ValidationError, RoomsError) as error:
            logger.warning("What was sent to the group is not said: %s", error)
        else:
            work = self._take(manager, asked)
            if manager.loop is asyncio.get_running_loop():
                await work
            else:
                there = asyncio.run_coroutine_threadsafe(work, manager.loop)
                await asyncio.wrap_future(there)

    async def _take(self, manager: ConnectionManager, asked: _Asked) -> None:
        """Publish a message behind those that wait for its room; wait for it if this may end."""
        room = asked.room
        if not manager.serving:
            await _publish(manager, asked)
        elif room not in self._waiting:
            self._waiting[room] = deque([asked])
            # In a context of its own: that of a request ends with it.
            task = asyncio.create_task(self._work(manager, room), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(self._waiting[room]) < _MOST_WAITING:
            self._waiting[room].append(asked)
        else:
            logger.warning("Too much waits for the room %r: a message is not said", room)

    async def _work(self, manager: ConnectionManager, room: str) -> None:
        waiting = self._waiting[room]
        try:
            while waiting:
                await _publish(manager, waiting.popleft())
        finally:
            del self._waiting[room]


async def _publish(manager: ConnectionManager, asked: _Asked) -> None:
    try:
        await manager.publish(asked.room, asked.body, user=asked.sender, id=asked.id)
    except RoomsError as error:
        logger.warning("What was sent to the group is not said: %s", error)
    except Exception:
        logger.exception("What was sent to the group is not said")
