"""How often one address may try the password of one room."""

import ipaddress
from typing import NamedTuple

from .clock import Clock
from .errors import TooManyGuessesError

MOST_GUESSES = 10
WINDOW_SECONDS = 60.0
# Of pairs of an address and a room; about 3 MB.
_MOST_KEPT = 10_000


class _Tries(NamedTuple):
    guesses: int
    until: float


class GuessLimit:
    """Counts the guesses of each address at each room, in this process; forgets the oldest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: dict[tuple[str, str], _Tries] = {}

    def count(self, address: str, room: str) -> None:
        """Count a guess, before it is known whether it is right: many may come at once.

        Raises:
            TooManyGuessesError: it is one too many.
        """
        key, now = (_network(address), room), self._clock.monotonic()
        tries = self._tries.get(key)
        if tries is None or tries.until <= now:
            self._tries.pop(key, None)
            tries = _Tries(0, now + WINDOW_SECONDS)
        if tries.guesses >= MOST_GUESSES:
            raise TooManyGuessesError(tries.until - now)
        self._tries[key] = tries._replace(guesses=tries.guesses + 1)
        if len(self._tries) > _MOST_KEPT:
            del self._tries[next(iter(self._tries))]

    def forget(self, address: str, room: str) -> None:
        """Count no more the guesses of one that knew the password."""
        self._tries.pop((_network(address), room), None)


def _network(address: str) -> str:
    # Whoever has an address of IPv6 has 2 to the 64 of them.
    try:
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    except ValueError:
        return address
