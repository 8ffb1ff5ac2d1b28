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
    """Lets only a few begin in each round of the event loop, so that a crowd delays nobody."""

    def __init__(self, in_a_round: int = 8) -> None:
        self._semaphore = asyncio.Semaphore(in_a_round)

    async def take(self) -> None:
        """Wait for a turn."""
        await self._semaphore.acquire()
        asyncio.get_running_loop().call_soon(self._semaphore.release)
