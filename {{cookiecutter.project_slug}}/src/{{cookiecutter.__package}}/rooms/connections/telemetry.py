"""What is noted of connections, by a count and a line, and of messages, by a count."""

import logging
import time

from .. import metrics
from ..protocol.closes import Close
from .connection import Connection

logger = logging.getLogger(__name__)

# Every row is exported from the start: a rate over the first close needs a zero before it.
for _row in (metrics.CLIENT_LEFT, *Close.__members__):
    metrics.CLOSES.labels(_row)

# How the server library ends a connection by itself.
_LIBRARYS = {close.row.code: close.name for close in (Close.INVALID_UTF8, Close.TOO_BIG)}


def facts(connection: Connection) -> dict[str, str]:
    """Name a connection in a line of the log, as its `extra`."""
    return {"connection": connection.id, "room": connection.room, "user": connection.user}


def record_join(connection: Connection) -> None:
    """It was let in."""
    metrics.JOINS.inc()
    logger.info("Joined", extra=facts(connection))


def record_end(connection: Connection, code: int | None) -> None:
    """It is gone; `code` is that of the close frame, if there was one."""
    told = connection.closed_with
    row = told.name if told else _LIBRARYS.get(code or 0, metrics.CLIENT_LEFT)
    metrics.CLOSES.labels(row).inc()
    seconds = round(time.monotonic() - connection.since, 3)
    more = {"row": row, "seconds": seconds, "messages": connection.received}
    logger.info("Closed", extra={**facts(connection), **more})


def record_message() -> float:
    """It is to be said; when that was, for `note_delivery`."""
    metrics.MESSAGES_IN.inc()
    return time.perf_counter()


def record_delivery(begun: float) -> None:
    """It was written to the members at this process."""
    metrics.DELIVERY_SECONDS.observe(time.perf_counter() - begun)
