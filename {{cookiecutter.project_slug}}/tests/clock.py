"""A clock that stands until a test moves it."""

import time
from collections.abc import Callable


class ManualTimer:
    """A call that waits for the clock."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Starts at the machine's time."""

    def __init__(self) -> None:
        self._now = time.time()
        self._timers: list[ManualTimer] = []

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(when, callback)
        self._timers.append(timer)
        return timer

    @property
    def pending(self) -> int:
        """How many calls are still to come."""
        return sum(not timer.cancelled for timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Move on, and call what is due."""
        self._now += seconds
        due = [timer for timer in self._timers if timer.when <= self._now]
        self._timers = [timer for timer in self._timers if timer.when > self._now]
        for timer in due:
            if not timer.cancelled:
                timer.callback()
