"""What the manager needs of a backend: where rooms, messages and members are kept.

The log is the truth, and the bus is only a bell that rings with each append: a message that is
missed on the bus is read from the log.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..protocol.events import Entry, Event, MemberJoined, MemberLeft
from ..protocol.positions import Position

# More at once only waits longer, in memory.
PAGE_BYTES = 65_536


class Page(NamedTuple):
    """The messages that follow a position, or the first of them; and the newest position."""

    newest: Position
    entries: list[Entry]

    def follows(self, after: Position) -> bool:
        """Whether nothing is missing between `after` and this page."""
        if after.epoch != self.newest.epoch:
            return False
        if self.entries:
            return self.entries[0].offset == after.offset + 1
        return after.offset == self.newest.offset


class Appended(NamedTuple):
    """Where a message stands; `again` if it stood there before."""

    position: Position
    duplicate: bool


class PresenceSnapshot(NamedTuple):
    """Who is in a room. The version grows with every change."""

    version: int
    members: list[str]


class Heartbeat(NamedTuple):
    """What a process's heartbeat in a room found.

    `lost`: this process was taken for dead, so that its connections have to join again.
    `went`: members of dead processes, who have just been struck off.
    `removed`: those of this process's connections that were removed of late.
    """

    version: int
    lost: bool = False
    went: tuple[MemberLeft, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What a room is; `capacity` in members, None for the service's default.

    `keep` is for a room that needs no making: how many seconds its log outlives its last member
    and its last message. None for a room that was created.
    """

    name: str
    capacity: int | None = None
    presence: bool = True
    locked: bool = False
    keep: float | None = None


# How long a room's log is kept when the room is empty and silent, in seconds; None by default.
Keep = Callable[[str], float | None]


def keep_by_default(_: str) -> None:
    """Keep the log of every room for the default time; see `Keep`."""


class RoomStore(Protocol):
    """Which rooms there are."""

    async def create(self, room: Room, password: str | None) -> None:
        """Keep a new room.

        Raises:
            NameTakenError: there is one of this name.
        """

    async def get(self, name: str) -> Room | None:
        """Find a room; any text may be asked for."""

    async def existing(self, names: Collection[str]) -> set[str]:
        """Tell which of these rooms there are."""

    async def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""

    async def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password; without blocking the event loop."""


class Log(Protocol):
    """What was said in each room, in order: the last HISTORY messages.

    A log begins with its first message or its first reader.
    """

    async def append(
        self,
        room: str,
        text: str,
        idempotency_key: str | None = None,
        expected_position: Position | None = None,
    ) -> Appended:
        """Keep a message and ring the bus; do neither if its `idempotency_key` was used before.

        Raises:
            LogLostError: the log does not have `expected_position`, which it gave out before.
        """

    async def read(
        self,
        room: str,
        after: Position | None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
        *,
        follow: bool = True,
    ) -> Page:
        """Read up to `limit` messages after a position; none without a position.

        The first may be of any size, and all together have up to `max_bytes`. Who does not `follow`
        the room leaves no trace: no log begins, and none is kept for longer.
        """

    async def reset_epoch(self, room: str, expected_position: Position) -> None:
        """Give the log a new epoch if it no longer has `expected_position`."""

    async def delete(self, room: str) -> None:
        """Forget all that was said in a room."""

    async def expire(self) -> None:
        """Forget the logs whose time is over."""


class Presence(Protocol):
    """Who is in each room. A user with several connections is one member."""

    async def join(
        self, room: str, user: str, connection: str, capacity: int | None = None
    ) -> MemberJoined | None:
        """Admit a connection; return `MemberJoined` if it is the user's first.

        Raises:
            CloseConnection: a new member would be more than `capacity`.
        """

    async def leave(self, room: str, connection: str) -> MemberLeft | None:
        """Remove a connection; return `MemberLeft` if it was the user's last."""

    async def remove(self, room: str, user: str) -> MemberLeft | None:
        """Take a user's connections out; None if there were none."""

    async def members(self, room: str) -> PresenceSnapshot:
        """Name the members."""

    async def has(self, room: str, user: str) -> bool:
        """Whether a user is a member."""

    async def heartbeat(self, room: str) -> Heartbeat:
        """Tell that this process lives, and strike off the members of those that don't."""


class Bus(Protocol):
    """Carries events between the processes. It may lose some, or change their order.

    It drops and counts what it cannot read: another release may have sent it.
    """

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        """Hand each event, with its room's name, to `take`; call `missed` after an interruption."""

    async def subscribe(self, room: str) -> None:
        """Receive a room's events, from when this returns.

        Raises:
            UnavailableError: the backend can't be reached.
        """

    async def unsubscribe(self, room: str) -> None:
        """Stop receiving a room's events."""

    def report_gap(self, room: str) -> None:
        """Report that the log had messages that this bus did not deliver."""

    async def send(self, room: str, event: Event) -> None:
        """Send an event to every process that is subscribed to a room, this one included."""

    async def close(self) -> None:
        """End all subscriptions."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The three together, and what they rest on."""

    log: Log
    presence: Presence
    bus: Bus

    async def ping(self) -> None:
        """Make sure that it works.

        Raises:
            UnavailableError: it can't be reached.
        """

    async def close(self) -> None:
        """Let go of all connections."""
        await self.bus.close()
