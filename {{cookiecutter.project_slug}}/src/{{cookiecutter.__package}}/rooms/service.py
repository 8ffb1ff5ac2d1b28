"""What a service is made of, and how its parts are started and stopped."""

import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .auth.identities import Authenticator
from .backends.interfaces import Room
from .handler import RoomHandler, in_order
from .protocol.closes import Close, CloseRow
from .protocol.own import Declared, sent_frames
from .tasks import RunContext

logger = logging.getLogger(__name__)

_Part = TypeVar("_Part")


class Resource(Protocol):
    """What handlers, authenticators and HTTP calls share, such as a pool of connections."""

    async def start(self) -> None:
        """Prepare it; an error ends the start of the service."""

    async def stop(self) -> None:
        """Release it."""


@dataclass(frozen=True)
class Service:
    """What a service is made of.

    The first of the `handlers` whose `rooms` fit a name is that room's. One without `rooms` is for
    the rooms that are created; if there is none, everybody may enter those and say everything. The
    first of the `authenticators` that knows a client counts; None for those that come with the
    service. The `resources` are started first, in this order, then the handlers; they are stopped
    in the reverse order.
    """

    handlers: Sequence[RoomHandler[Any, Any]] = ()
    authenticators: Sequence[Authenticator] | None = None
    resources: Sequence[Resource] = ()

    @property
    def rows(self) -> dict[str, CloseRow]:
        """Every row of the close tables, by its name."""
        own = (handler.closes for handler in self.handlers if handler.closes)
        tables: list[type[CloseRow]] = [Close, *own]
        return {row.name: row for table in tables for row in table}

    def room(self, name: str) -> Room | None:
        """Describe a room that needs no making, as its name fits a pattern; None if none fits."""
        for handler in self.handlers:
            if handler.patterns and handler.takes(name):
                return Room(name, handler.capacity, handler.presence, keep=handler.keep)
        return None

    def keep(self, name: str) -> float | None:
        """How long the log of an empty and silent room is kept, in seconds; None by default."""
        room = self.room(name)
        return room.keep if room else None

    def declared(self, package: str) -> Declared:
        """Collect what the handlers add to the protocol, and the frames to clients in a package.

        Raises:
            TypeError: two frames to clients have the same type.
        """
        received = {frame: None for handler in self.handlers for frame in handler.frames}
        tables = {handler.closes: None for handler in self.handlers if handler.closes}
        return Declared(
            list(received),
            sent_frames(package),
            [row for one in tables for row in one],
            [(type(one).__name__, one.bodies) for one in in_order(self.handlers)],
        )


class Parts:
    """Starts and stops the parts of a service; `run` goes around each call."""

    def __init__(self, parts: Sequence[Resource], run: RunContext) -> None:
        self._parts = parts
        self._run = run
        self._started = AsyncExitStack()

    async def start(self) -> None:
        """Start all in order. If one fails, those before it are stopped again, and it raises."""
        async with AsyncExitStack() as stack:
            for part in self._parts:
                async with self._run():
                    await part.start()
                stack.push_async_callback(self._stop, part)
            self._started = stack.pop_all()

    async def stop(self) -> None:
        """Stop all that was started, in the reverse order; an error is logged."""
        await self._started.aclose()

    def find(self, kind: type[_Part]) -> _Part:
        """Find the part of this class.

        Raises:
            LookupError: there is none.
        """
        for part in self._parts:
            if isinstance(part, kind):
                return part
        raise LookupError(f"make_service makes no {kind.__name__}")

    async def _stop(self, part: Resource) -> None:
        try:
            async with self._run():
                await part.stop()
        except Exception:
            logger.exception("%s failed to stop", type(part).__name__)
