"""How tasks that run in the background are ended."""

import asyncio


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: `asyncio.wait_for` may swallow a cancellation."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)


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
