"""What is done for one connection, one thing after the other, beside the reading of its socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context, copy_context

Job = Callable[[], Awaitable[None]]

# A short frame that waits takes memory too.
_SMALLEST_BYTES = 1_024
# What comes last, and what does not heed a cancellation, is cancelled after so long.
_LAST_SECONDS = 1.0


class Lane:
    """A queue of jobs, run in order by a task that lives only while there is work.

    The jobs raise nothing. They run in a `context`, whoever puts them: a request's is gone by then.
    """

    def __init__(self, max_bytes: int, context: Context | None = None) -> None:
        self.bytes = 0
        self.closed = False
        self._max_bytes = max_bytes
        self._context = context or copy_context()
        self._jobs: deque[tuple[Job, int]] = deque()
        self._last: Job | None = None
        self._ready: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits."""
        return self._task is None

    def put(self, job: Job, size: int = 0) -> None:
        """Run a job behind those that wait; `size` is that of its frame in bytes."""
        if not self.closed:
            size = max(size, _SMALLEST_BYTES)
            self._jobs.append((job, size))
            self.bytes += size
            self._wake()

    def close(self, last: Job) -> None:
        """Take nothing more, and run this behind what waits. The first call counts."""
        if not self.closed:
            self.closed = True
            self._last = last
            self._wake()

    def drop(self) -> None:
        """Forget what has not begun, but for what comes last."""
        self._jobs.clear()
        self.bytes = 0
        self._tell_ready()

    async def ready(self) -> None:
        """Wait until no more waits than may."""
        while self.bytes > self._max_bytes:
            self._ready = self._ready or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._ready)

    async def finished(self) -> None:
        """Wait until nothing runs or waits."""
        while self._task:
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """Cancel what runs, forget what waits, and give what comes last a moment."""
        self.drop()
        while self._task:
            self._task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self.finished()

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._work(), context=self._context.copy()
            )
            self._task.add_done_callback(self._ended)

    async def _work(self) -> None:
        try:
            while job := self._next():
                try:
                    await job()
                except asyncio.CancelledError:
                    # By `cancel`: what comes last is done all the same.
                    if not self._last or not self._task:
                        raise
                    self._task.uncancel()
        finally:
            self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            # It was cancelled before it began.
            self._task = None
            if self._jobs or self._last:
                self._wake()

    def _next(self) -> Job | None:
        if self._jobs:
            job, size = self._jobs.popleft()
            self.bytes -= size
            self._tell_ready()
            return job
        last, self._last = self._last, None
        return last

    def _tell_ready(self) -> None:
        if self._ready and self.bytes <= self._max_bytes:
            self._ready.set_result(None)
            self._ready = None
