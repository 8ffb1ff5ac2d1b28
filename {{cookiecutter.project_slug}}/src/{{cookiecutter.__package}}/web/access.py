"""Who may make which HTTP call."""

import hmac
from collections.abc import Mapping
from typing import Any

from ..rooms.config import ServiceConfig, is_loopback
from ..rooms.errors import UnauthorizedError
from ..server.handshake import address_of, bearer_token, read_headers

_FORWARDED = ("forwarded", "via", "x-forwarded-", "x-real-ip")


def is_trusted(authorization: str | None, config: ServiceConfig) -> bool:
    """Whether a caller presents the API key; False if it presents nothing.

    Raises:
        UnauthorizedError: it presents something else.
    """
    if authorization is None:
        return False
    given, expected = bearer_token(authorization), config.api_key
    if not given or expected is None or not _same(given, expected):
        raise UnauthorizedError
    return True


def require_key(authorization: str | None, config: ServiceConfig) -> None:
    """Let only a caller with the API key pass.

    Raises:
        UnauthorizedError: it has none, or another.
    """
    if not is_trusted(authorization, config):
        raise UnauthorizedError


def check_reader(scope: Mapping[str, Any], config: ServiceConfig) -> None:
    """Let pass who may read the metrics, by an ASGI http scope: as METRICS has it, or by the key.

    Behind a proxy on this machine everyone comes from loopback: what was forwarded takes the key.

    Raises:
        UnauthorizedError: the caller may not.
    """
    headers, host = read_headers(scope["headers"]), address_of(scope)
    if is_trusted(headers.get("authorization"), config) or config.metrics == "anyone":
        return
    forwarded = any(name.startswith(_FORWARDED) for name in headers)
    if config.metrics == "key" or forwarded or not is_loopback(host):
        raise UnauthorizedError


def guest_or_key(authorization: str | None, config: ServiceConfig) -> bool:
    """Let a caller with the API key pass, and where guests are allowed anyone; whether trusted.

    Raises:
        UnauthorizedError: it presents another key, or none where guests are not allowed.
    """
    trusted = is_trusted(authorization, config)
    if not trusted and not config.guests:
        raise UnauthorizedError
    return trusted


def _same(given: str, expected: str) -> bool:
    # As it arrives: HTTP headers are read as latin-1, and a key may hold any character.
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode())
