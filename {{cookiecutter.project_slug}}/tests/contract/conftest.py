"""A service for each test, and a look at what it leaves behind."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.logs import ClientFaults, Json
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol
from {{cookiecutter.__package}}.web import about

from ..redis_server import RedisServer
from ..serving import Start
from .secrets import expect_no_secret
from .service import Service

Pair = tuple[Service, Service]


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for clients that have sent all that they will."""
    monkeypatch.setattr(SocketProtocol, "silence_seconds", 0.2)


@pytest.fixture(autouse=True)
async def nothing_left_behind(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Fail a test that leaves a task, or that makes the service log trouble it does not expect."""
    uvicorn_logger, client_faults = logging.getLogger("uvicorn.error"), ClientFaults()
    uvicorn_logger.addFilter(client_faults)
    before = asyncio.all_tasks()
    yield
    uvicorn_logger.removeFilter(client_faults)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks were left behind: {left}"
    trouble = [record for record in caplog.get_records("call") if record.levelno > logging.INFO]
    assert not trouble, f"the service logged {[record.getMessage() for record in trouble]}"


class Ear(logging.Handler):
    """Hears all that is attached to a record, whatever a line would show of it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.heard += f"{Json().format(record)} {vars(record)}\n"


@pytest.fixture(autouse=True)
def no_secret_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test that makes the service log a token, a password or a key."""
    ear = Ear()
    # Not the root's: whoever configures logging takes its handlers away.
    loggers = [logging.getLogger(name) for name in (about.PACKAGE, "uvicorn")]
    for logger in loggers:
        caplog.set_level(logging.INFO, logger.name)
        logger.addHandler(ear)
    yield
    for logger in loggers:
        logger.removeHandler(ear)
    expect_no_secret(ear.heard)


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
