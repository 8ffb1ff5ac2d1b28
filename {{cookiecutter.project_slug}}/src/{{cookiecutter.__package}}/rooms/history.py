"""What was said in a room lately, read from its log."""

from typing import NamedTuple

from .backends.interfaces import Log, Page
from .protocol.events import Entry
from .protocol.positions import Position


class History(NamedTuple):
    """Messages of a room, oldest first.

    `position` is that of the last of them, or where the log stands if there are none. `recovered`
    is None for a caller that named no position, and False if what follows it can't be told.
    """

    entries: list[Entry]
    position: Position
    recovered: bool | None


def latest(newest: Position, count: int) -> Position:
    """Return a position after which there are at most `count` messages."""
    return Position(newest.epoch, max(newest.offset - count, 0))


async def read_history(
    log: Log, room: str, after: str | None, limit: int, *, follow: bool
) -> History:
    """Read up to `limit` messages that follow a position; without one, the last of them.

    `follow` as for `Log.read`.
    """
    position = Position.parse(after) if after else None
    page = await log.read(room, position, limit, follow=follow)
    recovered = None if after is None else position is not None and page.follows(position)
    if not recovered:
        page = await log.read(room, latest(page.newest, limit), limit, follow=follow)
    entries = page.entries
    while entries and entries[-1].position < page.newest and len(entries) < limit:
        page = await log.read(room, entries[-1].position, limit - len(entries), follow=follow)
        entries += page.entries
    return History(entries, entries[-1].position if entries else page.newest, recovered)


def before(page: Page) -> Position:
    """Return the position before the first message of a page."""
    if not page.entries:
        return page.newest
    return Position(page.newest.epoch, page.entries[0].offset - 1)
