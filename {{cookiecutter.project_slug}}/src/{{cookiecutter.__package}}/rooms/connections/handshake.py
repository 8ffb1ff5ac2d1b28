"""What a client says in its opening request, besides the path."""

from collections.abc import Callable
from typing import NamedTuple

from ..protocol.closes import Close
from .rate import RateLimit

# Write a whole frame now; False if that is not possible now, or never.
Write = Callable[[bytes], bool]
# Count all frames, and call back when they are too many.
LimitFrames = Callable[[RateLimit, Callable[[], None]], None]


class Handshake(NamedTuple):
    """What a client says of itself.

    `subprotocol` is the one to select; `after` the last position that it saw. `user` is somebody
    whom a session makes known without a token; `session` names that session. A client with a
    `refusal` is not let in. `write` and `limit_frames` are there if the server has them.
    """

    subprotocol: str | None = None
    token: str | None = None
    after: str | None = None
    user: str | None = None
    session: str | None = None
    refusal: Close | None = None
    write: Write | None = None
    limit_frames: LimitFrames | None = None
