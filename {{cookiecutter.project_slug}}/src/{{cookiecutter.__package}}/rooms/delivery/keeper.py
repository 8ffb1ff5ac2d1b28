"""Keeps this process's feeds in step with the log, the members and the rooms that there are."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from .. import metrics
from ..backends.interfaces import Backend, Page, Room, RoomStore
from ..connections.connection import Connection
from ..connections.roster import Roster
from ..errors import LogLostError, UnavailableError
from ..protocol import frames
from ..protocol.closes import Close
from ..protocol.events import Event, Removed, RoomDeleted, SessionEnded
from ..protocol.positions import Position
from ..tasks import Turns, end_tasks
from ..tuning import Tuning
from .stream import Stream

logger = logging.getLogger(__name__)

_CHECKED_AT_ONCE = 16


class StreamKeeper:
    """The feeds of one process: a room's begins with its first connection. `end` closes one."""

    def __init__(  # noqa: PLR0913 (what it looks after, and how)
        self,
        backend: Backend,
        store: RoomStore,
        roster: Roster,
        end: Callable[[Connection, Close], None],
        *,
        held_bytes: int,
        tuning: Tuning,
    ) -> None:
        self._log, self._presence, self._bus = backend.log, backend.presence, backend.bus
        self._store = store
        self._roster = roster
        self._held_bytes = held_bytes
        self._end = end
        self._tuning = tuning
        self._streams: dict[str, Stream] = {}
        self._beginnings: dict[Stream, asyncio.Task[None]] = {}
        self._repairs: dict[Stream, asyncio.Task[None]] = {}
        self._subscribed: set[str] = set()
        self._not_left: set[Connection] = set()
        self._turns = Turns()
        # Set when bells may have been missed.
        self.missed = asyncio.Event()
        self._bus.listen(self._take, self.missed.set)

    async def attach(self, room: Room, connection: Connection) -> Stream:
        """Enter a connection into the feed of its room."""
        stream = self._streams.get(room.name)
        if stream is None:
            stream = self._streams[room.name] = Stream(room, self._held_bytes, self._drop)
            self._beginnings[stream] = asyncio.create_task(self._begin(stream))
        stream.connections.add(connection)
        if stream in self._beginnings:
            await asyncio.wait([self._beginnings[stream]])
        if stream.lost:
            raise UnavailableError
        return stream

    def detach(self, connection: Connection) -> None:
        """Tell a connection nothing more."""
        stream = self._streams.get(connection.room)
        if stream:
            stream.forget(connection)

    def tell(self, connection: Connection) -> None:
        """Tell a connection at once what waits for its room's members."""
        if stream := self._streams.get(connection.room):
            stream.tell(connection)

    async def publish(self, room: str, text: str, idempotency_key: str | None) -> Position:
        """Append a message to a room's log, and wait until it was passed on here."""
        stream = self._streams.get(room)
        expected_position = stream.cursor if stream and stream not in self._beginnings else None
        try:
            position, _ = await self._log.append(room, text, idempotency_key, expected_position)
        except LogLostError:
            if stream:  # pragma: no branch (without a feed nothing is known that could be lost)
                self._repair(stream)
            raise
        if stream:
            try:
                await self._hear(stream, position)
            except UnavailableError:
                self.missed.set()
        return position

    async def send(self, room: str, event: Event) -> None:
        """Tell all processes, as far as they can be reached: the rest is found by a check."""
        try:
            await self._bus.send(room, event)
        except UnavailableError:
            logger.warning("The other processes could not be told of %r", event.kind)

    async def leave(self, connection: Connection) -> None:
        """Let a connection out of its room in its turn, later if that is not possible now."""
        await self._turns.take()
        try:
            went = await self._presence.leave(connection.room, connection.id)
        except UnavailableError:
            self._not_left.add(connection)
        else:
            if went and connection.announced:
                await self.send(connection.room, went)

    async def read(self, stream: Stream, after: Position | None) -> Page:
        """Read a page of what follows a position."""
        return await self._log.read(stream.room.name, after, self._tuning.page)

    async def follow(
        self, stream: Stream, connection: Connection, seen: Position, page: Page
    ) -> None:
        """Tell a connection what comes after `seen`: from this page on, then as it is said."""
        while not connection.ending:
            for entry in page.entries:
                await connection.send_when_fits(frames.encode_entry(entry))
                metrics.DELIVERIES.inc()
                seen = entry.position
            await self._hear(stream, page.newest)
            if connection.ending or (seen >= page.newest and stream.release(connection, seen)):
                return
            stream.hold(connection)
            page = await self.read(stream, seen)
            if not page.follows(seen):
                self._end(connection, Close.READS_TOO_SLOWLY)

    async def keep(self, ensure_rooms: Callable[[], Awaitable[None]]) -> None:
        """Check all feeds from time to time, for as long as it is not cancelled.

        After the engine was away, `ensure_rooms` comes first.
        """
        failures = 0
        while True:
            seconds = self._pause(failures)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.missed.wait()
            try:
                if self.missed.is_set() or failures:
                    self.missed.clear()
                    await ensure_rooms()
                await self.check()
            except UnavailableError as error:
                if failures == 0:
                    logger.warning("The rooms cannot be reached: %s", error.__cause__)
                failures += 1
            except Exception:
                logger.exception("The rooms could not be checked")
                failures += 1
            else:
                if failures:
                    logger.info("The rooms can be reached again")
                failures = 0

    def _pause(self, failures: int) -> float:
        seconds = self._tuning.check_seconds
        if failures:
            seconds = min(seconds, self._tuning.first_retry_seconds * 2 ** min(failures, 10))
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)

    async def check(self) -> None:
        """Find what no bell told of.

        Raises:
            UnavailableError: the engine can't be reached.
        """
        self._roster.measure()
        for connection in list(self._not_left):
            self._not_left.discard(connection)
            await self.leave(connection)
        failure = None
        # Others may begin in the meantime.
        names = set(self._streams)
        try:
            for name in names - await self._store.existing(names):
                self._take(name, RoomDeleted())
        except UnavailableError as error:
            # The roll is to be called all the same: else this process is taken for dead.
            failure = error
        for name in [name for name, stream in self._streams.items() if not stream.connections]:
            self._streams.pop(name).invalidate()
        for name in list(self._subscribed):
            if name not in self._streams:
                self._subscribed.discard(name)
                await self._bus.unsubscribe(name)
        streams = list(self._streams.values())
        for start in range(0, len(streams), _CHECKED_AT_ONCE):
            await asyncio.gather(*map(self._check, streams[start : start + _CHECKED_AT_ONCE]))
        if failure:
            raise failure

    async def stop(self) -> None:
        """End all that is under way."""
        await end_tasks(*self._beginnings.values(), *self._repairs.values())

    async def _begin(self, stream: Stream) -> None:
        try:
            await self._bus.subscribe(stream.room.name)
            self._subscribed.add(stream.room.name)
            page = await self._log.read(stream.room.name, None, 0)
            stream.begin(page.newest)
        except UnavailableError as error:
            logger.warning("The room %r cannot be opened: %r", stream.room.name, error.__cause__)
            self._give_up(stream)
        except Exception:
            logger.exception("The room %r could not be opened", stream.room.name)
            self._give_up(stream)
        finally:
            del self._beginnings[stream]
        if stream.behind:
            self._repair(stream)

    def _take(self, room: str, event: Event) -> None:
        match event:
            case SessionEnded():
                theirs = [one for one in self._roster.everyone() if one.session == event.session]
                self._end_all(theirs, Close.REMOVED)
            case Removed():
                theirs = [one for one in self._roster.members(room) if one.user == event.user]
                self._end_all(theirs, Close.REMOVED)
            case RoomDeleted():
                self._end_all(self._roster.members(room), Close.ROOM_CLOSED)
                if stream := self._streams.get(room):
                    self._lose(stream)
            case _:
                stream = self._streams.get(room)
                if stream and (stream in self._beginnings or not stream.apply(event)):
                    self._repair(stream)

    def _end_all(self, connections: Iterable[Connection], close: Close) -> None:
        for connection in connections:
            self._end(connection, close)

    def _drop(self, connection: Connection) -> None:
        self._end(connection, Close.READS_TOO_SLOWLY)

    def _lose(self, stream: Stream) -> None:
        """End what can't be told what it missed; who comes next begins a new feed."""
        self._give_up(stream)
        self._end_all(list(stream.connections), Close.SERVICE_RESTART)

    def _give_up(self, stream: Stream) -> None:
        if self._streams.get(stream.room.name) is stream:
            del self._streams[stream.room.name]
        stream.invalidate()

    async def _hear(self, stream: Stream, position: Position) -> None:
        if not await stream.reached(position, self._tuning.bell_seconds):
            await self._catch_up(stream)

    def _repair(self, stream: Stream) -> None:
        stream.behind = True
        if stream not in self._repairs and stream not in self._beginnings:
            self._repairs[stream] = asyncio.create_task(self._mend(stream))

    async def _mend(self, stream: Stream) -> None:
        try:
            while stream.behind and not stream.lost:
                stream.behind = False
                await self._check(stream)
        except UnavailableError:
            self.missed.set()
        finally:
            del self._repairs[stream]

    async def _check(self, stream: Stream) -> None:
        await self._catch_up(stream)
        await self.heartbeat(stream)

    async def _catch_up(self, stream: Stream) -> None:
        if stream in self._beginnings:
            await asyncio.wait([self._beginnings[stream]])
        while not stream.lost:
            after = stream.cursor
            page = await self.read(stream, after)
            if not page.follows(after):
                logger.warning("What was said in the room %r is lost in part", stream.room.name)
                await self._log.reset_epoch(stream.room.name, after)
                self._lose(stream)
                return
            if page.entries and page.entries[-1].position > stream.cursor:
                metrics.GAPS_REPAIRED.inc()
                self._bus.report_gap(stream.room.name)
            for entry in page.entries:
                stream.apply(entry)
            if stream.cursor >= page.newest:
                return

    async def heartbeat(self, stream: Stream) -> None:
        """Tell that this process lives, and find who came, went or died."""
        name = stream.room.name
        before = stream.version
        roll = await self._presence.heartbeat(name)
        if roll.version < before:
            stream.version = 0
        for event in roll.went if stream.room.presence else ():
            await self.send(name, event)
        theirs = [one for one in stream.connections if one.id in roll.removed]
        self._end_all(theirs, Close.REMOVED)
        if roll.lost:
            await self._join_again(stream)
        if stream.room.presence and roll.version != stream.version:
            stream.apply_snapshot(await self._presence.members(name))

    async def _join_again(self, stream: Stream) -> None:
        for connection in [one for one in stream.connections if one.joined]:
            try:
                came = await self._presence.join(connection.room, connection.user, connection.id)
            finally:
                if connection.ending:
                    self._not_left.add(connection)
            if not connection.ending and came and connection.announced:
                await self.send(stream.room.name, came)
