"""The rooms that there are, and who gets a token for one."""

import asyncio
from contextlib import suppress

from .auth.throttle import PasswordThrottle
from .auth.tokens import Tokens
from .backends.interfaces import Room, RoomStore
from .clock import Clock, SystemClock
from .config import ServiceConfig
from .errors import (
    NameTakenError,
    NeedsNoMakingError,
    ReaderTokenError,
    RoomNotFoundError,
    WrongPasswordError,
)
from .names import is_room_name
from .service import Service
from .tuning import DEFAULT, Tuning

# How long a token is good, in seconds, if nobody says.
DEFAULT_TTL = 3600
# A good hash takes about 100 MiB while it is made.
_HASHES_AT_ONCE = 4


class RoomRegistry:
    """Creates and finds rooms, and signs tokens for them.

    Raises:
        ValueError: a name in ROOMS fits a pattern.
    """

    def __init__(
        self,
        config: ServiceConfig,
        store: RoomStore,
        service: Service,
        clock: Clock | None = None,
        tuning: Tuning = DEFAULT,
    ) -> None:
        if wrong := next(filter(service.room, config.rooms), None):
            raise ValueError(f"ROOMS: got {wrong!r}, which fits a pattern and needs no making")
        self.config = config
        self.store = store
        self.service = service
        self.clock = clock or SystemClock()
        self.tokens = Tokens(config.secret_key, self.clock)
        self._guesses = PasswordThrottle(self.clock, tuning.guesses)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    async def create_room(
        self,
        name: str,
        *,
        password: str | None = None,
        capacity: int | None = None,
        presence: bool = True,
    ) -> Room:
        """Create a room; `capacity` is in members, None for the service's default.

        Raises:
            NameTakenError: there is one of this name.
            NeedsNoMakingError: its name fits a pattern.
        """
        if self.service.room(name):
            raise NeedsNoMakingError(name)
        room = Room(name, capacity, presence, locked=password is not None)
        async with self._hashing:
            await self.store.create(room, password)
        return room

    async def issue_token(  # noqa: PLR0913 (what a caller may ask for)
        self,
        room: str,
        user: str,
        ttl: int,
        *,
        address: str | None,
        password: str | None = None,
        publish: bool = True,
    ) -> str:
        """Sign a token that is good for `ttl` seconds.

        `address` is the caller's, whose guesses are limited; None is a trusted caller, who needs
        no password, and may ask for a token that is for reading only.

        Raises:
            ReaderTokenError: the caller is not trusted, and asks for that.
            RoomNotFoundError: there is none of this name.
            WrongPasswordError: the room has a password, and this is not it.
            TooManyGuessesError: too many passwords came from this address.
        """
        if not publish and address is not None:
            raise ReaderTokenError
        found = await self.existing_room(room)
        if found.locked and address is not None:
            self._guesses.count(address, room)
            async with self._hashing:
                right = await self.store.check_password(room, password or "")
            if not right:
                raise WrongPasswordError(room)
            self._guesses.forget(address, room)
        claims = {} if publish else {"publish": False}
        return self.tokens.issue(user, room, ttl, **claims)

    async def token(
        self, room: str, user: str, ttl: int = DEFAULT_TTL, *, publish: bool = True
    ) -> str:
        """Sign a token with which a user may enter a room, for `ttl` seconds.

        Raises:
            RoomNotFoundError: there is none of this name.
        """
        return await self.issue_token(room, user, ttl, address=None, publish=publish)

    async def ensure_rooms(self) -> None:
        """Make sure that the rooms of the settings exist."""
        for name in self.config.rooms:
            # Another process may create it at the same time.
            with suppress(NameTakenError):
                if await self.store.get(name) is None:
                    await self.create_room(name)

    async def find_room(self, name: str) -> Room | None:
        """Find a room; any text may be asked for."""
        return self.service.room(name) or await self.store.get(name) if is_room_name(name) else None

    async def existing_room(self, name: str) -> Room:
        """Find a room.

        Raises:
            RoomNotFoundError: there is none of this name.
        """
        room = await self.find_room(name)
        if room is None:
            raise RoomNotFoundError(name)
        return room
