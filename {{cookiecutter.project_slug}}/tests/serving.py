"""Serves a manager of a test's own, and looks at what it leaves behind."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.middleware import App

from .contract.server import serve
from .contract.service import Service

Start = Callable[[ConnectionManager], AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(build_app: Callable[[ConnectionManager], App]) -> Start:
    """Serve a manager that the test made."""

    @asynccontextmanager
    async def starting(manager: ConnectionManager) -> AsyncIterator[Service]:
        async with serve(build_app(manager), manager.config) as address:
            service = Service(address, manager)
            yield service
        assert manager.connection_count == 0, "connections were not forgotten"
        with suppress(UnavailableError):
            # Who could not leave while Redis was away leaves now.
            await manager.check()
        for room in service.rooms:
            left = (await manager.backend.presence.members(room)).members
            assert left == [], f"members were left behind in {room}"

    return starting
