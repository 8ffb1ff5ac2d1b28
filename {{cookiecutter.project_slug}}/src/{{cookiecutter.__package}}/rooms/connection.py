"""One client in one room."""

import asyncio
import secrets

from ..config import Config
from .clock import Clock, Timer
from .closes import Close
from .frames import Encoded, LastWords, encode
from .outbox import CloseSocket, Outbox, Send
from .rate import RateLimit


class Connection:
    """What is kept for one client: its name, its outbox, its rate, its token's expiry.

    An adapter hands over two callables: `send(text)`, and `close_socket(code, reason)`.
    """

    __slots__ = (
        "_outbox",
        "announced",
        "expiry",
        "id",
        "joined",
        "joining",
        "leaving",
        "opened",
        "rate",
        "room",
        "session",
        "user",
    )

    def __init__(
        self, room: str, send: Send, close_socket: CloseSocket, config: Config, clock: Clock
    ) -> None:
        self.id = secrets.token_hex(8)
        self.room = room
        self.user = ""
        self.session: str | None = None
        # Once it has begun to join it has to leave, whether it has joined or not.
        self.joining = False
        self.joined = False
        self.announced = False
        self.opened = False
        self.rate = RateLimit(config.messages_per_second, clock)
        self.expiry: Timer | None = None
        self.leaving: asyncio.Task[None] | None = None
        self._outbox = Outbox(send, close_socket, config.outbox_bytes)

    @property
    def ending(self) -> bool:
        """Whether it was told to close, or is gone."""
        return self._outbox.sealed

    def send(self, frame: Encoded) -> bool:
        """Let a frame wait for the client; False if too much waits already."""
        return self._outbox.put(frame.text, frame.size)

    async def send_when_fits(self, frame: Encoded) -> None:
        """Let a frame wait for the client, once what waits already leaves room for it."""
        while not self.send(frame):
            await self.written()

    def finish(self, close: Close, retry_after: float | None = None) -> None:
        """Close after what waits and the row's last words; `retry_after` is in seconds."""
        row = close.row
        last_words = None
        if close is Close.READS_TOO_SLOWLY:
            self._outbox.drop()
        if row.last_words:
            last_words = encode(LastWords(type=row.last_words, retry_after=retry_after)).text
        self._outbox.finish(row.code, row.reason or "", last_words)

    async def written(self) -> None:
        """Wait until all was sent that waits, and the close."""
        await self._outbox.written()

    async def abandon(self) -> None:
        """Send nothing more: the client is gone."""
        await self._outbox.abandon()
