"""What a handler sees: a client, its wish to come in, and a message that is to be said."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from pydantic import BaseModel, JsonValue
from typing_extensions import TypeVar

from .auth.identities import Identity
from .connections.connection import Connection
from .errors import Refused
from .names import SERVICE_USER
from .protocol import frames
from .protocol.closes import CloseRow
from .protocol.own import ToClient, check_to_client
from .tasks import Spawner

State = TypeVar("State", default=None)
Body = TypeVar("Body", default=JsonValue)


@dataclass(frozen=True)
class JoinRequest:
    """A client that wants to come in, or that has a new token.

    `query` has the first value of each parameter, `headers` have lower-case names, `address` is
    empty where the server has none.
    """

    identity: Identity
    room: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str

    @property
    def user(self) -> str:
        """Who the client is."""
        return self.identity.user

    @property
    def claims(self) -> Mapping[str, Any]:
        """What its token says, or what its authenticator told of it."""
        return self.identity.claims


@dataclass(frozen=True)
class Publication(Generic[Body]):
    """A message that is to be said, or, with a `position`, that was.

    `user` is in whose name it is said, `id` the sender's, or one that is not on the wire where the
    sender gave none. A caller that is not a client is `trusted`.
    """

    room: str
    user: str
    body: Body
    id: str
    trusted: bool
    position: str | None = None

    @property
    def for_user(self) -> bool:
        """Whether a trusted caller speaks in the name of a user, not in its own."""
        return self.trusted and self.user != SERVICE_USER


class Rooms(Protocol):
    """What a client needs of the manager."""

    def answer(self, connection: Connection, frame: frames.Frame) -> None:
        """Send a frame to one connection."""

    def end(self, connection: Connection, close: CloseRow | None) -> None:
        """Close a connection."""

    async def broadcast_from(
        self, connection: Connection, frame: frames.Frame, *, to_self: bool
    ) -> None:
        """Send a frame to those who are in a client's room."""

    async def publish_from(
        self, connection: Connection, body: JsonValue, message_id: str | None
    ) -> str:
        """Say something to a room."""


class Client(Generic[State]):
    """One connection of a user to a room, as handlers see it.

    After the connection has ended, `send` does nothing. What a handler tells that still runs when
    its client is cut off, by a removal for example, is not said.
    """

    state: State

    def __init__(
        self, connection: Connection, request: JoinRequest, rooms: Rooms, spawner: Spawner
    ) -> None:
        self.request = request
        self.entered = False
        self._gone = False
        self._connection = connection
        self._rooms = rooms
        self._tasks = spawner

    @property
    def id(self) -> str:
        """This connection's name; a user may have several."""
        return self._connection.id

    @property
    def user(self) -> str:
        """Who the client is."""
        return self.request.user

    @property
    def room(self) -> str:
        """The room that the client is in."""
        return self.request.room

    @property
    def claims(self) -> Mapping[str, Any]:
        """What its newest token says, or what its authenticator told of it."""
        return self.request.claims

    async def send(self, frame: ToClient) -> None:
        """Send a frame to this connection alone."""
        check_to_client(frame)
        if not self._connection.ending:
            self._rooms.answer(self._connection, frame)

    async def broadcast(self, frame: ToClient, *, to_self: bool = False) -> None:
        """Send a frame to all who are in the room now; it is not kept.

        This connection gets it only with `to_self`.
        """
        check_to_client(frame)
        if not self.is_cut_off:
            await self._rooms.broadcast_from(self._connection, frame, to_self=to_self)

    async def publish(
        self,
        body: JsonValue | BaseModel,
        id: str | None = None,  # noqa: A002 (the wire's word)
    ) -> str | None:
        """Say something to the room in this user's name; its position.

        Returns:
            None if the client was cut off in the meantime, so that it was not said.
        """
        if self.is_cut_off:
            return None
        try:
            return await self._rooms.publish_from(self._connection, frames.as_json(body), id)
        except Refused:
            if self.is_cut_off:
                return None
            raise

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until this connection ends; from a handler, once its answer is sent."""
        task = self._tasks.spawn(work)
        if self._gone:
            task.cancel()
        return task

    def close(self, close: CloseRow) -> None:
        """End this connection with a row of the service's table, or of yours."""
        self._rooms.end(self._connection, close)

    # What follows is for the service, not for handlers.

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing may be said for it, as it was removed for example."""
        return self._connection.ending and not self._gone

    def renew(self, request: JoinRequest, state: State) -> None:
        """Replace what let the client in."""
        self.request, self.state = request, state

    def enter(self) -> None:
        """Note that the client is in the room."""
        self.entered = True

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let nothing that is spawned begin before the answer is sent."""
        self._tasks.hold()
        try:
            yield
        finally:
            self._tasks.release()

    async def leave(self) -> None:
        """End what was spawned; what is told from now on is told for a client that is gone."""
        self._gone = True
        await self._tasks.end()
