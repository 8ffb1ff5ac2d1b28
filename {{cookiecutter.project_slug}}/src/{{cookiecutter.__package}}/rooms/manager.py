"""The connection manager: the one thing that adapters hold and tests replace."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import assert_never

from pydantic import JsonValue, ValidationError

from .auth.identities import Authenticator, Guests, RefreshError, identify
from .backends.interfaces import Backend, Page, RoomStore
from .clock import Clock, rfc3339
from .config import ServiceConfig
from .connections.connection import Connection
from .connections.drain import ReconnectSchedule, tell_all
from .connections.handshake import Handshake
from .connections.outbox import CloseSocket, Outbox, Send
from .connections.rate import RateLimit
from .connections.roster import Roster
from .connections.telemetry import facts, record_delivery, record_end, record_join, record_message
from .delivery.keeper import StreamKeeper
from .delivery.stream import Stream
from .errors import MemberNotFoundError, MessageTooLargeError, RoomNotFoundError, UnavailableError
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
# Pings, fragments and the like count against these: so many for each message that is allowed,
# or, where messages have no limit, a second.
_FRAMES_A_MESSAGE = 10
_FRAMES_A_SECOND = 1_000


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
        # The event loop that it belongs to, once it has started.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._returns = ReconnectSchedule(0)

    @property
    def connection_count(self) -> int:
        """How many connections this process has, those included that are ending."""
        return len(self._roster.everyone())

    async def start(self) -> None:
        """Make sure that the rooms of the settings exist, and keep in step with the engine."""
        try:
            await self.ensure_rooms()
        except UnavailableError as error:
            logger.warning("The rooms cannot be reached: %s", error.__cause__)
            self._streams.missed.set()
        if self._keeper is None:
            self.loop = asyncio.get_running_loop()
            self._keeper = asyncio.create_task(self._streams.keep(self.ensure_rooms))

    async def stop(self) -> None:
        """Let go of the engine; to be called when no connection is left."""
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
            UnavailableError: the engine can't be reached.
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
        self, room: str, send: Send, close_socket: CloseSocket, handshake: Handshake = _ANONYMOUS
    ) -> Connection:
        """Let an accepted client into a room, or end its connection and tell it why.

        An adapter hands over two callables: `send(text)`, and `close_socket(code, reason)`.
        """
        limit = self.config.outbox_bytes
        outbox = Outbox(send, close_socket, limit, write=handshake.write)
        per_second = self.config.messages_per_second
        rate = RateLimit(per_second, self.clock)
        frame_rate = RateLimit(_FRAMES_A_MESSAGE * per_second or _FRAMES_A_SECOND, self.clock)
        connection = Connection(room, outbox, rate, frame_rate)
        # Known before it is let in, so that closing the room finds it at any moment.
        self._roster.add(connection)
        if handshake.limit_frames:
            exceeded = partial(self.end, connection, Close.TOO_MANY_MESSAGES)
            handshake.limit_frames(frame_rate, exceeded)
        try:
            with self._guarded(connection):
                stream = await self._admit(connection, handshake)
                await self._open(connection, stream, handshake.after)
        except asyncio.CancelledError:
            self._forget(connection)
            raise
        return connection

    async def receive(self, connection: Connection, text_or_bytes: str | bytes) -> None:
        """Act on what a client sent."""
        with self._guarded(connection):
            if not connection.ending:
                connection.received += 1
                await self._act(connection, text_or_bytes)

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

    async def tell(self, room: str, frame: frames.Frame) -> None:
        """Tell the members who are here now, in whatever process, without a place in the log.

        It is for what is soon of no use, such as who is writing: some may not get it.
        """
        await self._streams.send(room, Ephemeral(text=frames.encode(frame).text))

    async def disconnect(self, connection: Connection, code: int | None = None) -> None:
        """Forget a client that is gone, whoever closed, with this code if by a close frame."""
        self._forget(connection, code)
        await connection.abandon()
        if connection.leaving:
            await asyncio.wait([connection.leaving])

    def end(self, connection: Connection, close: Close) -> None:
        """Close a connection, after what waits for it; the first call counts."""
        # It may be too slow for what is told before the close.
        self._streams.tell(connection)
        if not connection.ending:
            connection.finish(close, self._retry_after(connection, close))
            self._depart(connection)

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
            logger.warning("Out of reach: %r", error.__cause__, extra=facts(connection))
            self.end(connection, Close.INTERNAL_ERROR)
        except Exception:
            logger.exception("A connection failed", extra=facts(connection))
            self.end(connection, Close.INTERNAL_ERROR)

    async def _admit(self, connection: Connection, handshake: Handshake) -> Stream:
        if refusal := Close.SERVICE_RESTART if self.draining else handshake.refusal:
            raise CloseConnection(refusal)
        room = await self.find_room(connection.room)
        if room is None:
            raise CloseConnection(Close.ROOM_NOT_FOUND)
        connection.admit(await identify(room, handshake, self._authenticators, self.clock))
        connection.announced = room.presence
        stream = await self._streams.attach(room, connection)
        connection.joining = True
        try:
            await stream.join(connection, room.capacity or self.config.room_capacity)
            connection.joined = True
        finally:
            # It may have left before it had joined.
            if connection.ending:
                await self._streams.leave(connection)
        if not connection.ending:
            self._expire_at(connection)
        return stream

    async def _open(self, connection: Connection, stream: Stream, after: str | None) -> None:
        position = Position.parse(after) if after else None
        stream.hold(connection)
        page = await stream.read(position)
        if connection.ending:
            return
        recovered = None if after is None else position is not None and page.follows(position)
        if position is None or not recovered:
            position, page = page.newest, Page(page.newest, [])
        members = sorted(stream.members.names | {connection.user}) if stream.room.presence else None
        welcome = frames.Welcome(
            room=connection.room,
            user=connection.user,
            members=members,
            position=str(position),
            recovered=recovered,
        )
        self._answer(connection, welcome)
        connection.opened = True
        record_join(connection)
        await stream.follow(connection, position, page)

    async def _act(self, connection: Connection, received: str | bytes) -> None:
        if not connection.rate.allow():
            raise CloseConnection(Close.TOO_MANY_MESSAGES)
        if isinstance(received, bytes):
            raise CloseConnection(Close.BINARY_FRAME)
        try:
            frame = frames.decode(received, debug=self.config.debug)
        except ValidationError as error:
            detail = frames.problems(error.errors(), skip=1)
            self._refuse(connection, "invalid-message", detail, frames.sent_id(received))
            return
        match frame:
            case frames.Message():
                await self._say(connection, frame)
            case frames.Refresh():
                await self._refresh(connection, frame.token)
            case frames.Ping():
                self._answer(connection, frames.Pong())
            case frames.ShowClose():
                raise CloseConnection(frame.close)
            case _:
                assert_never(frame)

    async def _say(self, connection: Connection, frame: frames.Message) -> None:
        if not connection.admission.identity.may_publish:
            self._refuse(connection, "refused", "This token is for reading only", frame.id)
            return
        try:
            await self._publish(connection.room, frame.body, connection.user, frame.id)
        except UnavailableError as error:
            self._refuse(connection, "unavailable", f"{error}", frame.id)

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

    async def _refresh(self, connection: Connection, token: str) -> None:
        try:
            admission = await connection.admission.refreshed(token, self.clock)
        except (CloseConnection, RefreshError) as error:
            self._refuse(connection, "invalid-token", f"{error}")
            return
        if not connection.ending:
            connection.admit(admission)
            self._expire_at(connection)

    def _expire_at(self, connection: Connection) -> None:
        if connection.expiry:
            connection.expiry.cancel()
        when = connection.admission.identity.expires
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
        self._streams.tell(connection)
        if not connection.send(frames.encode(frame)):
            self.end(connection, Close.READS_TOO_SLOWLY)

    def _forget(self, connection: Connection, code: int | None = None) -> None:
        self._roster.remove(connection)
        self._depart(connection)
        record_end(connection, code)

    def _depart(self, connection: Connection) -> None:
        if connection.expiry:
            connection.expiry.cancel()
        self._streams.detach(connection)
        if connection.joining and connection.leaving is None:
            connection.leaving = asyncio.create_task(self._streams.leave(connection))

    def _retry_after(self, connection: Connection, close: Close) -> float | None:
        if close is Close.TOO_MANY_MESSAGES:
            return connection.retry_after
        return self._returns.delay() if close.row.advice is Advice.RETURN_AFTER_DELAY else None
