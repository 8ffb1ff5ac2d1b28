"""What tests need of this flavour: a manager, an application around it, and a database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from {{cookiecutter.__package}}.asgi import build_application
from {{cookiecutter.__package}}.realtime.store import DjangoRoomStore
from {{cookiecutter.__package}}.rooms.gate import App
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .clock import ManualClock
from .configs import make_config


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tables in a file: what SQLite has in memory, its threads never close."""
    database = connections["default"]
    if database.vendor == "sqlite":
        name = str(tmp_path_factory.mktemp("database") / "db.sqlite3")
        database.settings_dict["TEST"]["NAME"] = name


@pytest.fixture
def database(transactional_db: None) -> None:
    """Give a test empty tables, which the consumers' threads see too."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_manager(clock: ManualClock, database: None) -> Callable[..., ConnectionManager]:
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
