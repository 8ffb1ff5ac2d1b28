"""The ASGI application: Django for HTTP, Channels for WebSockets, the guard before both."""

from functools import cache
from typing import Any

from channels.auth import AuthMiddleware
from channels.routing import ProtocolTypeRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

from ..rooms.manager import ConnectionManager
from ..server.middleware import App, SocketGuard
from .lifespan import Lifespan
from .routing import socket_router
from .sessions import SocketSessionMiddleware

# One for the process: WhiteNoise looks at every static file when it is made.
django_application = cache(get_asgi_application)


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
