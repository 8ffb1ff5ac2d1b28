"""The connection manager: the one thing that adapters hold and tests replace."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pydantic import JsonValue

from .auth.handshake import Handshake
from .auth.identities import Authenticator, Guests, identify
from .backends.interfaces import Backend, Page, RoomStore
from .clock import Clock, rfc3339
from .config import ServiceConfig
from .connections.connection import Connection, State
from .connections.drain import ReconnectSchedule, tell_all
from .connections.roster import Roster
from .connections.telemetry import record_delivery, record_end, record_join, record_message
from .connections.transport import Transport
from .delivery.keeper import StreamKeeper
from .delivery.stream import Stream
from .errors import MemberNotFoundError, MessageTooLargeError, RoomNotFoundError, UnavailableError
from .history import History, before, latest, read_history
from .inbound import InboundFrames
from .names import is_room_name
from .protocol import frames
from .protocol.closes import Advice, Close, CloseConnection
from .protocol.events import EVERYWHERE, Ephemeral, Removed, RoomDeleted, SessionEnded
from .protocol.positions import Position
from .registry import RoomRegistry
from .tasks import end_tasks
from .tuning import DEFAULT, Tuning

logger = logging.getLogger(__name__)

_ANONYMOUS = Handshake()


class ConnectionManager(RoomRegistry):
    """Lets clients into rooms, passes on what they say, and ends their connections.

    Publishing never waits for a client. All methods belong to one event loop.
    """

    def __init__(  # noqa: PLR0913 (what it is made of)
        self,
        config: ServiceConfig,
        store: RoomStore,
        backend: Backend,
        *,
        authenticators: Sequence[Authenticator] | None = None,
        clock: Clock | None = None,
        tuning: Tuning = DEFAULT,
    ) -> None:
        super().__init__(config, store, clock, tuning)
        self.backend = backend
        if authenticators is None:
            authenticators = (self.tokens, Guests(allowed=config.guests))
        self._authenticators = authenticators
        self.draining = False
        self._roster = Roster()
        limit = config.outbox_bytes
        self._streams = StreamKeeper(
            backend, store, self._roster, self.end, held_bytes=limit, tuning=tuning
        )
        self._inbound = InboundFrames(self.clock, self._publish, self._answer, debug=config.debug)
        # The event loop that it belongs to, once it has started.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._returns = ReconnectSchedule(0)

    @property
    def connection_count(self) -> int:
        """How many connections this process has, those included that are ending."""
        return len(self._roster.everyone())

    async def start(self) -> None:
        """Create the rooms of the settings, and keep in step with the backend."""
        try:
            await self.ensure_rooms()
        except UnavailableError as error:
            logger.warning("The rooms cannot be reached: %s", error.__cause__)
            self._streams.missed.set()
        if self._keeper is None:
            self.loop = asyncio.get_running_loop()
            self._keeper = asyncio.create_task(self._streams.keep(self.ensure_rooms))

    async def stop(self) -> None:
        """Release the backend; call it when no connection is left."""
        self.loop = None
        if self._keeper:
            keeper, self._keeper = self._keeper, None
            await end_tasks(keeper)
        await self._streams.stop()
        await self.backend.close()

    async def ready(self) -> bool:
        """Whether this process takes clients."""
        try:
            await self.backend.ping()
        except UnavailableError:
            return False
        return not self.draining

    async def check(self) -> None:
        """Find what no other process told of: missed messages, closed rooms, dead members.

        Raises:
            UnavailableError: the backend can't be reached.
        """
        await self._streams.check()

    async def close_room(self, name: str) -> None:
        """Delete a room and close its members' connections.

        Raises:
            RoomNotFoundError: there is none of this name.
        """
        if not is_room_name(name):
            raise RoomNotFoundError(name)
        found = await self.store.delete(name)
        # Also if there was none: it may be the second try, after the first broke off here.
        await self.room_deleted(name)
        if not found:
            raise RoomNotFoundError(name)

    async def room_deleted(self, name: str) -> None:
        """Close the connections of a room that is no longer in the store.

        Raises:
            UnavailableError: its log is still there.
        """
        await self._streams.send(name, RoomDeleted())
        await self.backend.log.delete(name)

    async def remove_user(self, room: str, user: str) -> None:
        """Close all connections of a user in a room, in whatever process.

        Raises:
            RoomNotFoundError: there is no such room.
            MemberNotFoundError: the user is not in it.
        """
        found = await self.existing_room(room)
        went = await self.backend.presence.remove(room, user)
        if went is None:
            raise MemberNotFoundError(room, user)
        await self._streams.send(room, Removed(user=user))
        if found.presence:
            await self._streams.send(room, went)

    async def end_session(self, session: str) -> None:
        """Close all connections of a session, in whatever process and room."""
        await self._streams.send(EVERYWHERE, SessionEnded(session=session))

    async def connect(
        self, room: str, transport: Transport, handshake: Handshake = _ANONYMOUS
    ) -> Connection:
        """Admit an accepted client to a room, or close its connection with a reason."""
        connection = Connection(room, transport, self.config, self.clock, self.end)
        # Register before admitting, so that closing the room finds it.
        self._roster.add(connection)
        try:
            with self._guarded(connection):
                await self._admit(connection, handshake)
        except asyncio.CancelledError:
            await self.disconnect(connection)
            raise
        return connection

    async def receive(self, connection: Connection, text_or_bytes: str | bytes) -> None:
        """Act on what a client sent."""
        with self._guarded(connection):
            if not connection.ending:
                await self._inbound.act(connection, text_or_bytes)

    async def publish(
        self, room: str, body: JsonValue, sender: str, message_id: str | None = None
    ) -> str:
        """Say something to a room; its position, which is the first if this `id` was said before.

        Raises:
            RoomNotFoundError: there is no such room.
            MessageTooLargeError: it has more than MAX_MESSAGE_BYTES.
            UnavailableError: it was not said, or nobody knows. Said again with the same
                `message_id`, it is said once.
        """
        size = frames.encode(frames.Message(body=body)).size
        if size > self.config.max_message_bytes:
            raise MessageTooLargeError(size, self.config.max_message_bytes)
        await self.existing_room(room)
        return str(await self._publish(room, body, sender, message_id))

    async def members(self, room: str) -> list[str]:
        """Name the members of a room.

        Raises:
            RoomNotFoundError: there is no such room.
        """
        await self.existing_room(room)
        return sorted((await self.backend.presence.members(room)).members)

    async def messages(self, room: str, after: str | None, limit: int) -> History:
        """Read up to `limit` messages that follow a position; without one, the last of them.

        Raises:
            RoomNotFoundError: there is no such room.
        """
        await self.existing_room(room)
        return await read_history(self.backend.log, room, after, limit)

    async def tell(self, room: str, frame: frames.Frame) -> None:
        """Tell the members who are here now, in whatever process, without a place in the log.

        It is for what is soon of no use, such as who is writing: some may not get it.
        """
        await self._streams.send(room, Ephemeral(text=frames.encode(frame).text))

    async def disconnect(self, connection: Connection, by_server: Close | None = None) -> None:
        """Forget a client that is gone; `by_server` says how the server closed by itself."""
        self.end(connection, None)
        if connection.state is State.CLOSING:
            connection.forget(by_server)
            self._roster.remove(connection)
            record_end(connection)
        await connection.abandon()
        await connection.membership.left()

    async def fail(self, connection: Connection, error: Exception) -> None:
        """End a connection whose adapter failed, and wait until its client is told."""
        with self._guarded(connection):
            raise error
        await connection.drained()

    def end(self, connection: Connection, close: Close | None) -> None:
        """Close a connection, after what waits for it; None if its client has left.

        The first call counts. Whatever ends a connection calls this.
        """
        if close:
            # It may be too slow for what is told before the close.
            self._streams.tell(connection)
        if connection.ending:
            return
        is_member = connection.state >= State.JOINING
        connection.close(close, self._retry_after(connection, close))
        self._streams.detach(connection)
        if is_member:
            connection.membership.leave(self._streams.leave(connection))

    async def drain(self) -> None:
        """Tell every client that this process stops; takes at most DRAIN_SECONDS."""
        self.draining = True
        everyone = self._roster.everyone()
        self._returns = ReconnectSchedule(len(everyone))
        restart = partial(self.end, close=Close.SERVICE_RESTART)
        if not await tell_all(everyone, restart, self.config.drain_seconds):
            logger.warning("Not every client could be told of the stop in time")

    @contextmanager
    def _guarded(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except CloseConnection as error:
            self.end(connection, error.close)
        except UnavailableError as error:
            logger.warning("Out of reach: %r", error.__cause__, extra=connection.facts)
            self.end(connection, Close.INTERNAL_ERROR)
        except Exception:
            logger.exception("A connection failed", extra=connection.facts)
            self.end(connection, Close.INTERNAL_ERROR)

    async def _admit(self, connection: Connection, handshake: Handshake) -> None:
        if refusal := Close.SERVICE_RESTART if self.draining else handshake.refusal:
            raise CloseConnection(refusal)
        room = await self.find_room(connection.room)
        if room is None:
            raise CloseConnection(Close.ROOM_NOT_FOUND)
        admission = await identify(room, handshake, self._authenticators, self.clock)
        connection.admit(admission, announced=room.presence)
        stream = await self._streams.attach(room, connection)
        if connection.ending:
            self._streams.detach(connection)
            return
        connection.join()
        try:
            await stream.join(connection, room.capacity or self.config.room_capacity)
        finally:
            # It may have left before it had joined.
            if connection.ending:
                await self._streams.leave(connection)
        if not connection.ending:
            connection.expire_at(admission.identity.expires)
            await self._open(connection, stream, handshake)

    async def _open(self, connection: Connection, stream: Stream, handshake: Handshake) -> None:
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
        self._answer(connection, welcome)
        record_join(connection)
        await stream.follow(connection, position, page)

    async def _publish(
        self, room: str, body: JsonValue, sender: str, message_id: str | None
    ) -> Position:
        begun = record_message()
        at = rfc3339(self.clock.time())
        text = frames.encode_payload(sender, body, at, message_id)
        # No user name has a line break.
        idempotency_key = None if message_id is None else f"{sender}\n{message_id}"
        position = await self._streams.publish(room, text, idempotency_key)
        # After the tasks that write to the members, which were woken before.
        asyncio.get_running_loop().call_soon(record_delivery, begun)
        return position

    def _answer(self, connection: Connection, frame: frames.Frame) -> None:
        self._streams.tell(connection)
        if not connection.send(frames.encode(frame)):
            self.end(connection, Close.READS_TOO_SLOWLY)

    def _retry_after(self, connection: Connection, close: Close | None) -> float | None:
        if close is Close.TOO_MANY_MESSAGES:
            return connection.retry_after
        later = close is not None and close.row.advice is Advice.RETURN_AFTER_DELAY
        return self._returns.delay() if later else None
