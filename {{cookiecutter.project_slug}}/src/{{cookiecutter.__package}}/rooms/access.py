"""Who may make which HTTP call, and who is let into a room."""

import hmac
from collections.abc import Mapping
from typing import Any

from ..config import Config, is_loopback
from .addresses import address_of
from .closes import Close, ClosedError
from .engine import Room
from .errors import UnauthorizedError
from .handshake import Handshake, bearer_token, header
from .names import guest_name, is_user_name
from .tokens import Grant, Tokens

_FORWARDED = (b"forwarded", b"via", b"x-forwarded-", b"x-real-ip")


def is_trusted(authorization: str | None, config: Config) -> bool:
    """Whether a caller presents the API key; False if it presents nothing.

    Raises:
        UnauthorizedError: it presents something else.
    """
    if authorization is None:
        return False
    given, expected = bearer_token(authorization), config.api_key
    if given is None or expected is None or not _same(given, expected):
        raise UnauthorizedError
    return True


def require_key(authorization: str | None, config: Config) -> None:
    """Let only a caller with the API key pass.

    Raises:
        UnauthorizedError: it has none, or another.
    """
    if not is_trusted(authorization, config):
        raise UnauthorizedError


def check_reader(scope: Mapping[str, Any], config: Config) -> None:
    """Let pass who may read the metrics, by an ASGI http scope: as METRICS has it, or by the key.

    Behind a proxy on this machine everyone comes from loopback: what was forwarded takes the key.

    Raises:
        UnauthorizedError: the caller may not.
    """
    headers, host = scope["headers"], address_of(scope)
    if config.metrics == "anyone" or is_trusted(header(headers, b"authorization"), config):
        return
    forwarded = any(name.startswith(_FORWARDED) for name, _ in headers)
    if config.metrics == "key" or forwarded or not is_loopback(host):
        raise UnauthorizedError


def guest_or_key(authorization: str | None, config: Config) -> bool:
    """Let a caller with the API key pass, and where guests are allowed anyone; whether trusted.

    Raises:
        UnauthorizedError: it presents another key, or none where guests are not allowed.
    """
    trusted = is_trusted(authorization, config)
    if not trusted and not config.guests:
        raise UnauthorizedError
    return trusted


def identify(room: Room, handshake: Handshake, tokens: Tokens, config: Config) -> Grant:
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
    raise ClosedError(Close.TOKEN_REQUIRED)


def _same(given: str, expected: str) -> bool:
    # As it arrives: HTTP headers are read as latin-1, and a key may hold any character.
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode())
