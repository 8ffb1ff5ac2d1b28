"""What waits for one client: bounded in bytes, written in order by one task."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from ..protocol.frames import Batch, Encoded
from .transport import Transport

logger = logging.getLogger(__name__)


class Outbox:
    """A queue of text frames, and the close at its end.

    Where nothing waits, the transport's `write` takes a frame at once, if the server has such a
    thing. The task that sends the others lives only while there is something to send. Nothing is
    sent after the close. An outbox that can't send calls `failed`, which has to end the connection.
    """

    def __init__(
        self, transport: Transport, max_bytes: int, failed: Callable[[BaseException], None]
    ) -> None:
        self._send = transport.send
        self._close = transport.close
        self._write = transport.write
        self._max_bytes = max_bytes
        self._failed = failed
        self._waiting: deque[Encoded] = deque()
        self._ending: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.bytes = 0
        self.sealed = False

    def put(self, frame: Encoded) -> bool:
        """Write or queue a frame; return False if more would wait than may.

        An empty outbox accepts a frame of any size: its client is no slow reader.
        """
        if self.sealed:
            return True
        if not self.bytes and self._write and self._write(frame):
            return True
        if self.bytes and self.bytes + frame.size > self._max_bytes:
            return False
        self._waiting.append(frame)
        self.bytes += frame.size
        self._wake()
        return True

    def put_batch(self, batch: Batch) -> bool:
        """Write all frames of a batch at once, or queue them one by one, whole.

        Returns:
            False if a frame would be more than may wait: those before it are queued.
        """
        if not self.bytes and self._write and not self.sealed and self._write(batch):
            return True
        return all(map(self.put, batch.frames))

    def finish(self, code: int, reason: str, last_words: Encoded | None = None) -> None:
        """Take nothing more; close after what waits and the last words. The first call counts."""
        if self.sealed:
            return
        self.sealed = True
        if last_words:
            self._waiting.append(last_words)
            self.bytes += last_words.size
        self._ending = (code, reason)
        self._wake()

    def seal(self) -> None:
        """Take nothing more."""
        self.sealed = True

    def drop(self) -> None:
        """Forget what waits, also the frame that the client does not take."""
        self._waiting.clear()
        self.bytes = 0
        if self._writer:
            self._writer.cancel()
            self._writer = None

    async def abandon(self) -> None:
        """Take and write nothing more, because the client is gone."""
        self.seal()
        self._ending = None
        writer = self._writer
        self.drop()
        if writer:
            await asyncio.wait([writer])

    async def drained(self) -> None:
        """Wait until nothing is left to write."""
        while self._writer and not self._writer.done():
            await asyncio.wait([self._writer])

    def _wake(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._send_all())
            self._writer.add_done_callback(self._stopped)

    async def _send_all(self) -> None:
        while self._waiting:
            frame = self._waiting.popleft()
            await self._send(frame.text)
            self.bytes -= frame.size
        if self._ending:
            ending, self._ending = self._ending, None
            await self._close(*ending)

    def _stopped(self, writer: asyncio.Task[None]) -> None:
        if writer.cancelled() or not (error := writer.exception()) or writer is not self._writer:
            return
        logger.debug("A client cannot be written to: %r", error)
        self._waiting.clear()
        self.bytes = 0
        if self._ending:
            # The close may arrive all the same.
            self._wake()
        elif not self.sealed:
            self._failed(error)
