"""What is noted of connections, by a count and a line, and of messages, by a count."""

import logging
import time

from .. import metrics
from ..protocol.closes import Close, CloseRow
from .connection import Connection

logger = logging.getLogger(__name__)

# Every row is exported from the start: a rate over the first close needs a zero before it.
for _row in (metrics.CLIENT_LEFT, *Close.__members__):
    metrics.CLOSES.labels(_row)


def record_join(connection: Connection) -> None:
    """Record that a connection was let in."""
    metrics.JOINS.inc()
    logger.info("Joined", extra=connection.facts)


def record_end(connection: Connection) -> None:
    """Record that a connection is gone, and how it was closed."""
    seconds = round(time.monotonic() - connection.since, 3)
    more = {"seconds": seconds, "messages": connection.received}
    _record_close(connection.closed_with, {**connection.facts, **more})


def record_failure(room: str) -> None:
    """Record a socket that failed before it was a connection."""
    facts = {"connection": "", "room": room, "user": "", "seconds": 0.0, "messages": 0}
    _record_close(Close.INTERNAL_ERROR, facts)


def _record_close(close: CloseRow | None, facts: dict[str, object]) -> None:
    row = close.name if close else metrics.CLIENT_LEFT
    metrics.CLOSES.labels(row).inc()
    logger.info("Closed", extra={**facts, "row": row})


def record_message() -> float:
    """Record a message to be said; return the moment, for `record_delivery`."""
    metrics.MESSAGES_IN.inc()
    return time.perf_counter()


def record_delivery(begun: float) -> None:
    """Record that a message was written to the members at this process."""
    metrics.DELIVERY_SECONDS.observe(time.perf_counter() - begun)
