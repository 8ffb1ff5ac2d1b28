"""The service's own tokens: who somebody is, in which room, and until when."""

import logging
import math
from collections.abc import Collection, Mapping
from typing import Any

import jwt

from ..clock import Clock, SystemClock
from ..names import is_user_name
from ..protocol.closes import Close, CloseConnection
from .handshake import Handshake
from .identities import Authenticator, Identity

logger = logging.getLogger(__name__)

_ALGORITHM = "HS256"
# The signer's clock may be ahead of ours by this much.
_LEEWAY_SECONDS = 10
# Times are checked here, by the manager's clock; claims of others are no fault.
_NOT_CHECKED = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
_OPTIONS: Any = {
    "require": ["sub", "room", "exp"],
    **{f"verify_{claim}": False for claim in _NOT_CHECKED},
}
# What PyJWT raises for a token that it can't use.
UNREADABLE = (jwt.PyJWTError, UnicodeError, RecursionError)


class Tokens(Authenticator):
    """Signs and checks JSON Web Tokens (RFC 7519) with one secret key.

    The claims are `sub`, the user; `room`; `exp`, in seconds since the epoch; and optionally `iat`
    and `nbf`, likewise, and `publish`, which is false for a client that only reads.
    """

    def __init__(self, key: str, clock: Clock | None = None) -> None:
        self._key = key
        self._clock = clock or SystemClock()

    def issue(self, user: str, room: str, ttl: float, **claims: object) -> str:
        """Sign a token that is good for `ttl` seconds, with whatever other claims."""
        now = self._clock.time()
        given = {"sub": user, "room": room, "iat": now, "exp": now + ttl, **claims}
        return jwt.encode(given, self._key, algorithm=_ALGORITHM)

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify a client by its token."""
        return None if handshake.token is None else await self.refresh(handshake.token, room)

    async def refresh(self, token: str, room: str) -> Identity:
        """Identify a client by a token; whether it opens the room is for `Identity.check`.

        Raises:
            CloseConnection: with TOKEN_INVALID.
        """
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=_OPTIONS)
        except UNREADABLE as error:
            raise invalid(type(error).__name__) from error
        return identity_of(claims, (claims["room"],), self._clock.time())


def identity_of(claims: Mapping[str, Any], rooms: Collection[str], now: float) -> Identity:
    """Identify the bearer of a token that is signed well, by its claims.

    Raises:
        CloseConnection: with TOKEN_INVALID.
    """
    if fault := _fault(claims, now + _LEEWAY_SECONDS):
        raise invalid(fault)
    return Identity(
        claims["sub"],
        claims=claims,
        expires=_seconds(claims["exp"]),
        issued=_seconds(claims.get("iat")),
        may_publish=claims.get("publish", True),
        rooms=rooms,
    )


def invalid(fault: str) -> CloseConnection:
    """Log what is wrong with a token, without repeating any of it, and return the close."""
    # The client is not told.
    logger.info("A token is invalid: %s", fault)
    return CloseConnection(Close.TOKEN_INVALID)


def _fault(claims: Mapping[str, Any], now: float) -> str | None:
    """Say what is wrong with the claims of a token, without repeating any."""
    user = claims["sub"]
    if not isinstance(user, str) or not is_user_name(user):
        return "`sub` is no name of a user"
    times = {name: _seconds(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
    if None in times.values():
        return "`exp`, `iat` or `nbf` is no number"
    if max(times.get("iat") or 0, times.get("nbf") or 0) > now:
        return "`iat` or `nbf` is in the future"
    if not isinstance(claims.get("publish", True), bool):
        return "`publish` is neither true nor false"
    return None


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
