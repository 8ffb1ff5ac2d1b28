"""Who is let into a room, and as whom."""

from ..backends.interfaces import Room
from ..config import ServiceConfig
from ..connections.handshake import Handshake
from ..names import guest_name, is_user_name
from ..protocol.closes import Close, CloseConnection
from .tokens import Grant, Tokens


def identify(room: Room, handshake: Handshake, tokens: Tokens, config: ServiceConfig) -> Grant:
    """Tell who a client is: by its token, else by its session's user, else as a guest.

    Raises:
        ClosedError: the token is no good, or the room takes nobody without one.
    """
    user = handshake.user
    if handshake.token is not None:
        return tokens.check(handshake.token, room.name)
    if not room.locked and user is not None and is_user_name(user):
        return Grant(user)
    if not room.locked and config.guests:
        return Grant(guest_name())
    raise CloseConnection(Close.TOKEN_REQUIRED)
