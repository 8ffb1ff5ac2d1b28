"""Keeps this process's streams in step with the log, the members and the rooms that there are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from ..backends.interfaces import Appended, Backend, Room, RoomStore
from ..connections.connection import Connection
from ..connections.roster import Roster
from ..errors import LogLostError, UnavailableError
from ..protocol.closes import Close, CloseRow
from ..protocol.events import AccountChanged, Entry, Event, Removed, RoomDeleted, SessionEnded
from ..tasks import Work, end_tasks
from ..tuning import Tuning
from .links import Links
from .stream import Stream

logger = logging.getLogger(__name__)

_CHECKED_AT_ONCE = 16


class StreamKeeper:
    """The streams of one process: a room's begins with its first connection. `end` closes one."""

    def __init__(  # noqa: PLR0913 (what it looks after, and how)
        self,
        backend: Backend,
        store: RoomStore,
        roster: Roster,
        end: Callable[[Connection, CloseRow], None],
        *,
        doubt: Callable[[str], None],
        rows: Mapping[str, CloseRow],
        held_bytes: int,
        tuning: Tuning,
    ) -> None:
        self._links = Links(backend, end, held_bytes, tuning)
        self._store = store
        self._roster = roster
        self._rows = rows
        self._end = end
        self._doubt = doubt
        self._tuning = tuning
        self._streams: dict[str, Stream] = {}
        self.send = self._links.send
        self.leave = self._links.departures.leave
        # Set when bells may have been missed.
        self.missed = asyncio.Event()
        backend.bus.listen(self._apply, self.missed.set)

    async def attach(self, room: Room, connection: Connection) -> Stream:
        """Add a connection to the stream of its room."""
        stream = self._find(room.name)
        if stream is None:
            stream = self._streams[room.name] = Stream(room, self._links)
        await stream.attach(connection)
        return stream

    def detach(self, connection: Connection) -> None:
        """Stop delivering to a connection."""
        if stream := self._streams.get(connection.room):
            stream.detach(connection)

    def tell(self, connection: Connection) -> None:
        """Tell a connection at once what waits for its room's members."""
        if stream := self._streams.get(connection.room):
            stream.fanout.tell(connection)

    async def publish(self, room: str, text: str, idempotency_key: str | None) -> Appended:
        """Append a message to a room's log, and wait until it was passed on here."""
        stream, log = self._streams.get(room), self._links.log
        expected_position = stream.expected_position if stream else None
        try:
            position, duplicate = await log.append(room, text, idempotency_key, expected_position)
        except LogLostError:
            if stream:  # pragma: no branch (without a stream no position is expected)
                stream.repair()
            raise
        if stream and stream.fanout.cursor < position:
            if not duplicate:
                stream.publish(Entry(epoch=position.epoch, offset=position.offset, text=text))
            if stream.fanout.cursor < position:
                await stream.wait_for(position)
        return Appended(position, duplicate)

    def keep(self, ensure_rooms: Callable[[], Awaitable[None]]) -> Sequence[Work]:
        """Renew the leases, and check the streams, from time to time, until each is cancelled.

        After the backend was away, `ensure_rooms` comes first.
        """
        return self._keep_leases(), self._keep_checking(ensure_rooms)

    async def check(self) -> None:
        """Renew the leases, and find what no bell told of.

        Raises:
            UnavailableError: the backend or the room store can't be reached.
        """
        renewed = await self._renew_leases()
        if not await self._compare() or not renewed:
            raise UnavailableError

    async def stop(self) -> None:
        """End all that is under way."""
        workers = [stream.worker for stream in self._streams.values()]
        # Those that have ended may belong to a loop that is closed.
        await end_tasks(*(worker for worker in workers if not worker.done()))

    async def _keep_leases(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(self._tuning.pause(failures))
            failures = 0 if await self._renew_leases() else failures + 1

    async def _keep_checking(self, ensure_rooms: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tuning.pause(failures)):
                    await self.missed.wait()
            missed = self.missed.is_set()
            self.missed.clear()
            if missed:
                await self._renew_leases()
            there = not (missed or failures) or await self._links.attempt(
                "room_store", "", ensure_rooms
            )
            if await self._compare() and there:
                if failures:
                    logger.info("The rooms can be reached again")
                failures = 0
            else:
                failures += 1

    async def _renew_leases(self) -> bool:
        """Tell that this process lives; False if that failed for all rooms."""
        renewed = await self._each("heartbeat", Stream.renew_lease)
        await self._each("members", Stream.update_members)
        return renewed

    async def _compare(self) -> bool:
        """Find what no bell told of; False if the room store or all the logs failed."""
        self._roster.measure()
        attempt = self._links.attempt
        await attempt("departures", "", self._links.departures.retry)
        stored = await attempt("room_store", "", self._end_deleted)
        await attempt("log", "", self._links.log.expire)
        for name, stream in list(self._streams.items()):
            # Others may come in in the meantime.
            idle = stream.lost or not stream.connections
            if idle and self._streams.get(name) is stream:
                del self._streams[name]
                stream.invalidate()
                await attempt("bus", name, partial(self._links.bus.unsubscribe, name))
        return await self._each("log", Stream.catch_up) and stored

    async def _each(self, kind: str, work: Callable[[Stream], Awaitable[None]]) -> bool:
        """Do something for each stream; False if it failed for all of them."""
        streams = [stream for stream in self._streams.values() if not stream.lost]
        done: list[bool] = []
        for start in range(0, len(streams), _CHECKED_AT_ONCE):
            some = streams[start : start + _CHECKED_AT_ONCE]
            attempt = partial(self._links.attempt, kind)
            done += await asyncio.gather(
                *(attempt(one.room.name, partial(work, one)) for one in some)
            )
        return any(done) or not done

    async def _end_deleted(self) -> None:
        # Others may begin in the meantime.
        names = {name for name, stream in self._streams.items() if stream.room.keep is None}
        for name in names - await self._store.existing(names):
            self._apply(name, RoomDeleted())

    def _find(self, room: str) -> Stream | None:
        stream = self._streams.get(room)
        return None if stream is None or stream.lost else stream

    def _apply(self, room: str, event: Event) -> None:
        match event:
            case SessionEnded():
                theirs = [one for one in self._roster.everyone() if one.session == event.session]
                self._end_all(theirs, Close.REMOVED)
            case AccountChanged():
                self._doubt(event.account)
            case Removed():
                # A connection that is not admitted yet has an empty name.
                members = self._roster.members(room) if event.user else []
                theirs = [one for one in members if one.user == event.user]
                # Another release may have rows that this one does not know.
                self._end_all(theirs, self._rows.get(event.close, Close.REMOVED))
            case RoomDeleted():
                self._end_all(self._roster.members(room), Close.ROOM_CLOSED)
                if stream := self._find(room):
                    stream.invalidate()
            case _:
                if stream := self._find(room):
                    stream.apply(event)

    def _end_all(self, connections: Iterable[Connection], close: CloseRow) -> None:
        for connection in connections:
            self._end(connection, close)
