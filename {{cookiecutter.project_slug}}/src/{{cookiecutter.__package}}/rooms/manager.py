"""The connection manager: the one thing that adapters hold and tests replace."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import ClassVar, Self, TypeVar

from .auth.handshake import Handshake
from .auth.identities import Guests
from .auth.provider import providers
from .backends.interfaces import Backend, RoomStore
from .clock import Clock
from .config import ServiceConfig
from .connections.connection import Connection, State
from .connections.drain import reconnect_delay, tell_all
from .connections.revocation import Revocation
from .connections.roster import Roster
from .connections.telemetry import record_end
from .connections.transport import Transport
from .delivery.keeper import StreamKeeper
from .entrance import Entrance
from .errors import UnavailableError
from .handling import Handling
from .inbound import InboundFrames
from .protocol import frames
from .protocol.closes import Advice, Close, CloseConnection, CloseRow
from .publishing import Publishing
from .service import Parts, Service
from .tasks import RunContext, Work, end_tasks
from .tuning import DEFAULT, Tuning

logger = logging.getLogger(__name__)

_ANONYMOUS = Handshake()
_BARE = Service()
_Part = TypeVar("_Part")


class ConnectionManager(Publishing):
    """Lets clients into rooms, passes on what they say, and ends their connections.

    Publishing never waits for a client. All methods belong to one event loop.
    """

    # Those that serve, the newest last, by the id of their process: a fork serves nobody.
    serving_in: ClassVar[dict[int, list["ConnectionManager"]]] = {}
    # The event loop that it belongs to, once it has started.
    loop: asyncio.AbstractEventLoop

    def __init__(  # noqa: PLR0913 (what it is made of)
        self,
        config: ServiceConfig,
        store: RoomStore,
        backend: Backend,
        *,
        service: Service = _BARE,
        run: RunContext = nullcontext,
        clock: Clock | None = None,
        tuning: Tuning = DEFAULT,
    ) -> None:
        super().__init__(config, store, service, clock, tuning)
        self.backend = backend
        authenticators = service.authenticators
        if authenticators is None:
            guests = Guests(allowed=config.guests)
            authenticators = (*providers(config, self.clock), self.tokens, guests)
        self._parts = Parts([*service.resources, *service.handlers], run)
        for handler in service.handlers:
            handler.manager = self
        self.draining = False
        # Whether it is started to serve clients, not to run a command for example.
        self.serving = False
        self._roster = Roster()
        self._revocation = Revocation(self._roster, authenticators, self.end, tuning, run)
        self._streams = StreamKeeper(
            backend,
            store,
            self._roster,
            self.end,
            doubt=self._revocation.doubt,
            rows=service.rows,
            held_bytes=config.outbox_bytes,
            tuning=tuning,
        )
        self._handling = Handling(service.handlers, self, run, debug=config.debug)
        self._entrance = Entrance(
            config,
            self.clock,
            authenticators,
            self._streams,
            self._handling,
            find_room=self.find_room,
            answer=self.answer,
            run=run,
        )
        self._inbound = InboundFrames(
            self.clock,
            self._handling,
            publish=self.publish_from,
            answer=self.answer,
            finish=self.finish,
            guarded=self._guarded,
        )
        # Set when it has started, or failed to.
        self.started = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._returning = 0

    @property
    def connection_count(self) -> int:
        """How many connections this process has, those included that are ending."""
        return len(self._roster.everyone())

    async def __aenter__(self) -> Self:
        """Start the service's parts, for code that serves no clients."""
        self.loop = asyncio.get_running_loop()
        await self._parts.start()
        self.started.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the service's parts, and release the backend."""
        await self.stop()

    def handler(self, kind: type[_Part]) -> _Part:
        """Find the handler of this class.

        Raises:
            LookupError: the service has none.
        """
        return self._parts.find(kind)

    # A resource is found in the same way.
    resource = handler

    async def start(self) -> None:
        """Create the rooms of the settings, start the service's parts, and keep in step.

        Raises:
            Exception: a part failed to start.
        """
        if self._keepers:
            return
        self.loop = asyncio.get_running_loop()
        # Before the parts, which may say something to a room.
        try:
            await self.ensure_rooms()
        except UnavailableError as error:
            logger.warning("The rooms cannot be reached: %s", error.__cause__)
            self._streams.missed.set()
        # At once: what a part calls from a thread waits for this manager, and makes no other.
        self.serving_in.setdefault(os.getpid(), []).append(self)
        try:
            await self._parts.start()
        except BaseException:
            self.serving_in[os.getpid()].remove(self)
            self.started.set()
            raise
        self.serving = True
        # One by one: what gathers them would end with the first, and leave one that was cancelled
        # in vain.
        keeping = [*self._streams.keep(self.ensure_rooms), *self._revocation.keep()]
        self._keepers = [asyncio.create_task(one) for one in keeping]
        self.started.set()

    async def stop(self) -> None:
        """Release the backend; call it when no connection is left."""
        if self._keepers:
            self.serving_in[os.getpid()].remove(self)
            keepers, self._keepers = self._keepers, []
            await end_tasks(*keepers)
        await self._handling.rooms.stop(self.config.drain_seconds)
        await self._parts.stop()
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

    def open(
        self, room: str, transport: Transport, handshake: Handshake = _ANONYMOUS
    ) -> Connection:
        """Begin to admit an accepted client to a room, or to close its connection with a reason.

        What it sends may be handed to `receive` at once.
        """
        connection = Connection(room, transport, self.config, self.clock, self.end, self.finish)
        # Register before admitting, so that closing the room finds it.
        self._roster.add(connection)
        connection.lane.put(partial(self._enter, connection, handshake))
        return connection

    async def connect(
        self, room: str, transport: Transport, handshake: Handshake = _ANONYMOUS
    ) -> Connection:
        """Admit an accepted client to a room, or close its connection with a reason."""
        connection = self.open(room, transport, handshake)
        try:
            await connection.lane.finished()
        except asyncio.CancelledError:
            await connection.lane.cancel()
            await self.disconnect(connection)
            raise
        return connection

    async def receive(self, connection: Connection, text_or_bytes: str | bytes) -> None:
        """Take what a client sent; return once more may be read of it."""
        await self._inbound.take(connection, text_or_bytes)

    def spawn(self, work: Work, room: str | None = None) -> asyncio.Task[None]:
        """Run something until a room's last client has left this process.

        Without a room, or where nobody is there, it runs until its end or the stop.
        """
        return self._handling.rooms.spawn(work, room)

    async def disconnect(self, connection: Connection, by_server: CloseRow | None = None) -> None:
        """Forget a client that is gone, after what it sent; `by_server` says how it was closed."""
        self.finish(connection, None)
        self._forget(connection, by_server)
        await connection.abandon()
        try:
            await connection.lane.finished()
        except asyncio.CancelledError:
            await connection.lane.cancel()
            raise
        finally:
            self._forget(connection, by_server)
        await connection.membership.left()

    async def fail(self, connection: Connection, error: Exception) -> None:
        """End a connection whose adapter failed, and wait until its client is told."""
        with self._guarded(connection):
            raise error
        await connection.drained()

    def finish(self, connection: Connection, close: CloseRow | None) -> None:
        """End a connection behind what its client sent before."""
        if connection.lane.idle:
            self.end(connection, close)
        else:
            connection.lane.close(partial(self._finish, connection, close))

    def end(self, connection: Connection, close: CloseRow | None) -> None:
        """Close a connection, after what waits for it; None if its client has left.

        What it sent and is not handled yet is dropped. The first call counts. Whatever ends a
        connection calls this.
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
        connection.lane.drop()
        if self._handling.knows(connection):
            connection.lane.close(partial(self._handling.left, connection))

    async def drain(self) -> None:
        """Tell every client that this process stops; takes at most DRAIN_SECONDS.

        Handlers that still run then are cancelled.
        """
        deadline = asyncio.get_running_loop().time() + self.config.drain_seconds
        self.draining = True
        everyone = self._roster.everyone()
        self._returning = len(everyone)
        restart = partial(self.end, close=Close.SERVICE_RESTART)
        if not await tell_all(everyone, restart, self.config.drain_seconds):
            logger.warning("Not every client could be told of the stop in time")
        try:
            async with asyncio.timeout_at(deadline):
                for connection in everyone:
                    await connection.lane.finished()
        except TimeoutError:
            await asyncio.gather(*(one.lane.cancel() for one in everyone))

    async def _enter(self, connection: Connection, handshake: Handshake) -> None:
        with self._guarded(connection):
            if self.draining:
                raise CloseConnection(Close.SERVICE_RESTART)
            await self._entrance.admit(connection, handshake)

    async def _finish(self, connection: Connection, close: CloseRow | None) -> None:
        self.end(connection, close)
        await self._handling.left(connection)

    def _forget(self, connection: Connection, by_server: CloseRow | None) -> None:
        if connection.state is State.CLOSING:
            connection.forget(by_server)
            self._roster.remove(connection)
            record_end(connection)

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

    def answer(self, connection: Connection, frame: frames.Frame) -> None:
        """Send a frame to one connection, behind what waits for its room's members."""
        self._streams.tell(connection)
        if not connection.send(frames.encode(frame)):
            self.end(connection, Close.READS_TOO_SLOWLY)

    def _retry_after(self, connection: Connection, close: CloseRow | None) -> float | None:
        if close is Close.TOO_MANY_MESSAGES:
            return connection.retry_after
        later = close is not None and close.row.advice is Advice.RETURN_AFTER_DELAY
        return reconnect_delay(self._returning) if later else None
