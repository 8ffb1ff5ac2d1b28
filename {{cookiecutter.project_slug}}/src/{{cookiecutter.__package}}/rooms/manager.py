"""The connection manager: the one thing that adapters hold and tests replace."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import assert_never

from pydantic import JsonValue, ValidationError

from ..config import Config
from . import frames
from .access import identify
from .clock import Clock, SystemClock
from .closes import Advice, Close, ClosedError
from .connection import Connection
from .drain import Returns, tell_all
from .engine import Log, Presence, Room, RoomStore, Utterance
from .errors import NameTakenError, RoomNotFoundError, WrongPasswordError
from .memory import MemoryLog, MemoryPresence
from .names import is_room_name
from .outbox import CloseSocket, Send
from .roster import Roster
from .tokens import Tokens

logger = logging.getLogger(__name__)

# A good hash takes about 100 MiB while it is made.
_HASHES_AT_ONCE = 4


class ConnectionManager:
    """Lets clients into rooms, passes on what they say, and ends their connections.

    Publishing never waits for a client. All methods belong to one event loop.
    """

    def __init__(
        self,
        config: Config,
        store: RoomStore,
        *,
        log: Log | None = None,
        presence: Presence | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.store = store
        self.log = log or MemoryLog(config.history)
        self.presence = presence or MemoryPresence()
        self.clock = clock or SystemClock()
        self.tokens = Tokens(config.secret_key, self.clock)
        self.draining = False
        self._roster = Roster()
        self._returns = Returns(0)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    @property
    def connection_count(self) -> int:
        """How many connections this process has, those included that are ending."""
        return len(self._roster.everyone())

    async def start(self) -> None:
        """Make sure that the rooms of the settings exist."""
        for name in self.config.rooms:
            # Another process may create it at the same time.
            with suppress(NameTakenError):
                if await self.store.get(name) is None:
                    await self.create_room(name)

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
        """
        room = Room(name, capacity, presence, locked=password is not None)
        async with self._hashing:
            await self.store.create(room, password)
        return room

    async def close_room(self, name: str) -> None:
        """Delete a room and close its members' connections.

        Raises:
            RoomNotFoundError: there is none of this name.
        """
        if not is_room_name(name) or not await self.store.delete(name):
            raise RoomNotFoundError(name)
        await self.room_deleted(name)

    async def room_deleted(self, name: str) -> None:
        """Close the connections of a room that is no longer in the store."""
        await self.log.delete(name)
        for connection in self._roster.members(name):
            self.end(connection, Close.ROOM_CLOSED)

    async def remove_user(self, room: str, user: str) -> bool:
        """Close all connections of a user in a room; False if there was none."""
        members = self._roster.members(room)
        theirs = [one for one in members if one.user == user and not one.ending]
        for connection in theirs:
            self.end(connection, Close.REMOVED)
        return bool(theirs)

    async def issue_token(
        self, room: str, user: str, ttl: int, *, password: str | None = None, trusted: bool = False
    ) -> str:
        """Sign a token that is good for `ttl` seconds; a trusted caller needs no password.

        Raises:
            RoomNotFoundError: there is none of this name.
            WrongPasswordError: the room has a password, and this is not it.
        """
        found = await self._find(room)
        if found is None:
            raise RoomNotFoundError(room)
        if found.locked and not trusted:
            async with self._hashing:
                right = await self.store.check_password(room, password or "")
            if not right:
                raise WrongPasswordError(room)
        return self.tokens.issue(user, room, ttl)

    async def connect(
        self,
        room: str,
        send: Send,
        close_socket: CloseSocket,
        *,
        token: str | None = None,
        user: str | None = None,
    ) -> Connection:
        """Let an accepted client into a room, or end its connection and tell it why.

        `user` is somebody whom a session makes known, without a token.
        """
        connection = Connection(room, send, close_socket, self.config, self.clock)
        # Known before it is let in, so that closing the room finds it at any moment.
        self._roster.add(connection)
        try:
            with self._guarded(connection):
                await self._admit(connection, token, user)
        except asyncio.CancelledError:
            self._roster.remove(connection)
            self._depart(connection)
            raise
        return connection

    async def receive(self, connection: Connection, text_or_bytes: str | bytes) -> None:
        """Act on what a client sent."""
        if connection.ending:
            return
        with self._guarded(connection):
            await self._act(connection, text_or_bytes)

    async def publish(
        self, room: str, body: JsonValue, sender: str, message_id: str | None = None
    ) -> str | None:
        """Say something to a room; its position, or None if this `id` was said before."""
        at = _rfc3339(self.clock.time())
        position = await self.log.append(room, Utterance(sender, body, at, message_id))
        if position is not None:
            said = frames.Said(position=position, sender=sender, body=body, at=at, id=message_id)
            self._tell(room, said)
        return position

    async def disconnect(self, connection: Connection) -> None:
        """Forget a client that is gone, whoever closed."""
        self._roster.remove(connection)
        self._depart(connection)
        await connection.abandon()
        if connection.leaving:
            await asyncio.wait([connection.leaving])

    def end(self, connection: Connection, close: Close) -> None:
        """Close a connection, after what waits for it; the first call counts."""
        if not connection.ending:
            connection.finish(close, self._retry_after(connection, close))
            self._depart(connection)

    async def drain(self) -> None:
        """Tell every client that this process stops; takes at most DRAIN_SECONDS."""
        self.draining = True
        everyone = self._roster.everyone()
        self._returns = Returns(len(everyone))
        if not await tell_all(everyone, self._restart, self.config.drain_seconds):
            logger.warning("Not every client could be told of the stop in time")

    def _restart(self, connection: Connection) -> None:
        self.end(connection, Close.SERVICE_RESTART)

    @contextmanager
    def _guarded(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except ClosedError as error:
            self.end(connection, error.close)
        except Exception:
            logger.exception("Connection %s failed", connection.id)
            self.end(connection, Close.INTERNAL_ERROR)

    async def _admit(self, connection: Connection, token: str | None, user: str | None) -> None:
        if self.draining:
            raise ClosedError(Close.SERVICE_RESTART)
        room = await self._find(connection.room)
        if room is None:
            raise ClosedError(Close.ROOM_NOT_FOUND)
        grant = identify(room, token, user, self.tokens, self.config)
        connection.user = grant.user
        capacity = room.capacity or self.config.room_capacity
        first = await self.presence.join(room.name, grant.user, connection.id, capacity)
        connection.joined = True
        members = await self.presence.members(room.name) if room.presence else None
        position = await self.log.newest(room.name)
        if connection.ending:
            await self._leave(connection)
            return
        connection.announced = room.presence
        if first and room.presence:
            self._tell(room.name, frames.Joined(user=grant.user))
        self._expire_at(connection, grant.expires)
        connection.opened = True
        welcome = frames.Welcome(
            room=room.name, user=grant.user, members=members, position=position, recovered=None
        )
        self._answer(connection, welcome)

    async def _act(self, connection: Connection, received: str | bytes) -> None:
        if not connection.rate.allow():
            raise ClosedError(Close.TOO_MANY_MESSAGES)
        if isinstance(received, bytes):
            raise ClosedError(Close.BINARY_FRAME)
        try:
            frame = frames.decode(received)
        except ValidationError as error:
            detail = frames.problems(error.errors(), skip=1)
            self._refuse(connection, "invalid-message", detail, frames.sent_id(received))
            return
        match frame:
            case frames.Message():
                await self.publish(connection.room, frame.body, connection.user, frame.id)
            case frames.Refresh():
                self._refresh(connection, frame.token)
            case frames.Ping():
                self._answer(connection, frames.Pong())
            case _:
                assert_never(frame)

    def _refresh(self, connection: Connection, token: str) -> None:
        try:
            grant = self.tokens.check(token, connection.room)
        except ClosedError as error:
            self._refuse(connection, "invalid-token", f"{error}")
            return
        if grant.user == connection.user:
            self._expire_at(connection, grant.expires)
        else:
            self._refuse(connection, "invalid-token", "Token is for another user")

    def _expire_at(self, connection: Connection, when: float | None) -> None:
        if connection.expiry:
            connection.expiry.cancel()
        if when is not None:
            connection.expiry = self.clock.call_at(
                when, lambda: self.end(connection, Close.TOKEN_EXPIRED)
            )

    def _refuse(
        self,
        connection: Connection,
        code: frames.ErrorCode,
        detail: str,
        message_id: str | None = None,
    ) -> None:
        self._answer(connection, frames.Error(code=code, detail=detail, id=message_id))

    def _answer(self, connection: Connection, frame: frames.Frame) -> None:
        if not connection.send(frames.encode(frame)):
            self.end(connection, Close.READS_TOO_SLOWLY)

    def _tell(self, room: str, frame: frames.Frame) -> None:
        encoded = frames.encode(frame)
        slow = [one for one in self._roster.members(room) if not one.send(encoded)]
        for connection in slow:
            self.end(connection, Close.READS_TOO_SLOWLY)

    async def _find(self, name: str) -> Room | None:
        return await self.store.get(name) if is_room_name(name) else None

    def _depart(self, connection: Connection) -> None:
        if connection.expiry:
            connection.expiry.cancel()
        if connection.joined and connection.leaving is None:
            connection.leaving = asyncio.create_task(self._leave(connection))

    async def _leave(self, connection: Connection) -> None:
        last = await self.presence.leave(connection.room, connection.user, connection.id)
        if last and connection.announced:
            self._tell(connection.room, frames.Left(user=connection.user))

    def _retry_after(self, connection: Connection, close: Close) -> float | None:
        if close is Close.TOO_MANY_MESSAGES:
            return connection.rate.retry_after
        return self._returns.delay() if close.row.advice is Advice.RETURN_AFTER_DELAY else None


def _rfc3339(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
