"""What is noted of each connection: a count and a line when it comes, and when it goes."""

import logging

from . import metrics
from .closes import Close
from .connection import Connection

logger = logging.getLogger(__name__)

# How the server library ends a connection by itself.
_LIBRARYS = {close.row.code: close.name for close in (Close.INVALID_UTF8, Close.TOO_BIG)}


def facts(connection: Connection) -> dict[str, str]:
    """Name a connection in a line of the log, as its `extra`."""
    return {"connection": connection.id, "room": connection.room, "user": connection.user}


def note_join(connection: Connection) -> None:
    """It was let in."""
    metrics.JOINS.inc()
    logger.info("Joined", extra=facts(connection))


def note_end(connection: Connection, code: int | None, seconds: float) -> None:
    """It is gone, `seconds` after it came; `code` is that of the close frame, if there was one."""
    told = connection.closed_with
    row = told.name if told else _LIBRARYS.get(code or 0, metrics.CLIENT_LEFT)
    metrics.CLOSES.labels(row).inc()
    more = {"row": row, "seconds": round(seconds, 3), "messages": connection.received}
    logger.info("Closed", extra={**facts(connection), **more})
