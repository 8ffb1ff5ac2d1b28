"""One room in this process: which connections are in it, and what they are told."""

import asyncio
import logging
from contextlib import suppress
from functools import partial

from .. import metrics
from ..backends.interfaces import Heartbeat, Page, Room
from ..connections.connection import Connection
from ..errors import UnavailableError
from ..protocol import frames
from ..protocol.closes import Close, CloseConnection
from ..protocol.events import Direct, Entry, Ephemeral, Told
from ..protocol.positions import Position
from .fanout import Fanout
from .links import Links
from .member_list import MemberList

logger = logging.getLogger(__name__)


class Stream:
    """Keeps a room's connections in step with its log and its members, from its first one on.

    A stream that is `lost` passes nothing on any more: who comes next needs a new one.
    """

    def __init__(self, room: Room, links: Links) -> None:
        self.room = room
        self.connections: set[Connection] = set()
        self.fanout = Fanout(lambda slow: links.end(slow, Close.READS_TOO_SLOWLY))
        self.members = MemberList(self.fanout.tell_all)
        self._links = links
        self._page_bytes = min(links.tuning.page_bytes, links.max_bytes // 4)
        self._joined: set[Connection] = set()
        self._heartbeat: tuple[int, Heartbeat] | None = None
        self._begun, self._lost = asyncio.Event(), asyncio.Event()
        self._following = False
        # Set when a message or a member may be missing.
        self._behind = False
        self.worker = asyncio.create_task(self._begin())

    @property
    def lost(self) -> bool:
        """Whether its connections can't be told what they missed."""
        return self._lost.is_set()

    @property
    def expected_position(self) -> Position | None:
        """The newest message that the log must have; None unless the stream follows the log."""
        return self.fanout.cursor if self._following else None

    async def attach(self, connection: Connection) -> None:
        """Add a connection, once the stream has begun.

        Raises:
            UnavailableError: it could not begin.
        """
        self.connections.add(connection)
        await self._begun.wait()
        if self.lost:
            raise UnavailableError

    def detach(self, connection: Connection) -> None:
        """Stop delivering to a connection."""
        self.connections.discard(connection)
        self._joined.discard(connection)
        self.fanout.forget(connection)

    async def join(self, connection: Connection, capacity: int) -> bool:
        """Make a connection's user a member, and tell the others.

        Returns:
            Whether this is the user's first connection.

        Raises:
            CloseConnection: the room is full.
        """
        name, presence = self.room.name, self._links.presence
        join = partial(presence.join, name, connection.user, connection.id, capacity)
        try:
            came = await join()
        except CloseConnection:
            # Members of a process that died may still be counted.
            await self.renew_lease()
            await self.update_members()
            came = await join()
        if connection in self.connections:
            self._joined.add(connection)
        if self.room.presence:
            self.members.apply_snapshot(await presence.members(name))
            if came:
                await self._links.send(name, came)
        return came is not None

    def apply(self, event: Entry | Told) -> None:
        """Pass on what happened; repair the stream if something before it is missing."""
        done = True
        match event:
            case Entry():
                done = self.fanout.apply(event)
            case Ephemeral():
                self.fanout.tell_all(frames.Encoded(event.text), event.but)
            case Direct():
                frame = frames.Encoded(event.text)
                for connection in [one for one in self.connections if one.user == event.user]:
                    self.fanout.tell_one(connection, frame)
            case _:
                done = self.members.apply(event)
        if not done:
            self.repair()

    def repair(self) -> None:
        """Read soon what is missing, and again until that succeeds."""
        self._behind = True
        if self.worker.done():
            self.worker = asyncio.create_task(self._repair())

    def publish(self, entry: Entry) -> None:
        """Pass on what was said here; what was said before it may still be on its way."""
        if not self.fanout.apply(entry) and not self._begun.is_set():
            self._behind = True

    async def wait_for(self, position: Position) -> None:
        """Wait until a message was passed on, or is to be read soon."""
        try:
            await self.reach(position)
        except UnavailableError:
            self.repair()

    async def reach(self, position: Position) -> None:
        """Wait until a message was passed on; read it from the log if no bell tells of it."""
        if not await self.fanout.reached(position, self._links.tuning.bell_seconds):
            await self.catch_up()

    async def catch_up(self) -> None:
        """Pass on what the log has and no bell told of."""
        await self._begun.wait()
        while not self.lost:
            after = self.fanout.cursor
            page = await self.read(after)
            if not page.follows(after):
                logger.warning("What was said in the room %r is lost in part", self.room.name)
                await self._links.log.reset_epoch(self.room.name, after)
                self._lose()
                return
            if page.entries and page.entries[-1].position > self.fanout.cursor:
                metrics.GAPS_REPAIRED.inc()
                self._links.bus.report_gap(self.room.name)
            for entry in page.entries:
                self.fanout.apply(entry)
            if self.fanout.cursor >= page.newest:
                return

    async def read(self, after: Position | None) -> Page:
        """Read a page of what follows a position."""
        limit = self._links.tuning.page
        return await self._links.log.read(self.room.name, after, limit, self._page_bytes)

    def hold(self, connection: Connection) -> None:
        """Keep live messages back from a connection until `follow` has told it what came before."""
        # The rest is for a page of what came before.
        self.fanout.hold(connection, self._links.max_bytes - self._page_bytes)

    async def follow(self, connection: Connection, seen: Position, page: Page) -> None:
        """Tell a connection what comes after `seen`: from this page on, then as it is said."""
        while True:
            while page.entries and not connection.ending:
                # In one place and in one form at a time, as it counts once.
                seen = page.entries[0].position
                frame = frames.encode_entry(page.entries.pop(0))
                # The rest is for the next page, and for what is told meanwhile and not kept.
                await self._make_room(connection, frame.size + self._page_bytes)
                connection.send(frame)
                metrics.DELIVERIES.inc()
            await self.reach(page.newest)
            if connection.ending or (seen >= page.newest and self.fanout.release(connection, seen)):
                return
            self.hold(connection)
            page = await self.read(seen)
            if not page.follows(seen):
                self._links.end(connection, Close.READS_TOO_SLOWLY)

    async def renew_lease(self) -> None:
        """Tell that this process lives."""
        version = self.members.version
        self._heartbeat = version, await self._links.presence.heartbeat(self.room.name)

    async def update_members(self) -> None:
        """Apply what the last heartbeat found: who came, went, died or was removed."""
        if self._heartbeat is None:
            return
        (version, found), self._heartbeat = self._heartbeat, None
        name = self.room.name
        if found.version < version:
            self.members.forget_version()
        for event in found.went if self.room.presence else ():
            await self._links.send(name, event)
        self._end([one for one in self.connections if one.id in found.removed], Close.REMOVED)
        if found.lost:
            await self._join_again()
        if self.room.presence and found.version != self.members.version:
            self.members.apply_snapshot(await self._links.presence.members(name))

    def invalidate(self) -> None:
        """Pass nothing on any more: what was missed can't be told."""
        self._following = False
        self.fanout.close()
        self._lost.set()

    async def _begin(self) -> None:
        try:
            if not await self._links.attempt("open", self.room.name, self._open):
                self.invalidate()
        finally:
            self._begun.set()
        await self._repair()

    async def _open(self) -> None:
        await self._links.bus.subscribe(self.room.name)
        page = await self._links.log.read(self.room.name, None, 0)
        self.fanout.begin(page.newest)
        self._following = True

    async def _repair(self) -> None:
        failures = 0
        while self._behind and not self.lost:
            self._behind = False
            if not await self._links.attempt("repair", self.room.name, self._check):
                self._behind = True
                failures += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._links.tuning.pause(failures)):
                        await self._lost.wait()

    async def _check(self) -> None:
        await self.catch_up()
        await self.renew_lease()
        await self.update_members()

    async def _join_again(self) -> None:
        for connection in list(self._joined):
            try:
                came = await self._links.presence.join(
                    self.room.name, connection.user, connection.id
                )
            finally:
                if connection.ending:
                    self._links.departures.leave_later(connection)
            if came and self.room.presence and not connection.ending:
                await self._links.send(self.room.name, came)

    async def _make_room(self, connection: Connection, size: int) -> None:
        """Wait until the outbox has room for more; end a connection that takes nothing."""
        while waiting := connection.waiting_bytes:
            held = waiting + self.fanout.held_bytes(connection)
            if connection.ending or held + size <= self._links.max_bytes:
                return
            try:
                async with asyncio.timeout(self._links.tuning.stalled_seconds):
                    await connection.drained()
            except TimeoutError:
                if connection.waiting_bytes >= waiting:
                    self._links.end(connection, Close.READS_TOO_SLOWLY)

    def _lose(self) -> None:
        """End those who can't be told what they missed."""
        self.invalidate()
        self._end(list(self.connections), Close.SERVICE_RESTART)

    def _end(self, connections: list[Connection], close: Close) -> None:
        for connection in connections:
            self._links.end(connection, close)
