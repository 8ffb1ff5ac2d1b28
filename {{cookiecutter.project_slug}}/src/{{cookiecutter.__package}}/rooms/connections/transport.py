"""What a connection needs of the server below it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ..protocol.closes import CloseRow
from ..protocol.frames import Batch, Encoded
from .rate import RateLimit

Send = Callable[[str], Awaitable[None]]
CloseSocket = Callable[[int, str], Awaitable[None]]
# Write frames now; False if that is not possible now, or never.
Write = Callable[[Encoded | Batch], bool]
# Count all frames, and call back with what ends it if they are too many, or one is faulty.
LimitFrames = Callable[[RateLimit, Callable[[CloseRow], None]], None]


class Transport(NamedTuple):
    """An accepted socket: `send(text)`, `close(code, reason)`, and what some servers add.

    `send` raises an `OSError`, or another error while it handles one, if the client is gone.
    """

    send: Send
    close: CloseSocket
    write: Write | None = None
    limit_frames: LimitFrames | None = None
