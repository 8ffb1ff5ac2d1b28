"""What tests need of this flavour: a manager, an application around it, and a database."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import connections
from pytest_django import Settings

from {{cookiecutter.__package}}.asgi import build_application
from {{cookiecutter.__package}}.realtime.store import DjangoRoomStore
from {{cookiecutter.__package}}.rooms.gate import App
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .clock import ManualClock
from .configs import make_config


@pytest.fixture(autouse=True)
async def database(transactional_db: None) -> AsyncIterator[None]:
    """Give every test empty tables; the consumers read them in a thread of their own."""
    yield
    await database_sync_to_async(connections.close_all)()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_manager(clock: ManualClock) -> Callable[..., ConnectionManager]:
    """Build managers with other settings than the defaults."""

    def make(**settings: Any) -> ConnectionManager:
        return ConnectionManager(make_config(**settings), DjangoRoomStore(), clock=clock)

    return make


@pytest.fixture
def manager(make_manager: Callable[..., ConnectionManager]) -> ConnectionManager:
    """The manager of a test: seed it with the rooms that the test wants."""
    return make_manager()


@pytest.fixture
def build_app(settings: Settings) -> Callable[[ConnectionManager], App]:
    """Build applications whose consumers and views get the manager that a test chose."""

    def build(manager: ConnectionManager) -> App:
        settings.CORS_ALLOWED_ORIGINS = list(manager.config.allowed_origins)
        return build_application(manager)

    return build
