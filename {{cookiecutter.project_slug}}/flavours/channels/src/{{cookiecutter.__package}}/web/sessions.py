"""The session of a socket, its user, and how connections and events name it."""

import hashlib
from typing import Any

from channels.sessions import InstanceSessionWrapper

from ..rooms.auth.handshake import Handshake
from ..rooms.auth.identities import Authenticator, Identity
from ..rooms.names import is_user_name
from ..rooms.protocol.closes import Close, CloseConnection
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


class SessionUsers(Authenticator):
    """Identifies users who have logged in to Django."""

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify the user of a session.

        Raises:
            CloseConnection: with TOKEN_REQUIRED; the username can't be a user's name here.
        """
        user = handshake.extra.get("user")
        if user is None or not user.is_authenticated:
            return None
        name = user.get_username()
        if not is_user_name(name):
            raise CloseConnection(Close.TOKEN_REQUIRED)
        claims = {"id": user.pk, "is_staff": getattr(user, "is_staff", False)}
        return Identity(name, claims=claims, session=session_name(handshake.extra.get("session")))


def session_name(session: object) -> str | None:
    """Name a session without telling its key, which would let anyone in; None if it has none."""
    key: str | None = getattr(session, "session_key", None)
    return hashlib.sha256(key.encode()).hexdigest() if key else None
