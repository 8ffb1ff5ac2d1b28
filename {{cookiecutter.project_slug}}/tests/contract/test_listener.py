"""The listening socket, which Windows' event loop closes when a client resets at once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.middleware import App
from {{cookiecutter.__package}}.server.run import Server

from .server import address_of, running
from .service import Service


@pytest_asyncio.fixture
async def server(
    build_app: Callable[[ConnectionManager], App], manager: ConnectionManager
) -> AsyncIterator[Server]:
    """The server whose listener is lost."""
    async with running(build_app(manager), manager.config) as running_server:
        yield running_server


def lose_listener(server: Server) -> None:
    """Close the listening socket as that loop does."""
    listener: Any = server.servers[0].sockets[0]
    loop: Any = asyncio.get_running_loop()
    # Windows' loop also has a socket open for the next client.
    loop._stop_serving(listener._sock)  # noqa: SLF001 (the loop's own)


async def test_a_lost_listener_is_replaced_at_the_same_address(
    server: Server, manager: ConnectionManager, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(address_of(server), manager)
    async with service.join("ann") as ann:
        lose_listener(server)
        assert not await service.listens()
        assert not await server.on_tick(1)
        assert await service.listens()
        async with service.join("bob"):
            await ann.expect("joined", user="bob")
    assert "listening again" in caplog.text
    caplog.clear()


async def test_a_lost_listener_that_cannot_be_replaced_stops_the_process(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = address_of(server).partition(":")
    lose_listener(server)
    with socket.create_server((host, int(port))):
        assert await server.on_tick(1)
    assert "stopping" in caplog.text
    caplog.clear()
    server.servers = []
