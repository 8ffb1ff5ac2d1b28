"""How often one address may try the password of one room."""

from collections import Counter

from ..addresses import network_of
from ..clock import Clock
from ..errors import TooManyGuessesError

WINDOW_SECONDS = 60.0
# Pairs of an address and a room; about 3 MB.
MOST_KEPT = 10_000


class PasswordThrottle:
    """Counts the guesses of each address at each room, in this process, and from time to time anew.

    Where there are too many to keep, the oldest are forgotten.
    """

    def __init__(self, clock: Clock, most: int, kept: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._kept = kept
        self._until = 0.0
        self._guesses: Counter[tuple[str, str]] = Counter()

    def count(self, address: str, room: str) -> None:
        """Count a guess, before it is known whether it is right: many may come at once.

        Raises:
            TooManyGuessesError: it is one too many.
        """
        now = self._clock.monotonic()
        if now >= self._until:
            self._guesses.clear()
            self._until = now + WINDOW_SECONDS
        key = (network_of(address), room)
        if self._guesses[key] >= self._most:
            raise TooManyGuessesError(self._until - now)
        self._guesses[key] += 1
        if len(self._guesses) > self._kept:
            del self._guesses[next(iter(self._guesses))]

    def forget(self, address: str, room: str) -> None:
        """Count no more the guesses of one that knew the password."""
        del self._guesses[network_of(address), room]
