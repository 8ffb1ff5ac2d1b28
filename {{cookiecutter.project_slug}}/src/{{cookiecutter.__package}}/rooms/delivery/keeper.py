"""Keeps this process's feeds in step with the log, the members and the rooms that there are."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from .. import metrics
from ..backends.interfaces import Engine, Page, Room, RoomStore
from ..connections.connection import Connection
from ..connections.roster import Roster
from ..errors import LogLostError, UnavailableError
from ..protocol import frames
from ..protocol.closes import Close
from ..protocol.events import Entry, Event, Removed, RoomDeleted, SessionEnded
from ..protocol.positions import Position
from ..tasks import Turns, end_tasks
from ..tuning import Tuning
from .stream import Feed

logger = logging.getLogger(__name__)

_CHECKED_AT_ONCE = 16


class Feeds:
    """The feeds of one process: a room's begins with its first connection. `end` closes one."""

    def __init__(  # noqa: PLR0913 (what it looks after, and how)
        self,
        engine: Engine,
        store: RoomStore,
        roster: Roster,
        end: Callable[[Connection, Close], None],
        *,
        held_bytes: int,
        tuning: Tuning,
    ) -> None:
        self._log, self._presence, self._bus = engine.log, engine.presence, engine.bus
        self._store = store
        self._roster = roster
        self._held_bytes = held_bytes
        self._end = end
        self._tuning = tuning
        self._feeds: dict[str, Feed] = {}
        self._beginnings: dict[Feed, asyncio.Task[None]] = {}
        self._repairs: dict[Feed, asyncio.Task[None]] = {}
        self._subscribed: set[str] = set()
        self._not_left: set[Connection] = set()
        self._turns = Turns()
        # Set when bells may have been missed.
        self.missed = asyncio.Event()
        self._bus.listen(self._take, self.missed.set)

    async def attach(self, room: Room, connection: Connection) -> Feed:
        """Enter a connection into the feed of its room."""
        feed = self._feeds.get(room.name)
        if feed is None:
            feed = self._feeds[room.name] = Feed(room, self._held_bytes, self._drop)
            self._beginnings[feed] = asyncio.create_task(self._begin(feed))
        feed.connections.add(connection)
        if feed in self._beginnings:
            await asyncio.wait([self._beginnings[feed]])
        if feed.lost:
            raise UnavailableError
        return feed

    def detach(self, connection: Connection) -> None:
        """Tell a connection nothing more."""
        feed = self._feeds.get(connection.room)
        if feed:
            feed.forget(connection)

    def tell(self, connection: Connection) -> None:
        """Tell a connection at once what waits for its room's members."""
        if feed := self._feeds.get(connection.room):
            feed.tell(connection)

    async def publish(self, room: str, text: str, once: str | None) -> Position:
        """Append a message to a room's log, and wait until it was passed on here."""
        feed = self._feeds.get(room)
        known = feed.cursor if feed and feed not in self._beginnings else None
        try:
            position, again = await self._log.append(room, text, once, known)
        except LogLostError:
            if feed:  # pragma: no branch (without a feed nothing is known that could be lost)
                self._repair(feed)
            raise
        if not again and not self._log.rings:
            await self.send(room, Entry(epoch=position.epoch, offset=position.offset, text=text))
        if feed:
            try:
                await self._hear(feed, position)
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

    async def read(self, feed: Feed, after: Position | None) -> Page:
        """Read a page of what follows a position."""
        return await self._log.read(feed.room.name, after, self._tuning.page)

    async def follow(self, feed: Feed, connection: Connection, seen: Position, page: Page) -> None:
        """Tell a connection what comes after `seen`: from this page on, then as it is said."""
        while not connection.ending:
            for entry in page.entries:
                await connection.send_when_fits(frames.said(entry))
                metrics.DELIVERIES.inc()
                seen = entry.position
            await self._hear(feed, page.newest)
            if connection.ending or (seen >= page.newest and feed.release(connection, seen)):
                return
            feed.hold(connection)
            page = await self.read(feed, seen)
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
        names = set(self._feeds)
        try:
            for name in names - await self._store.existing(names):
                self._take(name, RoomDeleted())
        except UnavailableError as error:
            # The roll is to be called all the same: else this process is taken for dead.
            failure = error
        for name in [name for name, feed in self._feeds.items() if not feed.connections]:
            self._feeds.pop(name).lose()
        for name in list(self._subscribed):
            if name not in self._feeds:
                self._subscribed.discard(name)
                await self._bus.unsubscribe(name)
        feeds = list(self._feeds.values())
        for start in range(0, len(feeds), _CHECKED_AT_ONCE):
            await asyncio.gather(*map(self._check, feeds[start : start + _CHECKED_AT_ONCE]))
        if failure:
            raise failure

    async def stop(self) -> None:
        """End all that is under way."""
        await end_tasks(*self._beginnings.values(), *self._repairs.values())

    async def _begin(self, feed: Feed) -> None:
        try:
            await self._bus.subscribe(feed.room.name)
            self._subscribed.add(feed.room.name)
            page = await self._log.read(feed.room.name, None, 0)
            feed.begin(page.newest)
        except UnavailableError as error:
            logger.warning("The room %r cannot be opened: %r", feed.room.name, error.__cause__)
            self._give_up(feed)
        except Exception:
            logger.exception("The room %r could not be opened", feed.room.name)
            self._give_up(feed)
        finally:
            del self._beginnings[feed]
        if feed.behind:
            self._repair(feed)

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
                if feed := self._feeds.get(room):
                    self._lose(feed)
            case _:
                feed = self._feeds.get(room)
                if feed and (feed in self._beginnings or not feed.take(event)):
                    self._repair(feed)

    def _end_all(self, connections: Iterable[Connection], close: Close) -> None:
        for connection in connections:
            self._end(connection, close)

    def _drop(self, connection: Connection) -> None:
        self._end(connection, Close.READS_TOO_SLOWLY)

    def _lose(self, feed: Feed) -> None:
        """End what can't be told what it missed; who comes next begins a new feed."""
        self._give_up(feed)
        self._end_all(list(feed.connections), Close.SERVICE_RESTART)

    def _give_up(self, feed: Feed) -> None:
        if self._feeds.get(feed.room.name) is feed:
            del self._feeds[feed.room.name]
        feed.lose()

    async def _hear(self, feed: Feed, position: Position) -> None:
        if not await feed.reached(position, self._tuning.bell_seconds):
            await self._catch_up(feed)

    def _repair(self, feed: Feed) -> None:
        feed.behind = True
        if feed not in self._repairs and feed not in self._beginnings:
            self._repairs[feed] = asyncio.create_task(self._mend(feed))

    async def _mend(self, feed: Feed) -> None:
        try:
            while feed.behind and not feed.lost:
                feed.behind = False
                await self._check(feed)
        except UnavailableError:
            self.missed.set()
        finally:
            del self._repairs[feed]

    async def _check(self, feed: Feed) -> None:
        await self._catch_up(feed)
        await self.call_roll(feed)

    async def _catch_up(self, feed: Feed) -> None:
        if feed in self._beginnings:
            await asyncio.wait([self._beginnings[feed]])
        while not feed.lost:
            after = feed.cursor
            page = await self.read(feed, after)
            if not page.follows(after):
                logger.warning("What was said in the room %r is lost in part", feed.room.name)
                await self._log.begin_anew(feed.room.name, after)
                self._lose(feed)
                return
            if page.entries and page.entries[-1].position > feed.cursor:
                metrics.GAPS_REPAIRED.inc()
            for entry in page.entries:
                feed.take(entry)
            if feed.cursor >= page.newest:
                return

    async def call_roll(self, feed: Feed) -> None:
        """Tell that this process lives, and find who came, went or died."""
        name = feed.room.name
        before = feed.version
        roll = await self._presence.call_roll(name)
        if roll.version < before:
            feed.version = 0
        for event in roll.went if feed.room.presence else ():
            await self.send(name, event)
        theirs = [one for one in feed.connections if one.id in roll.removed]
        self._end_all(theirs, Close.REMOVED)
        if roll.lost:
            await self._join_again(feed)
        if feed.room.presence and roll.version != feed.version:
            feed.attend(await self._presence.members(name))

    async def _join_again(self, feed: Feed) -> None:
        for connection in [one for one in feed.connections if one.joined]:
            try:
                came = await self._presence.join(connection.room, connection.user, connection.id)
            finally:
                if connection.ending:
                    self._not_left.add(connection)
            if not connection.ending and came and connection.announced:
                await self.send(feed.room.name, came)
