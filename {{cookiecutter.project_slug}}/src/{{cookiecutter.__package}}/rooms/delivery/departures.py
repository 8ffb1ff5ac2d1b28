"""How connections leave their rooms: a few at a time, and again if that failed."""

from collections.abc import Awaitable, Callable

from ..backends.interfaces import Presence
from ..connections.connection import Connection
from ..errors import UnavailableError
from ..protocol.events import Event
from ..tasks import Turns


class Departures:
    """Takes connections out of their rooms, and has the others told by `send`."""

    def __init__(self, presence: Presence, send: Callable[[str, Event], Awaitable[None]]) -> None:
        self._presence = presence
        self._send = send
        self._pending: set[Connection] = set()
        self._turns = Turns()

    async def leave(self, connection: Connection) -> bool:
        """Take a connection out of its room in its turn; a later check retries if that fails.

        Returns:
            Whether it was its user's last connection.
        """
        await self._turns.take()
        try:
            went = await self._presence.leave(connection.room, connection.id)
        except UnavailableError:
            self._pending.add(connection)
            return False
        if went and connection.membership.announced:
            await self._send(connection.room, went)
        return went is not None

    def leave_later(self, connection: Connection) -> None:
        """Take a connection out of its room with the next check."""
        self._pending.add(connection)

    async def retry(self) -> None:
        """Take those out whose leaving failed."""
        for connection in list(self._pending):
            self._pending.discard(connection)
            await self.leave(connection)
