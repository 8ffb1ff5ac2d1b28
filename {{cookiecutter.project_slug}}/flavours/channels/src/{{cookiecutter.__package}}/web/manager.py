"""The connection manager of this process."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
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

T = TypeVar("T")


def build_manager(
    config: Config,
    service: Service | None = None,
    *,
    clock: Clock | None = None,
    tuning: Tuning = DEFAULT,
) -> ConnectionManager:
    """Build the connection manager that these settings ask for; `service` is yours by default."""
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
    return build_own()


def build_own() -> ConnectionManager:
    """Build a manager by this project's settings."""
    return build_manager(settings.SERVICE)


def manager_of(request: HttpRequest) -> ConnectionManager:
    """The manager of the application that serves a request; a test's own, where it has one."""
    state = getattr(request, "scope", {}).get("state", {})
    manager: ConnectionManager = state.get("manager") or get_manager()
    return manager


async def call_manager(call: Callable[[ConnectionManager], Coroutine[Any, Any, T]]) -> T:
    """Call the manager from any event loop.

    In a process that serves, it is that process's. Elsewhere, in a command for example, it is one
    for this call, which reaches the others by Redis.
    """
    loop = get_manager().loop
    if loop is asyncio.get_running_loop():
        return await call(get_manager())
    if loop is not None:
        there = asyncio.run_coroutine_threadsafe(call(get_manager()), loop)
        return await asyncio.wrap_future(there)
    async with build_own() as manager:
        return await call(manager)


def with_manager(call: Callable[[ConnectionManager], Coroutine[Any, Any, T]]) -> T:
    """Call the manager from synchronous code; see `call_manager`."""
    return async_to_sync(call_manager)(call)
