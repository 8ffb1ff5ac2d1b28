"""Which connections this process has, room by room."""

from .connection import Connection


class Roster:
    """The connections of one process."""

    def __init__(self) -> None:
        self._rooms: dict[str, set[Connection]] = {}

    def add(self, connection: Connection) -> None:
        """Enter a connection under its room."""
        self._rooms.setdefault(connection.room, set()).add(connection)

    def remove(self, connection: Connection) -> None:
        """Strike a connection off, if it is there."""
        members = self._rooms.get(connection.room)
        if members:
            members.discard(connection)
            if not members:
                del self._rooms[connection.room]

    def members(self, room: str) -> list[Connection]:
        """List the connections of a room."""
        return list(self._rooms.get(room, ()))

    def everyone(self) -> list[Connection]:
        """List all connections."""
        return [connection for members in self._rooms.values() for connection in members]
