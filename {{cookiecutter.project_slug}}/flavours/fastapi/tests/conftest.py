"""What tests need of this flavour: a manager, and an application around it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.web.app import create_app
from {{cookiecutter.__package}}.web.dependencies import get_manager
from {{cookiecutter.__package}}.web.manager import build_manager

pytest_plugins = ["tests.examples", "tests.redis_server", "tests.serving"]


@pytest.fixture
def build() -> Callable[..., ConnectionManager]:
    """Build managers; a good hash takes long, which is not what is tested."""
    hasher = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)])
    return partial(build_manager, hasher=hasher)


@pytest.fixture(scope="session")
def idle_apps() -> dict[str, list[FastAPI]]:
    """Applications that no test uses now, by their settings: each takes FastAPI long to make."""
    return {}


@pytest.fixture
def build_app(
    idle_apps: dict[str, list[FastAPI]],
) -> Iterator[Callable[[ConnectionManager], FastAPI]]:
    """Build applications in which every endpoint gets the manager that a test chose."""
    built: list[tuple[str, FastAPI]] = []

    def build(manager: ConnectionManager) -> FastAPI:
        settings = manager.config.model_dump_json()
        idle = idle_apps.setdefault(settings, [])
        # It outlives the test, so it has another manager of its own.
        assert isinstance(manager.config, Config)
        app = idle.pop() if idle else create_app(manager.config)
        app.dependency_overrides[get_manager] = lambda: manager
        built.append((settings, app))
        return app

    yield build
    for settings, app in built:
        app.dependency_overrides.clear()
        idle_apps[settings].append(app)
