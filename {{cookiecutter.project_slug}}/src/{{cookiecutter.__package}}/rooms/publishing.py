"""What trusted code sends to rooms and users without being in a room."""

from .backends.interfaces import Backend, RoomStore
from .clock import Clock
from .config import ServiceConfig
from .errors import MessageTooLargeError
from .protocol import frames
from .protocol.closes import Close, CloseRow
from .protocol.events import Direct, Ephemeral, Removed
from .registry import RoomRegistry
from .tuning import DEFAULT, Tuning


class Publishing(RoomRegistry):
    """Sends frames that are not kept, and closes users' connections, in all processes.

    Each method raises `RoomNotFoundError` if there is no such room, and `UnavailableError` if the
    other processes can't be reached.
    """

    def __init__(
        self,
        config: ServiceConfig,
        store: RoomStore,
        backend: Backend,
        clock: Clock | None = None,
        tuning: Tuning = DEFAULT,
    ) -> None:
        super().__init__(config, store, clock, tuning)
        self.backend = backend

    async def broadcast(self, room: str, frame: frames.Frame) -> None:
        """Send a frame to everyone who is in a room now; it is not kept.

        Use it for what is soon out of date, such as who is typing.

        Raises:
            MessageTooLargeError: the frame has more than MAX_MESSAGE_BYTES.
        """
        await self.backend.bus.send(room, Ephemeral(text=await self._checked(room, frame)))

    async def send_to_user(self, room: str, user: str, frame: frames.Frame) -> bool:
        """Send a frame to all connections of a user in a room; return whether the user is there.

        Raises:
            MessageTooLargeError: the frame has more than MAX_MESSAGE_BYTES.
        """
        event = Direct(user=user, text=await self._checked(room, frame))
        # Ask first: a user who joins in between gets the frame although the answer is no.
        is_there = await self.backend.presence.has(room, user)
        await self.backend.bus.send(room, event)
        return is_there

    async def close_user(self, room: str, user: str, row: CloseRow) -> None:
        """Close all connections of a user in a room with a row of the close table."""
        await self.existing_room(room)
        await self.backend.bus.send(room, Removed(user=user, close=row.name))

    async def remove_user(self, room: str, user: str) -> None:
        """Take a user out of a room, and close all connections of that user with *removed*."""
        found = await self.existing_room(room)
        went = await self.backend.presence.remove(room, user)
        # Even if nobody was removed: a connection may be joining.
        await self.close_user(room, user, Close.REMOVED)
        if went and found.presence:
            await self.backend.bus.send(room, went)

    def check_size(self, frame: frames.Frame) -> str:
        """Encode a frame.

        Raises:
            MessageTooLargeError: it has more than MAX_MESSAGE_BYTES.
        """
        encoded = frames.encode(frame)
        if encoded.size > self.config.max_message_bytes:
            raise MessageTooLargeError(encoded.size, self.config.max_message_bytes)
        return encoded.text

    async def _checked(self, room: str, frame: frames.Frame) -> str:
        """Encode a frame for a room that exists, unless the frame is too large."""
        text = self.check_size(frame)
        await self.existing_room(room)
        return text
