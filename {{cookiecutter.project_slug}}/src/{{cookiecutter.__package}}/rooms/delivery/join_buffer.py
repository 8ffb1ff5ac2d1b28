"""What a connection is held back from while it is told what came before."""

from ..connections.connection import Connection
from ..protocol.frames import Encoded
from ..protocol.positions import Position


class JoinBuffer:
    """Live messages for a connection, no more bytes of them than its outbox leaves of a limit."""

    def __init__(self, connection: Connection, max_bytes: int) -> None:
        self.bytes = 0
        self.messages: list[tuple[Position, Encoded]] = []
        self.overflowed = False
        self._connection = connection
        self._max_bytes = max_bytes

    def put(self, position: Position, frame: Encoded) -> None:
        """Keep a message, or none at all once they are too many: the log has them."""
        self.make_room(frame.size)
        if not self.overflowed:
            self.messages.append((position, frame))
            self.bytes += frame.size

    def make_room(self, size: int) -> None:
        """Give the messages up, if so many bytes more would be too many with them."""
        if self._connection.waiting_bytes + self.bytes + size > self._max_bytes:
            self.overflowed = True
            self.messages.clear()
            self.bytes = 0
