"""One client in one room."""

import asyncio
import secrets
import time

from .. import metrics
from ..auth.identities import Admission
from ..clock import Timer
from ..protocol.closes import Close
from ..protocol.frames import Batch, Encoded, LastWords, encode
from .outbox import Outbox
from .rate import RateLimit


class Connection:
    """What is kept for one client: its name, its outbox, its rate, its token's expiry."""

    __slots__ = (
        "_outbox",
        "admission",
        "announced",
        "closed_with",
        "expiry",
        "frame_rate",
        "id",
        "joined",
        "joining",
        "leaving",
        "opened",
        "rate",
        "received",
        "room",
        "session",
        "since",
        "user",
    )

    # There once it is admitted; nothing that it sends counts before.
    admission: Admission

    def __init__(self, room: str, outbox: Outbox, rate: RateLimit, frame_rate: RateLimit) -> None:
        self.id = secrets.token_hex(8)
        self.room = room
        self.user = ""
        self.session: str | None = None
        # Once it has begun to join it has to leave, whether it has joined or not.
        self.joining = False
        self.joined = False
        self.announced = False
        self.opened = False
        self.since = time.monotonic()
        self.received = 0
        self.closed_with: Close | None = None
        self.rate = rate
        # Of all that the client sends, pings and fragments too.
        self.frame_rate = frame_rate
        self.expiry: Timer | None = None
        self.leaving: asyncio.Task[None] | None = None
        self._outbox = outbox

    def admit(self, admission: Admission) -> None:
        """Record who the client is; the newest admission counts."""
        self.admission = admission
        self.user = admission.identity.user
        self.session = admission.identity.session

    @property
    def ending(self) -> bool:
        """Whether it was told to close, or is gone."""
        return self._outbox.sealed

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be written."""
        return self._outbox.bytes

    @property
    def retry_after(self) -> float:
        """Seconds until it may speak again as fast as it likes."""
        return max(self.rate.retry_after, self.frame_rate.retry_after)

    def send(self, frame: Encoded) -> bool:
        """Let a frame wait for the client; False if too much waits already."""
        return self._outbox.put(frame)

    def send_batch(self, batch: Batch) -> bool:
        """Queue frames that were told in one round; False if the outbox can't take them all."""
        return self._outbox.put_batch(batch)

    async def send_when_fits(self, frame: Encoded) -> None:
        """Let a frame wait for the client, once what waits already leaves room for it."""
        while not self.send(frame):
            await self.drained()

    def finish(self, close: Close, retry_after: float | None = None) -> None:
        """Close after what waits and the row's last words; `retry_after` is in seconds."""
        row = close.row
        self.closed_with = close
        last_words = None
        if close is Close.READS_TOO_SLOWLY:
            metrics.DROPPED_BYTES.inc(self.waiting_bytes)
            self._outbox.drop()
        if row.last_words:
            last_words = encode(LastWords(type=row.last_words, retry_after=retry_after))
        self._outbox.finish(row.code, row.reason or "", last_words)

    async def drained(self) -> None:
        """Wait until all was sent that waits, and the close."""
        await self._outbox.drained()

    async def abandon(self) -> None:
        """Send nothing more: the client is gone."""
        await self._outbox.abandon()
