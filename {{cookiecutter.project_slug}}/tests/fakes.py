"""Stand-ins for what a test has no need of: a client's socket, and parts that are slow or fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.auth.identities import Authenticator, Identity
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Event
from {{cookiecutter.__package}}.rooms.service import Service
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from .clock import ManualClock
from .configs import make_config
from .waiting import within

# A manager that checks its rooms when a test asks it to, and at no other moment.
QUIET = Tuning(check_seconds=3600)
# Handlers of no one, and the identities that come with the service.
BARE = Service()


class Socket:
    """Takes what a connection sends."""

    def __init__(self) -> None:
        self.closed: int | None = None
        self.ended = asyncio.Event()
        self.frames: list[str] = []

    @property
    def transport(self) -> Transport:
        return Transport(self.send, self.close)

    async def send(self, text: str) -> None:
        self.frames.append(text)

    async def close(self, code: int, _: str) -> None:
        self.closed = code
        self.ended.set()

    async def expect_close(self, close: Close) -> None:
        await within(f"the close {close.name}", self.ended.wait())
        assert self.closed == close.row.code


class Listener(Socket):
    """A socket whose messages a test waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: asyncio.Queue[object] = asyncio.Queue()

    async def send(self, text: str) -> None:
        await super().send(text)
        frame = json.loads(text)
        if frame["type"] == "message":
            self.bodies.put_nowait(frame["body"])

    async def expect(self, body: object) -> None:
        assert await within(f"the message {body}", self.bodies.get()) == body


class Vouching(Authenticator):
    """Gives everyone the identity that a test chose, and another at a refresh."""

    seen: tuple[Handshake, str]

    def __init__(self, identity: Identity | None, renewed: Identity | None = None) -> None:
        self._identity = identity
        self._renewed = renewed

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        self.seen = handshake, room
        return self._identity

    async def refresh(self, token: str, room: str) -> Identity | None:
        return self._renewed


def identifying(
    manager: ConnectionManager, *authenticators: Authenticator, tuning: Tuning = QUIET
) -> ConnectionManager:
    """Build a manager with other authenticators on the rooms of one that does nothing else."""
    return ConnectionManager(
        manager.config,
        manager.store,
        manager.backend,
        service=Service(authenticators=authenticators),
        clock=manager.clock,
        tuning=tuning,
    )


def make_connection(transport: Transport, outbox_bytes: int = 1_000) -> Connection:
    """Make a connection that no manager knows."""
    config = make_config(outbox_bytes=outbox_bytes, messages_per_second=0)
    return Connection("attic", transport, config, ManualClock(), lambda *_: None)


@asynccontextmanager
async def inside(manager: ConnectionManager, handshake: Handshake) -> AsyncIterator[Listener]:
    """Be in the room `attic`."""
    listener = Listener()
    connection = await manager.connect("attic", listener.transport, handshake)
    await connection.drained()
    yield listener
    await manager.disconnect(connection)


async def members(manager: ConnectionManager) -> list[str]:
    """Who is in the room `attic`."""
    return (await manager.backend.presence.members("attic")).members


def intercept(
    monkeypatch: pytest.MonkeyPatch, manager: ConnectionManager, take: Callable[[str, Event], None]
) -> None:
    """Hand to `take` what the bus would tell a manager."""
    monkeypatch.setattr(manager.backend.bus, "_take", take)


def slow_down(
    monkeypatch: pytest.MonkeyPatch, part: object, name: str
) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold a method up: the first event tells that it was entered, the second lets it go on."""
    entered, go_on = asyncio.Event(), asyncio.Event()
    method = getattr(part, name)

    async def slow(*args: object) -> object:
        entered.set()
        await go_on.wait()
        return await method(*args)

    monkeypatch.setattr(part, name, slow)
    return entered, go_on


def fail(
    monkeypatch: pytest.MonkeyPatch, part: object, name: str, error: Exception | None = None
) -> asyncio.Event:
    """Make a method fail; the event tells when it did."""
    failed = asyncio.Event()

    async def failing(*_: object, **__: object) -> None:
        failed.set()
        raise error or UnavailableError

    monkeypatch.setattr(part, name, failing)
    return failed
