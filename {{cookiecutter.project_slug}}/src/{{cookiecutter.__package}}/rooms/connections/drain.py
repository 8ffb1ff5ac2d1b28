"""How a stopping process tells its clients: in time, and not all at once."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence

from .connection import Connection

_TOLD_PER_SECOND = 2_000
_TICK = 0.05
_RETURNS_PER_SECOND = 200
_SOONEST_RETURN = 1.0
_SHORTEST_SPREAD = 4.0


def reconnect_delay(clients: int) -> float:
    """Return how many seconds a client waits; the more there are, the longer they are spread."""
    spread = max(_SHORTEST_SPREAD, clients / _RETURNS_PER_SECOND)
    return round(_SOONEST_RETURN + random.uniform(0, spread), 1)  # noqa: S311 (no secret)


async def tell_all(
    connections: Sequence[Connection], tell: Callable[[Connection], None], seconds: float
) -> bool:
    """Call `tell` for each connection, spread over up to half of `seconds`, until all is written.

    Returns:
        False if some clients did not take what was written in time.
    """
    pauses = int(min(len(connections) / _TOLD_PER_SECOND, seconds / 2) / _TICK)
    at_once = math.ceil(len(connections) / (pauses + 1)) or 1
    try:
        async with asyncio.timeout(seconds):
            for start in range(0, len(connections), at_once):
                if start:
                    await asyncio.sleep(_TICK)
                for connection in connections[start : start + at_once]:
                    tell(connection)
            for connection in connections:
                await connection.drained()
    except TimeoutError:
        return False
    return True
