"""Closes connections whose identity no longer holds."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ..auth.identities import Authenticator
from ..protocol.closes import Close
from ..tasks import RunContext
from ..tuning import Tuning
from .connection import Connection
from .roster import Roster

logger = logging.getLogger(__name__)

End = Callable[[Connection, Close], None]


async def keep_revoking(
    roster: Roster,
    authenticators: Sequence[Authenticator],
    end: End,
    tuning: Tuning,
    run: RunContext,
) -> None:
    """Ask about once a minute which identities still hold, until it is cancelled.

    `run` goes around each question.
    """
    while True:
        await asyncio.sleep(tuning.identity_seconds)
        for authenticator in authenticators:
            theirs = [
                one for one in roster.admitted() if one.admission.authenticator is authenticator
            ]
            if theirs:
                async with run():
                    await _end_revoked(authenticator, theirs, end)


async def _end_revoked(
    authenticator: Authenticator, connections: Sequence[Connection], end: End
) -> None:
    identities = [one.admission.identity for one in connections]
    try:
        holds = await authenticator.still_holds(identities)
        asked = list(zip(connections, identities, holds, strict=True))
    except Exception:
        # Nobody knows, so all stay until the next time.
        logger.exception("It can't be told which identities still hold")
        return
    for connection, identity, holding in asked:
        # It may have been renewed meanwhile.
        if not holding and connection.admission.identity is identity:
            end(connection, Close.REMOVED)
