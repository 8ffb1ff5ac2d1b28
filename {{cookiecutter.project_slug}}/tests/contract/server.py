"""A real uvicorn in the test's own event loop, so that a test's manager reaches it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from {{cookiecutter.__package}}.rooms.config import ServiceConfig
from {{cookiecutter.__package}}.server.middleware import App
from {{cookiecutter.__package}}.server.run import Server, uvicorn_config

from ..waiting import within


@asynccontextmanager
async def serve(app: App, config: ServiceConfig) -> AsyncIterator[str]:
    """Serve `app` on a free port of loopback; gives its address, as `host:port`."""
    async with running(app, config) as server:
        yield address_of(server)


def address_of(server: Server) -> str:
    """Say where it listens, as `host:port`."""
    host, port = server.servers[0].sockets[0].getsockname()
    return f"{host}:{port}"


@asynccontextmanager
async def running(app: App, config: ServiceConfig) -> AsyncIterator[Server]:
    """Serve `app` on a free port of loopback."""
    anywhere = config.model_copy(update={"host": "127.0.0.1", "port": 0})
    settings = uvicorn_config(app, anywhere, log_config=None)
    settings.load()
    server = Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    try:
        yield server
    finally:
        await _stop(server)


async def _stop(server: Server) -> None:
    """Stop as `Server.shutdown` does, without its fixed wait: the clients are gone already."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    tasks = list(server.server_state.tasks)
    await within("the server's tasks to end", asyncio.gather(*tasks))
    await server.lifespan.shutdown()
