"""The ASGI application: Django for HTTP, Channels for WebSockets, the gate before both."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from ..rooms.gate import App, Gate
from ..rooms.manager import ConnectionManager
from .lifespan import Lifespan
from .routing import socket_router


def build_application(manager: ConnectionManager) -> App:
    """Build the application around a manager; a test hands in its own."""
    routes: Any = ProtocolTypeRouter(
        {
            "http": get_asgi_application(),
            "websocket": AuthMiddlewareStack(socket_router(manager)),
            "lifespan": Lifespan(manager),
        }
    )
    return Gate(routes, manager.config)
