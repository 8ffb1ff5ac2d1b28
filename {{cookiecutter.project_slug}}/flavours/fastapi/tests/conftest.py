"""What tests need of this flavour: a manager, and an application around it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from {{cookiecutter.__package}}.app import create_app
from {{cookiecutter.__package}}.dependencies import get_manager
from {{cookiecutter.__package}}.engines import build_manager
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .clock import ManualClock
from .configs import make_config

pytest_plugins = ["tests.redis_server"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def make_manager(
    clock: ManualClock, engine_settings: dict[str, str]
) -> AsyncIterator[Callable[..., ConnectionManager]]:
    """Build managers with other settings than the defaults."""
    made: list[ConnectionManager] = []

    def make(**settings: Any) -> ConnectionManager:
        made.append(build_manager(make_config(**{**engine_settings, **settings}), clock=clock))
        return made[-1]

    yield make
    for manager in made:
        await manager.stop()


@pytest.fixture
def manager(make_manager: Callable[..., ConnectionManager]) -> ConnectionManager:
    """The manager of a test: seed it with the rooms that the test wants."""
    return make_manager()


@pytest.fixture
def build_app() -> Iterator[Callable[[ConnectionManager], FastAPI]]:
    """Build applications in which every endpoint gets the manager that a test chose."""
    built: list[FastAPI] = []

    def build(manager: ConnectionManager) -> FastAPI:
        app = create_app(manager.config)
        app.dependency_overrides[get_manager] = lambda: manager
        built.append(app)
        return app

    yield build
    for app in built:
        app.dependency_overrides.clear()
