"""Reads what a client says in its opening request, besides the path."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ..rooms.connections.handshake import Handshake
from ..rooms.protocol.frames import PROTOCOL

# What the server adds to ASGI: a way to write a frame at once, and to limit those that come.
WRITE_EXTENSION = "rooms.write"
# What the gate adds to a scope whose client is accepted only to be told this.
REFUSAL = "rooms.refusal"
_BEARER_PREFIX = "bearer."


def read_handshake(scope: Mapping[str, Any]) -> Handshake:
    """Read an ASGI websocket scope.

    A browser can set no header, so it offers its token as a further subprotocol.
    """
    offered: list[str] = scope.get("subprotocols", [])
    tokens = [name.removeprefix(_BEARER_PREFIX) for name in offered if _is_token(name)]
    token = tokens[0] if tokens else bearer_token(header(scope["headers"], b"authorization"))
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    after = query.get("after", [None])[0]
    server = scope.get("extensions", {}).get(WRITE_EXTENSION, {})
    selected = PROTOCOL if PROTOCOL in offered else None
    return Handshake(selected, token, after, refusal=scope.get(REFUSAL), **server)


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Find a header in an ASGI scope's `headers`; None if it is missing or given twice."""
    values = [value for key, value in headers if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def address_of(scope: Mapping[str, Any]) -> str:
    """Return the client's address by an ASGI scope; empty where the server has none."""
    address: str = (scope.get("client") or ("",))[0]
    return address


def bearer_token(authorization: str | None) -> str | None:
    """Take the token out of an `Authorization` header (RFC 6750)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _is_token(subprotocol: str) -> bool:
    return subprotocol.startswith(_BEARER_PREFIX)
