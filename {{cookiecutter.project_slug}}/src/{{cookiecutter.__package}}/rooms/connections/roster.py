"""Which connections this process has, room by room."""

from .. import metrics
from .connection import Connection, State


class Roster:
    """The connections of one process."""

    def __init__(self) -> None:
        self._rooms: dict[str, set[Connection]] = {}

    def add(self, connection: Connection) -> None:
        """Enter a connection under its room."""
        self._rooms.setdefault(connection.room, set()).add(connection)
        metrics.CONNECTIONS.inc()

    def remove(self, connection: Connection) -> None:
        """Remove a connection that was added."""
        members = self._rooms[connection.room]
        members.remove(connection)
        metrics.CONNECTIONS.dec()
        if not members:
            del self._rooms[connection.room]

    def members(self, room: str) -> list[Connection]:
        """List the connections of a room."""
        return list(self._rooms.get(room, ()))

    def everyone(self) -> list[Connection]:
        """List all connections."""
        return [connection for members in self._rooms.values() for connection in members]

    def admitted(self) -> list[Connection]:
        """List those of which it is known who they are, and that are not ending."""
        return [one for one in self.everyone() if State.JOINING <= one.state < State.CLOSING]

    def measure(self) -> None:
        """Add up what waits for all; at each delivery that would take too long."""
        metrics.OUTBOX_BYTES.set(sum(one.waiting_bytes for one in self.everyone()))
