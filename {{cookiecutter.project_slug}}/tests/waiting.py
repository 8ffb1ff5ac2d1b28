"""How long a test waits, and what it says when that was too long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

LIMIT_SECONDS = 10.0
# A process has to import all of its libraries first.
PROCESS_LIMIT_SECONDS = 30.0

T = TypeVar("T")


async def within(what: str, awaitable: Awaitable[T], seconds: float = LIMIT_SECONDS) -> T:
    """Wait for something, but no longer than a test should."""
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        pytest.fail(f"waited {seconds:g} s for {what}", pytrace=True)


async def until(
    what: str, condition: Callable[[], Awaitable[bool]], seconds: float = LIMIT_SECONDS
) -> None:
    """Ask again and again until a condition holds, but no longer than a test should."""

    async def asking() -> None:
        pause = 0.01
        while not await condition():
            await asyncio.sleep(pause)
            # What takes longer is asked less often: asking takes time from what is waited for.
            pause = min(1.5 * pause, 0.1)

    await within(what, asking(), seconds)


async def until_told() -> None:
    """Let as many rounds of the event loop pass as it takes to tell members what was said."""
    for _ in range(12):
        await asyncio.sleep(0)
