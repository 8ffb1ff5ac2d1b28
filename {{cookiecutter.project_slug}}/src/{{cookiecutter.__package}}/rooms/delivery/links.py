"""What all streams of a process share."""

import logging
import time
from collections.abc import Awaitable, Callable

from .. import metrics
from ..backends.interfaces import Backend
from ..connections.connection import Connection
from ..errors import UnavailableError
from ..protocol.closes import CloseRow
from ..protocol.events import Event
from ..tuning import Tuning
from .departures import Departures

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 60.0


class Links:
    """Reaches the backend for the streams of a process, and reports what fails for one of them.

    `end` closes a connection. `max_bytes` is the most that is held for a connection.
    """

    def __init__(
        self,
        backend: Backend,
        end: Callable[[Connection, CloseRow], None],
        max_bytes: int,
        tuning: Tuning,
    ) -> None:
        self.log, self.presence, self.bus = backend.log, backend.presence, backend.bus
        self.end = end
        self.max_bytes = max_bytes
        self.tuning = tuning
        self.departures = Departures(self.presence, self.send)
        self._quiet_until: dict[str, float] = {}

    async def send(self, room: str, event: Event) -> None:
        """Tell all processes, as far as they can be reached: the rest is found by a check."""
        try:
            await self.bus.send(room, event)
        except UnavailableError:
            logger.warning("The other processes could not be told of %r", event.kind)

    async def attempt(self, kind: str, room: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do what may fail for one room alone; count and log the failure, and return False then.

        A kind of failure is logged once a minute at most. `room` is empty for what concerns all.
        """
        try:
            await work()
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends here)
            metrics.CHECK_FAILURES.labels(kind).inc()
            now = time.monotonic()
            if now >= self._quiet_until.get(kind, now):
                self._quiet_until[kind] = now + _QUIET_SECONDS
                self._log(kind, room, error)
            return False
        return True

    def _log(self, kind: str, room: str, error: Exception) -> None:
        rooms = f"The room {room!r}" if room else "The rooms"
        if isinstance(error, UnavailableError):
            logger.warning("%s cannot be kept in step (%s): %r", rooms, kind, error.__cause__)
        else:
            logger.error("%s cannot be kept in step (%s)", rooms, kind, exc_info=error)
