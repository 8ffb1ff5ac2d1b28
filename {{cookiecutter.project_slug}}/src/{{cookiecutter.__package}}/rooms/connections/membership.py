"""One client's place in one room."""

import asyncio
from collections.abc import Coroutine


class Membership:
    """What belongs to being in a room, rather than to the socket.

    `announced` says whether the others are told of this user.
    """

    __slots__ = ("_leaving", "announced", "room", "user")

    def __init__(self, room: str) -> None:
        self.room = room
        self.user = ""
        self.announced = False
        self._leaving: asyncio.Task[None] | None = None

    def admit(self, user: str, *, announced: bool) -> None:
        """Set who the client is in the room."""
        self.user = user
        self.announced = announced

    def leave(self, leaving: Coroutine[None, None, None]) -> None:
        """Leave the room in the background; `left` waits for it."""
        self._leaving = asyncio.create_task(leaving)

    async def left(self) -> None:
        """Wait until the room is left, if that has begun."""
        if self._leaving:
            await asyncio.wait([self._leaving])
