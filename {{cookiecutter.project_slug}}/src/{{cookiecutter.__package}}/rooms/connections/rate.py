"""How fast one client may speak."""

import math

from ..clock import Clock

# Pings, fragments and the like count against these: so many for each message that is allowed,
# or, where messages have no limit, a second.
_FRAMES_A_MESSAGE = 10
_FRAMES_A_SECOND = 1_000
# A shorter pause in reading needs no credit.
_SHORTEST_PAUSE = 0.05


class RateLimit:
    """A token bucket: `per_second` messages, with a burst of as many; 0 is no limit."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._allowance = self._most = float(per_second)
        self._checked_at = clock.monotonic()

    @property
    def retry_after(self) -> float:
        """Seconds until a whole burst is allowed again, to a tenth."""
        if not self._per_second:
            return 0.0
        return math.ceil(10 - 10 * self._allowance / self._per_second) / 10

    def allow(self, count: int = 1) -> bool:
        """Count messages; False if they are too many."""
        if not self._per_second:
            return True
        now = self._clock.monotonic()
        grown = self._allowance + (now - self._checked_at) * self._per_second
        self._allowance = min(self._most, grown)
        self._checked_at = now
        allowed = min(count, int(self._allowance))
        self._allowance -= allowed
        # What a pause brought is used up, and does not grow again.
        self._most = max(float(self._per_second), self._allowance)
        return allowed == count

    def credit_unread(self) -> None:
        """Allow more than a burst for once, as nothing was read since the last count."""
        seconds = self._clock.monotonic() - self._checked_at
        if seconds > _SHORTEST_PAUSE:
            self._most += seconds * self._per_second


def frame_limit(messages_per_second: int, clock: Clock) -> RateLimit:
    """Build the limit of all frames that goes with a limit of messages."""
    return RateLimit(_FRAMES_A_MESSAGE * messages_per_second or _FRAMES_A_SECOND, clock)
