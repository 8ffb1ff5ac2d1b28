"""What waits for one client: bounded in bytes, written in order by one task."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from .closes import Close

logger = logging.getLogger(__name__)

Send = Callable[[str], Awaitable[None]]
CloseSocket = Callable[[int, str], Awaitable[None]]

# Clients read up to 1 MiB at once, by default.
_LARGEST_JOINED = 65_536


class Outbox:
    """A queue of text frames, and the close at its end.

    With `joins`, what waits at the same time is sent as one frame, divided by newlines.
    Nothing is sent after the close. The task that writes lives only while there is something
    to write, so an idle client costs none.
    """

    __slots__ = (
        "_close",
        "_ending",
        "_joins",
        "_max_bytes",
        "_send",
        "_waiting",
        "_writer",
        "bytes",
        "sealed",
    )

    def __init__(self, send: Send, close: CloseSocket, max_bytes: int, *, joins: bool) -> None:
        self._send = send
        self._close = close
        self._max_bytes = max_bytes
        self._joins = joins
        self._waiting: deque[tuple[str, int]] = deque()
        self._ending: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.bytes = 0
        self.sealed = False

    def put(self, text: str, size: int) -> bool:
        """Queue a frame of `size` bytes; False if it would be more than may wait.

        Of any size it may be where nothing waits: that is no slow reader.
        """
        if self.sealed:
            return True
        if self.bytes and self.bytes + size > self._max_bytes:
            return False
        self._waiting.append((text, size))
        self.bytes += size
        self._wake()
        return True

    def finish(self, code: int, reason: str, last_words: str | None = None) -> None:
        """Take nothing more; close after what waits and the last words. The first call counts."""
        if self.sealed:
            return
        self.sealed = True
        if last_words:
            self._waiting.append((last_words, 0))
        self._ending = (code, reason)
        self._wake()

    def drop(self) -> None:
        """Forget what waits, also the frame that the client does not take."""
        self._waiting.clear()
        self.bytes = 0
        if self._writer:
            self._writer.cancel()
            self._writer = None

    async def abandon(self) -> None:
        """Take and write nothing more, because the client is gone."""
        self.sealed = True
        self._ending = None
        writer = self._writer
        self.drop()
        if writer:
            await asyncio.wait([writer])

    async def written(self) -> None:
        """Wait until nothing is left to write."""
        if self._writer:
            await asyncio.wait([self._writer])

    def _wake(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())
            self._writer.add_done_callback(self._stopped)

    async def _write(self) -> None:
        while self._waiting:
            text, size = self._join() if self._joins else self._waiting.popleft()
            await self._send(text)
            self.bytes -= size
        if self._ending:
            ending, self._ending = self._ending, None
            await self._close(*ending)

    def _join(self) -> tuple[str, int]:
        if self.bytes <= _LARGEST_JOINED:
            joined = "\n".join([text for text, _ in self._waiting])
            self._waiting.clear()
            return joined, self.bytes
        text, size = self._waiting.popleft()
        texts = [text]
        while self._waiting and size + self._waiting[0][1] <= _LARGEST_JOINED:
            text, more = self._waiting.popleft()
            texts.append(text)
            size += more
        return "\n".join(texts), size

    def _stopped(self, writer: asyncio.Task[None]) -> None:
        if writer.cancelled() or not (error := writer.exception()):
            return
        logger.debug("A client cannot be written to: %r", error)
        self.sealed = True
        self._waiting.clear()
        if writer is self._writer:
            self._writer = asyncio.get_running_loop().create_task(self._give_up())

    async def _give_up(self) -> None:
        # In vain if the client is gone; else it learns that something failed.
        row = Close.INTERNAL_ERROR.row
        with contextlib.suppress(Exception):
            await self._close(row.code, row.reason or "")
