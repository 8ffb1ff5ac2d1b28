"""How often a process looks after its rooms: constants for a service, arguments for a test."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Times in seconds, and limits that no setting changes."""

    # The last bell may have been missed, so all rooms are compared with their logs this often.
    check_seconds: float = 5.0
    # A message's own bell rings sooner, or was missed.
    bell_seconds: float = 0.5
    # The first pause after a failed check; each further one is twice as long.
    first_retry_seconds: float = 0.2
    # How many messages are read from a log at once.
    page: int = 100
    # How many guesses at a room's password one address has in a minute.
    guesses: int = 10


DEFAULT = Tuning()
