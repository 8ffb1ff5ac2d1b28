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
            try:
                async with run():
                    await _revoke(roster, authenticator, end)
            except Exception:
                # Nobody knows, so all stay until the next time.
                logger.exception("It can't be told which identities still hold")


async def _revoke(roster: Roster, authenticator: Authenticator, end: End) -> None:
    admitted = roster.admitted()
    theirs = [one for one in admitted if one.admission.authenticator is authenticator]
    if not theirs:
        return
    identities = [one.admission.identity for one in theirs]
    holds = await authenticator.still_holds(identities)
    for connection, identity, holding in list(zip(theirs, identities, holds, strict=True)):
        # It may have been renewed meanwhile.
        if not holding and connection.admission.identity is identity:
            end(connection, Close.REMOVED)
