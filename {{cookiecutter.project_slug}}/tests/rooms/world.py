"""Two processes on one log, in which nothing goes on before a test lets it."""

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.backends.interfaces import (
    PAGE_BYTES,
    Appended,
    Backend,
    Page,
    Room,
)
from {{cookiecutter.__package}}.rooms.backends.memory import (
    MemoryBus,
    MemoryLog,
    MemoryPresence,
)
from {{cookiecutter.__package}}.rooms.clock import SystemClock
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.events import Event
from {{cookiecutter.__package}}.rooms.protocol.positions import Position

from ..configs import make_config

ROOM = "attic"
HISTORY = 4
OUTBOX_BYTES = 400


class OneRoom:
    """A store that has one room, for ever."""

    async def create(self, room: Room, password: str | None) -> None:
        raise NotImplementedError

    async def get(self, name: str) -> Room | None:
        return Room(name)

    async def existing(self, names: Collection[str]) -> set[str]:
        return set(names)

    async def delete(self, name: str) -> bool:
        raise NotImplementedError

    async def check_password(self, name: str, password: str) -> bool:
        raise NotImplementedError


class SlowLog:
    """A log of which requests and answers take as long as the test wants."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def append(
        self,
        room: str,
        text: str,
        idempotency_key: str | None = None,
        expected_position: Position | None = None,
    ) -> Appended:
        await self._world.travel()
        appended = await self._world.log.append(room, text, idempotency_key, expected_position)
        if not appended.duplicate:
            self._world.said.append((str(appended.position), text))
        await self._world.travel()
        return appended

    async def read(
        self,
        room: str,
        after: Position | None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
        *,
        follow: bool = True,
    ) -> Page:
        await self._world.travel()
        page = await self._world.log.read(room, after, limit, max_bytes, follow=follow)
        await self._world.travel()
        return page

    async def reset_epoch(self, room: str, expected_position: Position) -> None:
        await self._world.log.reset_epoch(room, expected_position)

    async def delete(self, room: str) -> None:
        raise NotImplementedError

    async def expire(self) -> None:
        """The world does not last that long."""


class SlowBus(MemoryBus):
    """A bus of all processes, whose events arrive when and if the test wants."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world

    def listen(self, take: Callable[[str, Event], None], missed: Callable[[], None]) -> None:
        self._world.listeners.append(take)

    async def unsubscribe(self, room: str) -> None:
        """The other process may still be there."""

    async def send(self, room: str, event: Event) -> None:
        self._world.bells += [(take, event) for take in self._world.listeners]


class Client:
    """What a client was sent."""

    def __init__(self, process: ConnectionManager, user: str, after: str | None) -> None:
        self.process = process
        self.user = user
        self.after = after
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.connection: Connection | None = None
        self.gone = False

    async def send(self, text: str) -> None:
        self.frames.append(json.loads(text))

    async def close(self, code: int, _: str) -> None:
        self.closed = code

    async def come(self) -> None:
        token = self.process.tokens.issue(self.user, ROOM, 3600)
        handshake = Handshake(token=token, after=self.after)
        self.connection = await self.process.connect(
            ROOM, Transport(self.send, self.close), handshake
        )

    async def leave(self) -> None:
        assert self.connection
        await self.process.disconnect(self.connection)

    @property
    def welcome(self) -> dict[str, Any] | None:
        first = self.frames[0] if self.frames else None
        return first if first and first["type"] == "welcome" else None

    @property
    def heard(self) -> list[tuple[str, str]]:
        """Position and body of each message."""
        said = [frame for frame in self.frames if frame["type"] == "message"]
        return [(frame["position"], frame["body"]) for frame in said]

    @property
    def members(self) -> set[str]:
        """Who is here, as far as it was told."""
        here: set[str] = set()
        for frame in self.frames:
            match frame["type"]:
                case "welcome":
                    here = set(frame["members"])
                case "joined":
                    assert frame["user"] not in here, "somebody came twice"
                    here.add(frame["user"])
                case "left":
                    assert frame["user"] in here, "somebody left who was not here"
                    here.remove(frame["user"])
        return here


async def _others() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class World:
    """Two processes, their shared log, and all that is on its way."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        bus = SlowBus(self)
        self.log = MemoryLog(HISTORY, bus)
        self.said: list[tuple[str, str]] = []
        self.listeners: list[Callable[[str, Event], None]] = []
        self.bells: list[tuple[Callable[[str, Event], None], Event]] = []
        self.travelling: list[asyncio.Future[None]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        presence = MemoryPresence()
        config = make_config(outbox_bytes=OUTBOX_BYTES, messages_per_second=0)
        self.processes = [
            ConnectionManager(
                config,
                OneRoom(),
                Backend(SlowLog(self), presence, bus),
                clock=SystemClock(),
            )
            for _ in range(2)
        ]

    async def travel(self) -> None:
        """Wait until the test lets this request, or this answer, arrive."""
        future = self.loop.create_future()
        self.travelling.append(future)
        await future

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin something, up to where it waits."""
        self.tasks.append(self.loop.create_task(work))
        self.run()

    def run(self) -> None:
        """Let everything happen that waits for nothing."""
        self.loop.run_until_complete(_others())

    def arrive(self, index: int) -> None:
        """Let one request or answer arrive."""
        self.travelling.pop(index % len(self.travelling)).set_result(None)
        self.run()

    def settle(self) -> None:
        """Let all arrive that is on its way on the log, and ring no more bells; then check."""
        self.flow()
        # What a check finds may end connections, which is for the next to find.
        for process in self.processes * 3:
            self.start(process.check())
            self.flow()
            self.bells.clear()
        for task in self.tasks:
            assert task.done(), f"waits for ever: {task}"
            task.result()

    def close(self) -> None:
        """End whatever is left."""
        try:
            while tasks := asyncio.all_tasks(self.loop):
                for task in tasks:
                    task.cancel()
                self.run()
        finally:
            self.loop.close()

    def flow(self) -> None:
        """Let all arrive that travels."""
        while self.travelling:
            self.arrive(0)
