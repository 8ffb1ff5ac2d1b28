"""What the manager needs from an engine: where rooms, positions and members are kept."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Room:
    """What a room is; `capacity` in members, None for the service's default."""

    name: str
    capacity: int | None = None
    presence: bool = True
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message before it has a position; `at` is RFC 3339 in UTC."""

    sender: str
    body: JsonValue
    at: str
    id: str | None = None


class RoomStore(Protocol):
    """Which rooms there are."""

    async def create(self, room: Room, password: str | None) -> None:
        """Keep a new room.

        Raises:
            NameTakenError: there is one of this name.
        """

    async def get(self, name: str) -> Room | None:
        """Find a room; any text may be asked for."""

    async def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""

    async def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password; without blocking the event loop."""


class Log(Protocol):
    """What was said in each room, in order.

    Positions are opaque text; within a room they only grow, also as text.
    """

    async def append(self, room: str, utterance: Utterance) -> str | None:
        """Give a message its position; None if this user said this `id` before."""

    async def newest(self, room: str) -> str:
        """The position of the newest message, or the one before the first."""

    async def delete(self, room: str) -> None:
        """Forget all that was said in a room."""


class Presence(Protocol):
    """Who is in each room. A user with several connections is one member."""

    async def join(self, room: str, user: str, connection: str, capacity: int) -> bool:
        """Let a connection in; True if it is the user's first.

        Raises:
            ClosedError: a new member would be more than `capacity`.
        """

    async def leave(self, room: str, user: str, connection: str) -> bool:
        """Let a connection out; True if it was the user's last."""

    async def members(self, room: str) -> list[str]:
        """Name the members, sorted."""

    async def rooms(self) -> list[str]:
        """Name the rooms that have members."""
