"""Tokens: who somebody is, in which room, and until when."""

import logging
import math
from typing import Any, NamedTuple

import jwt

from ..clock import Clock
from ..names import is_user_name
from ..protocol.closes import Close, CloseConnection

logger = logging.getLogger(__name__)

_ALGORITHM = "HS256"


class Grant(NamedTuple):
    """Who somebody is, and until when, in seconds since the epoch; None: without end."""

    user: str
    expires: float | None = None


class Tokens:
    """Signs and checks JSON Web Tokens (RFC 7519) with one secret key.

    The claims are `sub`, the user; `room`; and `exp`, in seconds since the epoch.
    """

    def __init__(self, key: str, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, user: str, room: str, ttl: float) -> str:
        """Sign a token that is good for `ttl` seconds."""
        claims = {"sub": user, "room": room, "exp": self._clock.time() + ttl}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def check(self, token: str, room: str) -> Grant:
        """Read a token.

        Raises:
            ClosedError: with TOKEN_INVALID, WRONG_ROOM or TOKEN_EXPIRED.
        """
        claims = self._decode(token)
        user, expires = claims["sub"], _seconds(claims["exp"])
        if not is_user_name(user) or expires is None:
            logger.info("A token is invalid: `sub` is no name of a user, or `exp` no number")
            raise CloseConnection(Close.TOKEN_INVALID)
        if claims["room"] != room:
            raise CloseConnection(Close.WRONG_ROOM)
        if expires <= self._clock.time():
            raise CloseConnection(Close.TOKEN_EXPIRED)
        return Grant(user, expires)

    def _decode(self, token: str) -> dict[str, Any]:
        # Expiry is checked above, by the manager's clock rather than the machine's.
        options: Any = {"require": ["sub", "room", "exp"], "verify_exp": False}
        try:
            return jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=options)
        except (jwt.PyJWTError, UnicodeError, RecursionError) as error:
            # The client is not told, and nobody what is in it.
            logger.info("A token is invalid: %s", type(error).__name__)
            raise CloseConnection(Close.TOKEN_INVALID) from error


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
