"""How an accepted client comes into a room: identified, admitted, joined, welcomed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .auth.handshake import Handshake
from .auth.identities import Authenticator, identify
from .backends.interfaces import Page, Room
from .clock import Clock
from .config import ServiceConfig
from .connections.connection import Connection
from .connections.telemetry import record_join
from .delivery.keeper import StreamKeeper
from .delivery.stream import Stream
from .handling import Handling
from .history import before, latest
from .protocol import frames
from .protocol.closes import Close, CloseConnection
from .protocol.positions import Position
from .tasks import RunContext

FindRoom = Callable[[str], Awaitable[Room | None]]
Answer = Callable[[Connection, frames.Frame], None]


@dataclass(frozen=True, slots=True)
class Entrance:
    """Lets clients in, with what the manager hands in. `run` goes around the authenticators."""

    config: ServiceConfig
    clock: Clock
    authenticators: Sequence[Authenticator]
    streams: StreamKeeper
    handling: Handling
    find_room: FindRoom
    answer: Answer
    run: RunContext

    async def admit(self, connection: Connection, handshake: Handshake) -> None:
        """Let a client in.

        Raises:
            CloseConnection: it may not come in.
            UnavailableError: nobody knows.
        """
        if handshake.refusal:
            raise CloseConnection(handshake.refusal)
        room = await self.find_room(connection.room)
        if room is None:
            raise CloseConnection(Close.ROOM_NOT_FOUND)
        async with self.run():
            admission = await identify(room, handshake, self.authenticators, self.clock)
        connection.admit(admission, announced=room.presence)
        await self.handling.authorize(connection, handshake)
        if connection.ending:
            return
        stream = await self.streams.attach(room, connection)
        if connection.ending:
            self.streams.detach(connection)
            return
        connection.join()
        try:
            first = await stream.join(connection, room.capacity or self.config.room_capacity)
        finally:
            # It may have left before it had joined.
            if connection.ending:
                await self.streams.leave(connection)
        if not connection.ending:
            connection.expire_at(admission.identity.expires)
            await self._open(connection, stream, handshake, first=first)

    async def _open(
        self, connection: Connection, stream: Stream, handshake: Handshake, *, first: bool
    ) -> None:
        after = handshake.after
        position = Position.parse(after) if after else None
        stream.hold(connection)
        page = await stream.read(position)
        if connection.ending:
            return
        recovered = None if after is None else position is not None and page.follows(position)
        if position is None or not recovered:
            last = min(handshake.last, self.config.history)
            page = await stream.read(latest(page.newest, last)) if last else Page(page.newest, [])
            position = before(page)
        members = sorted(stream.members.names | {connection.user}) if stream.room.presence else None
        welcome = frames.Welcome(
            room=connection.room,
            user=connection.user,
            members=members,
            position=str(position),
            recovered=recovered,
        )
        connection.open()
        self.answer(connection, welcome)
        record_join(connection)
        await self.handling.connected(connection, first=first)
        if not connection.ending:
            await stream.follow(connection, position, page)
