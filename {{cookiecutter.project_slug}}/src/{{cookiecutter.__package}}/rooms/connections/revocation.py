"""Closes connections whose identity no longer holds."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ..auth.identities import Authenticator
from ..protocol.closes import Close
from ..tasks import RunContext, Work
from ..tuning import Tuning
from .connection import Connection
from .roster import Roster

logger = logging.getLogger(__name__)

End = Callable[[Connection, Close], None]
_TOGETHER_SECONDS = 0.1


class Revocation:
    """Asks the authenticators which identities still hold; `run` goes around each question."""

    def __init__(
        self,
        roster: Roster,
        authenticators: Sequence[Authenticator],
        end: End,
        tuning: Tuning,
        run: RunContext,
    ) -> None:
        self._roster = roster
        self._authenticators = authenticators
        self._end = end
        self._tuning = tuning
        self._run = run
        self._doubted: set[str] = set()
        self._told = asyncio.Event()

    def doubt(self, account: str) -> None:
        """Have it asked at once whether the identities of an account still hold."""
        self._doubted.add(account)
        self._told.set()

    def keep(self) -> Sequence[Work]:
        """Ask about all once a minute, and about who is doubted, until each is cancelled."""
        return self._keep_asking(), self._keep_answering_doubts()

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(self._tuning.identity_seconds)
            await self._ask(self._roster.admitted())

    async def _keep_answering_doubts(self) -> None:
        while True:
            await self._told.wait()
            # Whoever changes many accounts has few questions asked.
            await asyncio.sleep(_TOGETHER_SECONDS)
            self._told.clear()
            doubted, self._doubted = self._doubted, set()
            admitted = self._roster.admitted()
            await self._ask([one for one in admitted if one.admission.identity.account in doubted])

    async def _ask(self, connections: Sequence[Connection]) -> None:
        for authenticator in self._authenticators:
            theirs = [one for one in connections if one.admission.authenticator is authenticator]
            try:
                if theirs:
                    async with self._run():
                        await self._revoke(authenticator, theirs)
            except Exception:
                # Nobody knows, so all stay until the next time.
                logger.exception("It can't be told which identities still hold")

    async def _revoke(self, authenticator: Authenticator, theirs: Sequence[Connection]) -> None:
        identities = [one.admission.identity for one in theirs]
        holds = await authenticator.still_holds(identities)
        for connection, identity, holding in list(zip(theirs, identities, holds, strict=True)):
            # It may have been renewed meanwhile.
            if not holding and connection.admission.identity is identity:
                self._end(connection, Close.REMOVED)
