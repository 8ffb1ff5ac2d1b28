"""Time, behind a protocol, so that a test can move it."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Timer(Protocol):
    """A call that has not happened yet."""

    def cancel(self) -> None:
        """Make sure that it does not happen."""


class Clock(Protocol):
    """Tells the time and calls back later."""

    def time(self) -> float:
        """Seconds since the epoch, as tokens count them."""

    def monotonic(self) -> float:
        """Seconds that only grow, for rates."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once `time()` has reached `when`."""


def rfc3339(seconds: float) -> str:
    """Write a time, in seconds since the epoch, to the millisecond."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{_to_the_second(whole)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back in the running event loop."""
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), callback)
