"""The connection manager of this process."""

from dataclasses import replace
from functools import cache

from django.conf import settings
from django.http import HttpRequest

from ..config import Config
from ..rooms.auth.identities import Guests
from ..rooms.auth.provider import providers
from ..rooms.auth.tokens import Tokens
from ..rooms.backends.interfaces import Backend
from ..rooms.backends.memory import memory_backend
from ..rooms.backends.redis.backend import redis_backend
from ..rooms.clock import Clock
from ..rooms.manager import ConnectionManager
from ..rooms.service import Service
from ..rooms.tuning import DEFAULT, Tuning
from ..service import make_service
from .run_context import RunContext
from .sessions import SessionUsers
from .store import DjangoRoomStore


def build_manager(
    config: Config | None = None,
    service: Service | None = None,
    *,
    clock: Clock | None = None,
    tuning: Tuning = DEFAULT,
) -> ConnectionManager:
    """Build the connection manager that these settings ask for.

    They default to those of this project, `service` to yours.
    """
    config = config or settings.SERVICE
    service = make_service(config) if service is None else service
    if service.authenticators is None:
        authenticators = [
            *providers(config, clock),
            Tokens(config.secret_key, clock),
            SessionUsers(),
            Guests(allowed=config.guests),
        ]
        service = replace(service, authenticators=authenticators)
    backend: Backend
    if config.redis_url is None:
        backend = memory_backend(config.history, service.keep)
    else:
        backend = redis_backend(config.redis_url, config.redis_prefix, config.history, service.keep)
    return ConnectionManager(
        config,
        DjangoRoomStore(),
        backend,
        service=service,
        run=RunContext,
        clock=clock,
        tuning=tuning,
    )


@cache
def get_manager() -> ConnectionManager:
    """The manager that the application of this process is built around."""
    return build_manager()


def manager_of(request: HttpRequest) -> ConnectionManager:
    """The manager of the application that serves a request; a test's own, where it has one."""
    state = getattr(request, "scope", {}).get("state", {})
    manager: ConnectionManager = state.get("manager") or get_manager()
    return manager
