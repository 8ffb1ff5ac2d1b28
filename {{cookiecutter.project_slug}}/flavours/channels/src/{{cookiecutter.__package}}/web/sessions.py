"""The session of a socket, and how connections and events name it."""

import hashlib
from typing import Any

from channels.sessions import InstanceSessionWrapper

from ..server.middleware import Receive, Scope, Send

# Typed by other names for what ASGI has.
_wrap: Any = InstanceSessionWrapper


class SocketSessionMiddleware:
    """Puts the session into the scope, as `SessionMiddleware` does, and leaves `send` alone.

    That one looks at the session for every frame, though a socket can set no cookie.
    """

    def __init__(self, inner: object) -> None:
        self._inner: Any = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        wrapper = _wrap(scope, send)
        await wrapper.resolve_session()
        await self._inner(wrapper.scope, receive, send)


def session_name(session: object) -> str | None:
    """Name a session without telling its key, which would let anyone in; None if it has none."""
    key: str | None = getattr(session, "session_key", None)
    return hashlib.sha256(key.encode()).hexdigest() if key else None
