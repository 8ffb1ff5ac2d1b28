"""How tasks that run in the background are begun and ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from typing import Any

logger = logging.getLogger(__name__)

# What a framework needs around work of the owner's.
RunContext = Callable[[], AbstractAsyncContextManager[object]]
Work = Coroutine[Any, Any, None]


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: `asyncio.wait_for` may swallow a cancellation."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def calling(run: RunContext) -> AsyncIterator[None]:
    """Call code of the owner's; that it awaits what was cancelled is an error of its own."""
    task = asyncio.current_task()
    try:
        async with run():
            yield
    except asyncio.CancelledError as error:
        if task and task.cancelling():
            raise
        raise RuntimeError("It awaited a task that was cancelled") from error


@asynccontextmanager
async def logging_errors(run: RunContext, failed: str) -> AsyncIterator[None]:
    """Call code of the owner's; an error is logged under these words, and ends nothing."""
    try:
        async with calling(run):
            yield
    except Exception:
        logger.exception(failed)


class Spawner:
    """Runs work of the owner's in the background, each in a context of its own, until it ends.

    While it is `held`, nothing begins.
    """

    def __init__(self, context: Context, run: RunContext) -> None:
        self._context = context
        self._run = run
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin = asyncio.Event()
        self._begin.set()

    def spawn(self, work: Work) -> asyncio.Task[None]:
        """Run something; an error is logged."""
        task = asyncio.get_running_loop().create_task(
            self._work(work), context=self._context.copy()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # It may never begin.
        task.add_done_callback(lambda _: work.close())
        return task

    def hold(self) -> None:
        """Let nothing begin before `release`."""
        self._begin.clear()

    def release(self) -> None:
        """Let all begin that was spawned."""
        self._begin.set()

    async def end(self) -> None:
        """Cancel all, what it spawns meanwhile too, and wait until it has ended."""
        while self._tasks:
            await end_tasks(*self._tasks)

    async def _work(self, work: Work) -> None:
        try:
            await self._begin.wait()
            async with self._run():
                await work
        except Exception:
            logger.exception("%s failed", getattr(work, "__qualname__", "A task"))


class Turns:
    """Lets only a few begin in so many rounds of the event loop, so that a crowd delays nobody."""

    def __init__(self, rounds: int = 1, at_once: int = 8) -> None:
        self._rounds = rounds
        self._at_once = at_once
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # What an earlier loop took never comes back.
            self._loop, self._left = loop, asyncio.Semaphore(self._at_once)
        await self._left.acquire()
        self._give_back(self._rounds)

    def _give_back(self, rounds: int) -> None:
        if rounds:
            asyncio.get_running_loop().call_soon(self._give_back, rounds - 1)
        else:
            self._left.release()
