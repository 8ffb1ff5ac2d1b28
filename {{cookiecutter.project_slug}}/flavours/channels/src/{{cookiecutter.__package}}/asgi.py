"""The ASGI application: Django for HTTP, Channels for WebSockets, the gate before both."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__package__}.settings")
# Before anything that needs the apps to be loaded.
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from .realtime.lifespan import Lifespan  # noqa: E402
from .realtime.routing import socket_router  # noqa: E402
from .realtime.services import get_manager  # noqa: E402
from .rooms.gate import App, Gate  # noqa: E402
from .rooms.manager import ConnectionManager  # noqa: E402


def build_application(manager: ConnectionManager) -> App:
    """Build the application around a manager; a test hands in its own."""
    routes: Any = ProtocolTypeRouter(
        {
            "http": django_application,
            "websocket": AuthMiddlewareStack(socket_router(manager)),
            "lifespan": Lifespan(manager),
        }
    )
    return Gate(routes, manager.config)


application = build_application(get_manager())
