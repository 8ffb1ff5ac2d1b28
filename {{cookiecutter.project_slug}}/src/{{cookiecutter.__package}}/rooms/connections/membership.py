"""One client's place in one room."""

import asyncio
from collections.abc import Coroutine


class Membership:
    """What belongs to being in a room, rather than to the socket.

    `announced` says whether the others are told of this user.
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.user = ""
        self.announced = False
        self._leaving: asyncio.Task[bool] | None = None

    def admit(self, user: str, *, announced: bool) -> None:
        """Set who the client is in the room."""
        self.user = user
        self.announced = announced

    def leave(self, leaving: Coroutine[None, None, bool]) -> None:
        """Leave the room in the background; `left` waits for it."""
        self._leaving = asyncio.create_task(leaving)

    async def left(self) -> bool:
        """Wait until the room is left, if that has begun; whether the user's last one left."""
        if self._leaving is None:
            return False
        await asyncio.wait([self._leaving])
        return not self._leaving.cancelled() and self._leaving.result()
