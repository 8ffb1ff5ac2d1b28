"""Which pages may use the service, by the `Origin` header that their browsers send."""

from collections.abc import Iterable

from ..rooms.config import ServiceConfig
from ..rooms.urls import normal_origin
from .handshake import header

Headers = Iterable[tuple[bytes, bytes]]

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PREFLIGHT_SECONDS = b"600"


class Origins:
    """Tells own and allowed origins from others, and answers CORS for the allowed ones."""

    def __init__(self, config: ServiceConfig) -> None:
        self._allowed = set(config.allowed_origins)

    def admits(self, headers: Headers) -> bool:
        """Whether a page may connect or call; True for a client that is no page."""
        if not any(name == b"origin" for name, _ in headers):
            return True
        origin = header(headers, b"origin") or ""
        return self._is_own(origin, headers) or self._is_allowed(origin)

    def refuses_call(self, method: str, headers: Headers) -> bool:
        """Whether a call could change something in the name of a page that may not call."""
        return method not in _SAFE_METHODS and not self.admits(headers)

    def cors(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return what an answer must bear so that a page of an allowed origin can read it."""
        if not self._allowed:
            return []
        origin = header(headers, b"origin") or ""
        vary = (b"vary", b"Origin")
        if not self._is_allowed(origin):
            return [vary]
        return [(b"access-control-allow-origin", origin.encode("latin-1")), vary]

    def preflight(self, method: str, headers: Headers) -> list[tuple[bytes, bytes]] | None:
        """Return the headers that allow the call which a browser asks about; None if it doesn't."""
        asked = header(headers, b"access-control-request-method")
        if method != "OPTIONS" or asked is None or not self._is_allowed(header(headers, b"origin")):
            return None
        wanted = header(headers, b"access-control-request-headers") or ""
        return [
            (b"access-control-allow-methods", asked.encode("latin-1")),
            (b"access-control-allow-headers", wanted.encode("latin-1")),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]

    def _is_own(self, origin: str, headers: Headers) -> bool:
        normal = normal_origin(origin)
        if normal is None:
            return False
        scheme = normal.partition("://")[0]
        return normal == normal_origin(f"{scheme}://{header(headers, b'host') or ''}")

    def _is_allowed(self, origin: str | None) -> bool:
        if not origin:
            return False
        if "*" in self._allowed or (origin == "null" and "null" in self._allowed):
            return True
        normal = normal_origin(origin)
        if normal is None:
            return False
        scheme, _, host = normal.partition("://")
        family = f"{scheme}://*.{host.partition('.')[2]}"
        return normal in self._allowed or family in self._allowed
