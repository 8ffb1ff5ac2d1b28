"""Who a client is, and who vouches for that."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ..backends.interfaces import Room
from ..clock import Clock
from ..names import guest_name
from ..protocol.closes import Close, CloseConnection
from .handshake import Handshake


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is, and what it may do.

    `rooms` are those that it opens by name; None for every room without a password. `expires` and
    `issued` are in seconds since the epoch. Ending `session` ends the client's connections. When
    `account` is said to have changed, its authenticator is asked at once whether this still holds.
    `proof` is what its authenticator needs in `still_holds`; nobody else is told of it.
    """

    user: str
    guest: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    expires: float | None = None
    issued: float | None = None
    may_publish: bool = True
    rooms: Collection[str] | None = None
    session: str | None = None
    account: str | None = None
    proof: Any = field(default=None, repr=False, compare=False)

    def opens(self, room: Room) -> bool:
        """Whether the client may enter a room."""
        return not room.locked if self.rooms is None else room.name in self.rooms

    def check(self, room: Room, now: float) -> None:
        """Make sure that the client may be in a room now.

        Raises:
            CloseConnection: with TOKEN_REQUIRED, WRONG_ROOM or TOKEN_EXPIRED.
        """
        if not self.opens(room):
            no_token = self.rooms is None
            raise CloseConnection(Close.TOKEN_REQUIRED if no_token else Close.WRONG_ROOM)
        if self.expires is not None and self.expires <= now:
            raise CloseConnection(Close.TOKEN_EXPIRED)


class Authenticator(Protocol):
    """Finds out who clients are, by one kind of credentials."""

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify a client; return None if its handshake bears nothing of this kind.

        Raises:
            CloseConnection: what it bears is no good.
        """

    async def refresh(self, token: str, room: str) -> Identity | None:
        """Identify a connected client by a new token; return None if this kind has no tokens.

        Raises:
            CloseConnection: the token is no good.
        """
        return None

    async def still_holds(self, identities: Sequence[Identity]) -> Sequence[bool]:
        """Tell of each identity that this authenticator gave whether it still holds.

        It is asked about once a minute for all connections of the process, and at once for those
        of an account that changed; those whose identity does not hold are closed with REMOVED. If
        it fails, they stay until the next time.
        """
        return [True] * len(identities)


class Guests(Authenticator):
    """Gives a generated name to a client without a token, if guests are allowed."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify a guest."""
        if handshake.token is not None or not self._allowed:
            return None
        return Identity(guest_name(), guest=True)


class RefreshError(Exception):
    """The new token doesn't replace the old one; `str(error)` is for the client."""


class Admission(NamedTuple):
    """What let a client into a room, and who can renew it."""

    identity: Identity
    room: Room
    authenticator: Authenticator

    async def refreshed(self, token: str, clock: Clock) -> "Admission":
        """Return the admission that a new token gives to the same user.

        Raises:
            CloseConnection: the token is no good, or doesn't open this room.
            RefreshError: the token is for another user, or the client didn't come by a token.
        """
        identity = await self.authenticator.refresh(token, self.room.name)
        if identity is None:
            raise RefreshError("This connection has no token to refresh")
        identity.check(self.room, clock.time())
        if identity.user != self.identity.user:
            raise RefreshError("Token is for another user")
        return self._replace(identity=identity)


async def identify(
    room: Room, handshake: Handshake, authenticators: Sequence[Authenticator], clock: Clock
) -> Admission:
    """Admit a client to a room, by the first authenticator that knows it.

    Raises:
        CloseConnection: its token is no good, or the room needs one.
    """
    if handshake.unusable_token:
        raise CloseConnection(Close.TOKEN_INVALID)
    for authenticator in authenticators:
        identity = await authenticator.authenticate(handshake, room.name)
        if identity is not None:
            identity.check(room, clock.time())
            return Admission(identity, room, authenticator)
    # A token that nobody knows is never taken as absent.
    no_token = handshake.token is None
    raise CloseConnection(Close.TOKEN_REQUIRED if no_token else Close.TOKEN_INVALID)
