"""A service for each test, and a look at what it leaves behind."""

from collections.abc import AsyncIterator, Callable

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol

from ..redis_server import RedisServer
from ..serving import Start
from .service import Service

Pair = tuple[Service, Service]


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for clients that have sent all that they will."""
    monkeypatch.setattr(SocketProtocol, "silence_seconds", 0.2)


@pytest.fixture(autouse=True)
def watched(nothing_left_behind: None, no_secret_is_told: None) -> None:
    """Look after every test at what it left behind, and at what the service logged."""


@pytest.fixture
async def service(manager: ConnectionManager, start: Start) -> AsyncIterator[Service]:
    """A service with the default settings and a room `lobby`."""
    async with start(manager) as running:
        yield running


@pytest.fixture
async def pair(
    start: Start, make_manager: Callable[..., ConnectionManager], redis_server: RedisServer
) -> AsyncIterator[Pair]:
    """Two services that share nothing but what is kept outside of them."""
    managers = [make_manager(redis_url=redis_server.url) for _ in range(2)]
    async with start(managers[0]) as one, start(managers[1]) as other:
        yield one, other
