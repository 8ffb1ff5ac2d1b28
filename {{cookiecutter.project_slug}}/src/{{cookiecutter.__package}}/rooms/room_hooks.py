"""Calls the owner's hooks that concern a room, one after the other in each."""

import asyncio
import logging
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any

from .client import Publication
from .connections.lane import Lane
from .handler import RoomHandler
from .tasks import RunContext, Spawner, calling, logging_errors

logger = logging.getLogger(__name__)

Handler = RoomHandler[Any, Any]
# A room's work is bounded by what its members may send.
_UNBOUNDED = 1 << 62
# A `published` that publishes whatever it is told would go on without end, and hold up everybody.
_MOST_ANSWERS = 10
_answers = ContextVar("_answers", default=0)


class _RoomLife:
    """A room in this process: how many are there, and what is done for it in order."""

    def __init__(self, tasks: Spawner, context: Context) -> None:
        self.lane = Lane(_UNBOUNDED, context)
        self.tasks = tasks
        self.here = 0
        self.opened = False
        self.opening: asyncio.Future[None] | None = None


class RoomHooks:
    """How many clients each room has in this process, and what its handler is told of that."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._context = copy_context()
        self._lives: dict[str, _RoomLife] = {}
        self._tasks = self.spawner()

    def spawner(self) -> Spawner:
        """Make what runs tasks of the owner's."""
        return Spawner(self._context, self._run)

    def published(self, message: Publication[Any], handler: Handler) -> None:
        """Tell, in the room's turn, that a message is kept."""
        if "published" not in handler.hooks:
            return
        answers = _answers.get()
        if answers == _MOST_ANSWERS:
            name = handler.published.__qualname__
            logger.error("%s has answered itself %d times: it is told no more", name, answers)
            return
        tell = partial(self._tell_published, handler, message, answers + 1)
        self._life(message.room).lane.put(tell)

    def spawn(self, work: Coroutine[Any, Any, None], room: str | None) -> asyncio.Task[None]:
        """Run something until the room's last client has left this process, or until the stop."""
        life = self._lives.get(room) if room is not None else None
        return (life.tasks if life and life.here else self._tasks).spawn(work)

    async def stop(self, seconds: float) -> None:
        """Wait so long for what the rooms have to do, and end what was spawned."""
        lives = list(self._lives.values())
        try:
            async with asyncio.timeout(seconds):
                for life in lives:
                    await life.tasks.end()
                    await life.lane.finished()
        except TimeoutError:
            logger.warning("Not every room's hooks ended in time")
            await asyncio.gather(*(life.lane.cancel() for life in lives))
        await self._tasks.end()

    def _life(self, room: str) -> _RoomLife:
        if room not in self._lives:
            self._lives[room] = _RoomLife(self.spawner(), self._context)
        return self._lives[room]

    async def enter(self, room: str, handler: Handler) -> None:
        """Count a client in, once the room is opened.

        Raises:
            Exception: `opened` failed.
        """
        life = self._life(room)
        life.here += 1
        if life.opening is None:
            life.opening = asyncio.get_running_loop().create_future()
            life.lane.put(partial(self._open, life, room, handler, life.opening))
        try:
            await asyncio.shield(life.opening)
        except BaseException:
            self.leave(room, handler)
            raise

    def leave(self, room: str, handler: Handler) -> None:
        """Count a client out."""
        life = self._lives[room]
        life.here -= 1
        if not life.here:
            life.opening = None
            life.lane.put(partial(self._empty, life, room, handler))

    async def _open(
        self, life: _RoomLife, room: str, handler: Handler, opening: asyncio.Future[None]
    ) -> None:
        try:
            if "opened" in handler.hooks:
                async with calling(self._run):
                    await handler.opened(room)
        except Exception as error:  # noqa: BLE001 (those who come in end with it)
            opening.set_exception(error)
        else:
            life.opened = True
            opening.set_result(None)

    async def _empty(self, life: _RoomLife, room: str, handler: Handler) -> None:
        await life.tasks.end()
        opened, life.opened = life.opened, False
        if "emptied" in handler.hooks and opened:
            async with logging_errors(self._run, f"{handler.emptied.__qualname__} failed"):
                await handler.emptied(room)
        self._forget(room)

    async def _tell_published(
        self, handler: Handler, message: Publication[Any], answers: int
    ) -> None:
        before = _answers.set(answers)
        async with logging_errors(self._run, f"{handler.published.__qualname__} failed"):
            await handler.published(message)
        _answers.reset(before)
        self._forget(message.room)

    def _forget(self, room: str) -> None:
        life = self._lives[room]
        if not life.here and not life.lane.bytes:
            del self._lives[room]
