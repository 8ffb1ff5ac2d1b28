"""How long a test waits, and what it says when that was too long."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

LIMIT_SECONDS = 5.0

T = TypeVar("T")


async def within(what: str, awaitable: Awaitable[T]) -> T:
    """Wait for something, but no longer than a test should."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await awaitable
    except TimeoutError:
        pytest.fail(f"waited {LIMIT_SECONDS:g} s for {what}", pytrace=True)
