"""Builds a manager for a test, serves it, and looks at what it leaves behind."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms import Service as Made
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.tuning import Tuning
from {{cookiecutter.__package}}.server.logs import ClientFaults, Json
from {{cookiecutter.__package}}.server.middleware import App
from {{cookiecutter.__package}}.web import about

from .clock import ManualClock
from .configs import make_config
from .contract.secrets import expect_no_secret
from .contract.server import serve as run_server
from .contract.service import Service
from .fakes import BARE, QUIET

Start = Callable[[ConnectionManager], AbstractAsyncContextManager[Service]]
Serve = Callable[..., AbstractAsyncContextManager[Service]]


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported, which takes a tenth of the tests' time."""
    gc.freeze()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def make_manager(
    clock: ManualClock, build: Callable[..., ConnectionManager], engine_settings: dict[str, str]
) -> AsyncIterator[Callable[..., ConnectionManager]]:
    """Build managers with other settings than the defaults."""
    made: list[ConnectionManager] = []

    def make(
        *, tuning: Tuning = QUIET, service: Made | None = BARE, **settings: Any
    ) -> ConnectionManager:
        config = make_config(**{**engine_settings, **settings})
        made.append(build(config, service, clock=clock, tuning=tuning))
        return made[-1]

    yield make
    for manager in made:
        await manager.stop()


@pytest.fixture
def manager(make_manager: Callable[..., ConnectionManager]) -> ConnectionManager:
    """The manager of a test: seed it with the rooms that the test wants."""
    return make_manager()


@pytest.fixture
def start(build_app: Callable[[ConnectionManager], App]) -> Start:
    """Serve a manager that the test made."""

    @asynccontextmanager
    async def starting(manager: ConnectionManager) -> AsyncIterator[Service]:
        async with run_server(build_app(manager), manager.config) as address:
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


@pytest.fixture
def serve(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    nothing_left_behind: None,
    no_secret_is_told: None,
) -> Serve:
    """Serve your service with some settings, or one that the test made."""

    def serving(
        service: Made | None = None, **settings: object
    ) -> AbstractAsyncContextManager[Service]:
        return start(make_manager(service=service, **settings))

    return serving


@pytest.fixture
async def service(serve: Serve) -> AsyncIterator[Service]:
    """Your service, with the default settings and a room `lobby`."""
    async with serve() as running:
        yield running


@pytest.fixture
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


@pytest.fixture
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
