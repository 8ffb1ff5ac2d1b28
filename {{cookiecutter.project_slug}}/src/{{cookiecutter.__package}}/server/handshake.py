"""Reads what a client says in its opening request, besides the path."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ..rooms.auth.handshake import Handshake
from ..rooms.connections.transport import CloseSocket, Send, Transport
from ..rooms.protocol.frames import PROTOCOL

# What the server adds to ASGI: a way to write a frame at once, and to limit those that come.
WRITE_EXTENSION = "rooms.write"
# What the server adds to the event of a disconnect: the row with which it closed by itself.
CLOSED_WITH = "rooms.closed_with"
# What the guard adds to a scope whose client is accepted only to be told this.
REFUSAL = "rooms.refusal"
_BEARER_PREFIX = "bearer."


def read_handshake(scope: Mapping[str, Any], **extra: Any) -> Handshake:
    """Read an ASGI websocket scope; `extra` is for authenticators of the adapter's own.

    A browser can set no header, so it offers its token as a further subprotocol.
    """
    offered: list[str] = scope.get("subprotocols", [])
    headers = read_headers(scope["headers"])
    parsed = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = {name: values[0] for name, values in parsed.items()}
    tokens = _tokens(offered, headers.get("authorization"))
    usable = len(tokens) == 1 and all(token.split() == [token] for token in tokens)
    return Handshake(
        subprotocol=PROTOCOL if PROTOCOL in offered else None,
        token=tokens.pop() if usable else None,
        unusable_token=bool(tokens) and not usable,
        after=query.get("after"),
        last=_count(query.get("last", "")),
        query=query,
        headers=headers,
        address=address_of(scope),
        extra=extra,
        refusal=scope.get(REFUSAL),
    )


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Read an ASGI scope's `headers`, with commas between the values of one that is repeated."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def transport_of(scope: Mapping[str, Any], send: Send, close: CloseSocket) -> Transport:
    """Join a framework's `send` and `close` with what the server adds to an ASGI scope."""
    server = scope.get("extensions", {}).get(WRITE_EXTENSION, {})
    return Transport(send, close, **server)


def _count(text: str) -> int:
    # No log keeps as many as nine digits can say.
    return int(text.lstrip("0")[:9] or 0) if re.fullmatch(r"[0-9]+", text) else 0


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Find a header in an ASGI scope's `headers`; None if it is missing or given twice."""
    values = [value for key, value in headers if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def address_of(scope: Mapping[str, Any]) -> str:
    """Return the client's address by an ASGI scope; empty where the server has none."""
    address: str = (scope.get("client") or ("",))[0]
    return address


def bearer_token(authorization: str) -> str:
    """Take the token out of an `Authorization` header (RFC 6750); empty unless it is one word."""
    # Other blanks of Unicode's may be bytes of an API key.
    match = re.fullmatch(r"bearer +([^ \t]+)[ \t]*", authorization, re.IGNORECASE)
    return match[1] if match else ""


def _tokens(offered: Iterable[str], authorization: str | None) -> set[str]:
    """Collect the different tokens that a client presents; one that is empty can't be used."""
    found = {
        name.removeprefix(_BEARER_PREFIX) for name in offered if name.startswith(_BEARER_PREFIX)
    }
    return found if authorization is None else found | {bearer_token(authorization)}
