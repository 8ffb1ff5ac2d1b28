"""The connection manager of this process."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest

from ..rooms.manager import ConnectionManager
from .store import DjangoRoomStore


@cache
def get_manager() -> ConnectionManager:
    """The manager that the application of this process is built around."""
    return ConnectionManager(settings.SERVICE, DjangoRoomStore())


def manager_of(request: HttpRequest) -> ConnectionManager:
    """The manager of the application that serves a request; a test's own, where it has one."""
    state = getattr(request, "scope", {}).get("state", {})
    manager: ConnectionManager = state.get("manager") or get_manager()
    return manager
