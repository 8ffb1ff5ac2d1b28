"""The connection manager of this process."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import BaseChannelLayer, channel_layers
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
from .layer import LayerDoor
from .run_context import RunContext
from .sessions import SessionUsers
from .store import DjangoRoomStore

T = TypeVar("T")


def build_manager(
    config: Config,
    layer: BaseChannelLayer | None = None,
    service: Service | None = None,
    *,
    clock: Clock | None = None,
    tuning: Tuning = DEFAULT,
) -> ConnectionManager:
    """Build the connection manager that these settings ask for.

    `layer` is the default channel layer, and `service` yours, unless a test has its own.
    """
    service = make_service(config) if service is None else service
    if service.authenticators is None:
        authenticators = [
            *providers(config, clock),
            Tokens(config.secret_key, clock),
            SessionUsers(),
            Guests(allowed=config.guests),
        ]
        service = replace(service, authenticators=authenticators)
    layer = channel_layers[DEFAULT_CHANNEL_LAYER] if layer is None else layer
    backend: Backend
    if config.redis_url is None:
        backend = memory_backend(config.history)
    else:
        backend = redis_backend(config.redis_url, config.redis_prefix, config.history)
    door = LayerDoor(backend.bus, layer)
    manager = ConnectionManager(
        config,
        DjangoRoomStore(),
        replace(backend, bus=door),
        service=service,
        run=RunContext,
        clock=clock,
        tuning=tuning,
    )
    door.publish = manager.publish
    return manager


@cache
def get_manager() -> ConnectionManager:
    """The manager that the application of this process is built around."""
    return build_own()


def build_own() -> ConnectionManager:
    """Build a manager by this project's settings."""
    return build_manager(settings.SERVICE)


def manager_of(request: HttpRequest) -> ConnectionManager:
    """The manager of the application that serves a request; a test's own, where it has one."""
    state = getattr(request, "scope", {}).get("state", {})
    manager: ConnectionManager = state.get("manager") or get_manager()
    return manager


def with_manager(call: Callable[[ConnectionManager], Coroutine[Any, Any, T]]) -> T:
    """Call the manager from synchronous code.

    In a process that serves, it is that process's. Elsewhere, in a command for example, it is one
    for this call, which reaches the others by Redis.
    """

    async def calling() -> T:
        loop = get_manager().loop
        if loop is asyncio.get_running_loop():
            return await call(get_manager())
        if loop is not None:
            there = asyncio.run_coroutine_threadsafe(call(get_manager()), loop)
            return await asyncio.wrap_future(there)
        manager = build_own()
        try:
            return await call(manager)
        finally:
            await manager.stop()

    return async_to_sync(calling)()
