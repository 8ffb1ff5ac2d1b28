"""Where a message stands in its room's log."""

import re
from typing import NamedTuple, Self

_POSITION = re.compile(r"([0-9a-f]{13})-(\d{12})", re.ASCII)


class Position(NamedTuple):
    """Where a message stands in its room's log.

    The epoch is when the log was begun, in microseconds since 1970; a log that was deleted or
    lost comes back with a later one. The offset counts the messages.
    """

    epoch: int
    offset: int

    def __str__(self) -> str:
        """Write it as clients see it: text that grows as the position does."""
        return f"{self.epoch:013x}-{self.offset:012d}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what a client sends back; None if it was never a position."""
        found = _POSITION.fullmatch(text)
        return cls(int(found[1], 16), int(found[2])) if found else None
