"""What tests need of this flavour: a manager, and an application around it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash

from {{cookiecutter.__package}}.app import create_app
from {{cookiecutter.__package}}.dependencies import get_manager
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.memory import MemoryRoomStore

from .clock import ManualClock
from .configs import make_config


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_manager(clock: ManualClock) -> Callable[..., ConnectionManager]:
    """Build managers with other settings than the defaults."""

    def make(**settings: Any) -> ConnectionManager:
        store = MemoryRoomStore(PasswordHash.recommended())
        return ConnectionManager(make_config(**settings), store, clock=clock)

    return make


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
