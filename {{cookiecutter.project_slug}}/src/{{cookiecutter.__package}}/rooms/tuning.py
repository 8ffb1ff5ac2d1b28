"""How often a process looks after its rooms: constants for a service, arguments for a test."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Times in seconds, and limits that no setting changes."""

    # Leases are renewed this often, and rooms compared with their logs: a bell may be missed.
    check_seconds: float = 5.0
    # A message's own bell rings sooner, or was missed.
    bell_seconds: float = 0.5
    # The first pause after a failed check; each further one is twice as long.
    first_retry_seconds: float = 0.2
    # How many messages, and how many bytes of them, are read from a log at once.
    page: int = 100
    page_bytes: int = 65_536
    # A client that is told what it missed, and takes nothing for so long, reads too slowly.
    stalled_seconds: float = 20.0
    # Whether identities still hold is asked this often, and answered within a minute.
    identity_seconds: float = 50.0
    # How many guesses at a room's password one address has in a minute.
    guesses: int = 10

    def pause(self, failures: int) -> float:
        """Seconds until the next check, after so many failures in a row."""
        seconds = self.check_seconds
        if failures:
            seconds = min(seconds, self.first_retry_seconds * 2 ** min(failures, 10))
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)


DEFAULT = Tuning()
