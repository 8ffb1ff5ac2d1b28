"""The ASGI application: Django for HTTP, Channels for WebSockets, the guard before both."""

from functools import cache
from typing import Any

from channels.auth import AuthMiddleware
from channels.routing import ProtocolTypeRouter
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIHandler, ASGIRequest

from ..rooms.manager import ConnectionManager
from ..server.middleware import App, SocketGuard
from .lifespan import Lifespan
from .routing import socket_router
from .sessions import SocketSessionMiddleware


class _AnyHostRequest(ASGIRequest):
    """A request whose `Host` the guard has checked."""

    def get_host(self) -> str:
        """Return the host, in whatever form, unless Django's own ALLOWED_HOSTS names some."""
        try:
            return super().get_host()
        except DisallowedHost:
            if "*" not in settings.ALLOWED_HOSTS:
                raise
            return self.headers.get("Host", "")


class _Handler(ASGIHandler):
    request_class = _AnyHostRequest


# One for the process: WhiteNoise looks at every static file when it is made.
django_application = cache(_Handler)


def build_application(manager: ConnectionManager) -> App:
    """Build the application around a manager; a test hands in its own."""
    routes: Any = ProtocolTypeRouter(
        {
            "http": django_application(),
            "websocket": CookieMiddleware(
                SocketSessionMiddleware(AuthMiddleware(socket_router(manager)))
            ),
            "lifespan": Lifespan(manager),
        }
    )
    return SocketGuard(routes, manager.config)
