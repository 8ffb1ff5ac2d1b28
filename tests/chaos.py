"""A crowd of clients that talk while a test breaks things under them."""

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .fleet import LIMIT_SECONDS, sign, until

BROKEN, INTERNAL_ERROR, SERVICE_RESTART = 1006, 1011, 1012
# A client may be closed with these while Redis is away: see the service's table of closes.
AWAY = {INTERNAL_ERROR, SERVICE_RESTART}
ROOMS = [f"room-{number}" for number in range(5)]
_CLIENTS = 200
_SPEAKERS_PER_ROOM = 5
# Between two messages of a speaker; how many of them may be unheard; and when each is repeated.
_PAUSE = 0.4
_UNHEARD = 8
_REPEAT_SECONDS = 2.0
_SHORTEST_BACKOFF, _LONGEST_BACKOFF = 0.1, 2.0

_random = random.Random()  # noqa: S311 (no secret)

Frame = dict[str, Any]


class Client:
    """One client, which comes back to any living process whenever its connection breaks.

    `first` is the position at which it first came in, and `heard` what it was told since then.
    `unheard` is what it said and has not heard, and when each is to be said again.
    `faults` is what must not have been.
    """

    def __init__(
        self, name: str, room: str, addresses: Callable[[], list[str]], *, silent: bool = False
    ) -> None:
        self.name = name
        self.room = room
        self.first = ""
        self.last = ""
        self.heard: list[str] = []
        self.members: set[str] = set()
        self.said: list[str] = []
        self.silent = silent
        self.unheard: dict[str, float] = {}
        self.unavailable = 0
        self.closes: Counter[int] = Counter()
        self.faults: list[str] = []
        self._addresses = addresses
        self._token = sign(name, room)
        self._socket: ClientConnection | None = None
        self._breaks = False

    def __str__(self) -> str:
        """Say how it is, for who reads what a test printed."""
        where = f"at {self.last}" if self.present else f"out, after {self.last}"
        sees = f"sees {len(self.members)}: {sorted(self.members)[:5]}"
        return f"{self.name} in {self.room}, {where}, unheard {list(self.unheard)}, {sees}"

    @property
    def present(self) -> bool:
        """Whether it is in its room."""
        return self._socket is not None

    async def stay(self) -> None:
        """Be in the room until cancelled."""
        failures = 0
        while True:
            welcomed = False
            if addresses := self._addresses():
                welcomed = await self._visit(_random.choice(addresses))
            failures = 0 if welcomed else failures + 1
            backoff = min(_SHORTEST_BACKOFF * 2**failures, _LONGEST_BACKOFF)
            await asyncio.sleep(backoff * _random.uniform(0.5, 1))

    async def speak(self) -> None:
        """Say something now and then unless silent, each until it was heard; until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE * _random.uniform(0.5, 1.5))
            if not self.silent and len(self.unheard) < _UNHEARD:
                message_id = f"{self.name}-{len(self.said)}"
                self.said.append(message_id)
                self.unheard[message_id] = 0
            now = time.monotonic()
            for message_id in [one for one, due in self.unheard.items() if due <= now]:
                await self._say(message_id, now)

    def lose_connection(self) -> None:
        """Break the connection from this end, without a word."""
        if self._socket:
            self._breaks = True
            self._socket.transport.abort()

    async def _say(self, message_id: str, now: float) -> None:
        if self._socket:
            self.unheard[message_id] = now + _REPEAT_SECONDS
            frame = {"type": "message", "body": {"text": message_id}, "id": message_id}
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps(frame))

    async def _visit(self, address: str) -> bool:
        """Connect once, and listen until that ends; whether it was let in."""
        welcomed = False
        after = f"?after={self.last}" if self.first else ""
        try:
            async with connect(
                f"ws://{address}/ws/{self.room}{after}",
                additional_headers={"Authorization": f"Bearer {self._token}"},
                compression=None,
                open_timeout=LIMIT_SECONDS,
                close_timeout=1,
                ping_interval=None,
                proxy=None,
            ) as socket:
                frame = await self._first_frame(socket)
                if welcomed := frame["type"] == "welcome":
                    self._enter(frame, socket)
                while True:
                    self._take(str(await socket.recv()))
        except ConnectionClosed as closed:
            if closed.rcvd or not self._breaks:
                self.closes[closed.rcvd.code if closed.rcvd else BROKEN] += 1
        except InvalidStatus as error:
            self.faults.append(f"was refused with {error}")
        except (OSError, InvalidHandshake):
            pass  # Nobody is there any more.
        finally:
            self._socket, self._breaks = None, False
        return welcomed

    async def _first_frame(self, socket: ClientConnection) -> Frame:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                frame: Frame = json.loads(await socket.recv())
        except TimeoutError:
            self.faults.append("waited for a welcome in vain")
            raise
        if frame["type"] not in {"welcome", "service-restart"}:
            self.faults.append(f"was told first of all {frame}")
        return frame

    def _enter(self, welcome: Frame, socket: ClientConnection) -> None:
        if welcome["recovered"] is not (True if self.first else None):
            self.faults.append(f"came with {self.last or None} and was told {welcome}")
        if welcome["position"] < self.last:
            self.faults.append(f"had {self.last}, and was welcomed at {welcome['position']}")
        self.first = self.first or welcome["position"]
        self.last = self.last or welcome["position"]
        self.members = set(welcome["members"])
        self.unheard = dict.fromkeys(self.unheard, 0)
        self._socket = socket

    def _take(self, text: str) -> None:
        frame = json.loads(text)
        match frame["type"]:
            case "message":
                if frame["position"] <= self.last:
                    self.faults.append(f"heard {frame} after {self.last}")
                self.last = frame["position"]
                # Each message is heard by many.
                self.heard.append(sys.intern(text))
                if frame["from"] == self.name:
                    self.unheard.pop(frame["id"], None)
            case "joined":
                self.members.add(frame["user"])
            case "left":
                self.members.discard(frame["user"])
            case "error" if frame["code"] == "unavailable":
                self.unavailable += 1
                if frame["id"] in self.unheard:
                    self.unheard[frame["id"]] = 0
            case "service-restart":
                pass
            case _:
                self.faults.append(f"was told {frame}")


class Crowd:
    """Clients that come in together, and go together."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = clients

    @classmethod
    def of_many(cls, addresses: Callable[[], list[str]]) -> Self:
        """Gather as many for each room, of whom a few speak."""
        loud = _SPEAKERS_PER_ROOM * len(ROOMS)
        numbers = range(_CLIENTS)
        rooms = cycle(ROOMS)
        return cls([Client(f"u{n}", next(rooms), addresses, silent=n >= loud) for n in numbers])

    @property
    def closes(self) -> Counter[int]:
        """How often connections ended with each code."""
        return sum((client.closes for client in self.clients), Counter())

    @property
    def unavailable(self) -> int:
        """How often somebody was told that nothing can be said now."""
        return sum(client.unavailable for client in self.clients)

    def scatter(self) -> None:
        """Break the connections of a third of the clients, from their end."""
        for client in _random.sample(self.clients, len(self.clients) // 3):
            client.lose_connection()

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Let all come in, those speak that are not silent, and all go in the end."""
        tasks = [asyncio.create_task(client.stay()) for client in self.clients]
        try:
            await self.come_in()
            loud = [client for client in self.clients if not client.silent]
            tasks += [asyncio.create_task(client.speak()) for client in loud]
            yield
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if not isinstance(end, asyncio.CancelledError):
                raise AssertionError("a client failed") from end

    async def come_in(self) -> None:
        """Wait until all are in their rooms."""
        await self.all_are("in their rooms", lambda client: client.present)

    async def hear_more(self) -> None:
        """Wait until something new was heard in each room."""
        before = self._newest()
        await until(
            lambda: all(self._newest()[room] > before[room] for room in ROOMS),
            lambda: f"something new in each room after {before}; now it is {self._newest()}",
        )

    async def be_put_off(self) -> None:
        """Wait until somebody more was told that nothing can be said now."""
        before = self.unavailable
        await until(
            lambda: self.unavailable > before, lambda: "somebody to be told of Redis that is away"
        )

    async def fall_silent(self) -> None:
        """Say nothing new, and wait until all have heard what they said."""
        for client in self.clients:
            client.silent = True
        await self.all_are("told what they said", lambda client: not client.unheard)

    async def hear_up_to(self, newest: Mapping[str, str]) -> None:
        """Wait until all have heard the newest message of their room."""
        await self.all_are(f"at {newest}", lambda client: client.last == newest[client.room])

    async def see_each_other(self) -> None:
        """Wait until all know who is in their room."""
        names = defaultdict[str, set[str]](set)
        for client in self.clients:
            names[client.room].add(client.name)
        await self.all_are("aware of all", lambda client: client.members == names[client.room])

    async def see(self, names: set[str]) -> None:
        """Wait until all know that these are in their room."""
        await self.all_are(f"aware of {names}", lambda client: client.members == names)

    async def all_are(self, what: str, condition: Callable[[Client], bool]) -> None:
        """Wait until something holds for every client."""
        await until(
            lambda: all(map(condition, self.clients)),
            lambda: f"all to be {what}; {self._lagging(condition)}",
        )

    def _lagging(self, condition: Callable[[Client], bool]) -> str:
        those = [client for client in self.clients if not condition(client)]
        faults = [(one.name, one.faults[0]) for one in self.clients if one.faults]
        return "\n".join([f"{len(those)} are not:", *map(str, those[:5]), f"faults: {faults[:5]}"])

    def _newest(self) -> dict[str, str]:
        return {room: max(one.last for one in self.clients if one.room == room) for room in ROOMS}
