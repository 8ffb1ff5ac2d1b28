"""Which consumer answers which path."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from ..rooms.manager import ConnectionManager
from .consumers import RoomConsumer


def socket_router(manager: ConnectionManager) -> URLRouter:
    """Route the sockets; the consumers get the manager by injection."""
    # Django's `re_path` is typed for views, but Channels has it take ASGI applications.
    consumer: Any = RoomConsumer.as_asgi(manager=manager)
    routes: list[Any] = [re_path(r"^ws/(?P<room>[^/]+)\Z", consumer)]
    return URLRouter(routes)
