"""The load: members of rooms who speak, and count what arrives. A job is read from stdin.

It is a process of its own, on uvloop, and parses what many clients got once, to be faster than
every server.
"""

import asyncio
import gc
import json
import re
import socket
import struct
import sys
import time
from typing import Any, cast

import uvloop
from dialects import DIALECTS, Dialect

_CONNECTING_AT_ONCE = 50
_LIMIT_SECONDS = 60.0
# A message that did not reach all by then is lost.
_LOST_SECONDS = 5.0
_SMALL_BUFFER = 4096
_CACHED = 4096
# What a message is known by: who of those in flight, and the how manieth.
_MARK = re.compile(rb"@(\d\d)(\d{7})@")
_MARK_BYTES = 11
# The longest text whose length is in the second byte of its frame.
_SHORT = 125


class Member(asyncio.Protocol):
    """One client. It counts for its crowd, without a look at single frames.

    Members of a room are sent the same bytes, so that what one of them got is parsed once for all.
    """

    def __init__(self, crowd: "Crowd", room: str) -> None:
        self.crowd = crowd
        self.room = room
        self.entered = asyncio.get_running_loop().create_future()
        self._head = self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        # uvloop's transports are no subclass.
        self.transport = cast("asyncio.Transport", transport)
        dialect = self.crowd.dialect
        offered = f"Sec-WebSocket-Protocol: {dialect.subprotocol}\r\n"
        transport.write(
            (
                f"GET {dialect.path(self.room)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"{offered if dialect.subprotocol else ''}\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count the messages in what came."""
        crowd = self.crowd
        data = self._tail + data if self._tail else data
        found = crowd.read.get(data)
        if found is None:
            found = self._parse(data)
        marks, self._tail = found
        crowd.arrived += len(marks)
        for slot, number in marks:
            if crowd.numbers[slot] == number:
                crowd.left[slot] -= 1
                if not crowd.left[slot]:
                    crowd.complete(slot)

    def _parse(self, data: bytes) -> tuple[list[tuple[int, int]], bytes]:
        """Find the marks, and what may be the beginning of one more."""
        crowd = self.crowd
        matches = list(_MARK.finditer(data))
        rest = data[matches[-1].end() :] if matches else data
        begun = rest.find(b"@", max(0, len(rest) - _MARK_BYTES + 1))
        found = (
            [(int(one[1]), int(one[2])) for one in matches],
            rest[begun:] if begun >= 0 else b"",
        )
        if matches:
            if len(crowd.read) >= _CACHED:
                crowd.read.clear()
            crowd.read[data] = found
        elif not self.entered.done():
            self._enter(data)
        elif (heartbeat := crowd.dialect.heartbeat) and _wire(heartbeat[0]) in data:
            self.send(heartbeat[1])
        return found

    def _enter(self, data: bytes) -> None:
        """Be in the room once the server says so."""
        self._head += data
        dialect = self.crowd.dialect
        if b"\r\n\r\n" not in self._head:
            return
        if not self._head.startswith(b"HTTP/1.1 101"):
            self.entered.set_exception(ConnectionError(repr(self._head[:100])))
        elif dialect.hello and b"0{" in self._head and dialect.welcome not in self._head:
            self.send(dialect.hello)
        elif dialect.welcome in self._head:
            self.entered.set_result(None)

    def send(self, text: bytes) -> None:
        """Send a text frame, masked with a key of zeros."""
        self.transport.write(_wire(text, mask=True))

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended; fail if it was not in yet."""
        self.crowd.closed += 1
        if not self.entered.done():
            self.entered.set_exception(exc or ConnectionError("closed before it was in"))


def _wire(text: bytes, *, mask: bool = False) -> bytes:
    """Write a text frame (RFC 6455)."""
    bit, key = (0x80, bytes(4)) if mask else (0, b"")
    if len(text) <= _SHORT:
        return bytes([0x81, bit | len(text)]) + key + text
    return bytes([0x81, bit | (_SHORT + 1)]) + struct.pack("!H", len(text)) + key + text


class Crowd:
    """All members. Of each message in flight it knows how many have yet to hear it."""

    def __init__(self, dialect: Dialect, urls: list[str], padding: int) -> None:
        self.dialect = dialect
        self.urls = urls
        self.padding = "x" * padding
        self.rooms: dict[str, list[Member]] = {}
        self.read: dict[bytes, tuple[list[tuple[int, int]], bytes]] = {}
        self.arrived = self.closed = self.lost = 0
        self.numbers: dict[int, int] = {}
        self.left: dict[int, int] = {}
        self.since: dict[int, float] = {}
        self.latencies: list[float] = []
        self.speakers: list[Member] = []
        self.said = 0
        self.running = False

    async def connect(self, room: str, *, slow: bool = False) -> Member:
        """Let a member in; a slow one reads nothing more, and does not count."""
        members = self.rooms.setdefault(room, [])
        url = self.urls[sum(map(len, self.rooms.values())) % len(self.urls)]
        member = Member(self, room)
        host, _, port = url.removeprefix("ws://").partition(":")
        connecting = asyncio.get_running_loop().create_connection
        if slow:
            await connecting(lambda: member, sock=await _small_socket(host, int(port)))
        else:
            await connecting(lambda: member, host, int(port))
        await asyncio.wait_for(member.entered, _LIMIT_SECONDS)
        if slow:
            member.transport.pause_reading()
        else:
            members.append(member)
        return member

    async def fill(self, rooms: dict[str, int]) -> None:
        """Let so many members into each room."""
        gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def enter(room: str) -> None:
            async with gate:
                await self.connect(room)

        await asyncio.gather(*(enter(room) for room, size in rooms.items() for _ in range(size)))

    def speak(self, slot: int) -> None:
        """Let the next member say something."""
        self.said += 1
        speaker = self.speakers[self.said * 7 % len(self.speakers)]
        self.numbers[slot] = self.said
        self.left[slot] = len(self.rooms[speaker.room])
        self.since[slot] = time.perf_counter()
        text = self.dialect.say(f"@{slot:02}{self.said:07}@{self.padding}")
        speaker.send(text.encode())

    def complete(self, slot: int) -> None:
        """Note that a message has reached all, and let the next be said."""
        self.latencies.append(time.perf_counter() - self.since[slot])
        if self.running:
            self.speak(slot)

    async def talk(self, busy: list[str], inflight: int, warmup: float, seconds: float) -> None:
        """Keep so many messages in flight, and start to count after the warm-up."""
        members = [self.rooms[room] for room in busy]
        self.speakers = [each for row in zip(*members, strict=True) for each in row]
        self.running = True
        for slot in range(inflight):
            self.speak(slot)
        await self.watch(warmup)
        self.arrived = self.lost = 0
        self.latencies.clear()
        tell("start")
        await self.watch(seconds)
        tell("end")
        self.running = False

    async def watch(self, seconds: float) -> None:
        """Let time go by, and give up messages that are lost."""
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            await asyncio.sleep(min(0.1, end - now))
            for slot, since in list(self.since.items()):
                if self.left[slot] and time.perf_counter() - since > _LOST_SECONDS:
                    self.lost += self.left[slot]
                    self.latencies.append(_LOST_SECONDS)
                    self.speak(slot)


async def _small_socket(host: str, port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    made.setblocking(False)  # noqa: FBT003 (a socket takes it by position)
    await asyncio.get_running_loop().sock_connect(made, (host, port))
    return made


def _percentile(values: list[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job: fill rooms, then wait for a line on stdin, or talk."""
    crowd = Crowd(DIALECTS[job["dialect"]], job["urls"], max(0, job["bytes"] - 11))
    start = time.perf_counter()
    await crowd.fill(job["rooms"])
    connecting = time.perf_counter() - start
    total = sum(job["rooms"].values())
    result: dict[str, Any] = {"connects_per_second": total / connecting}
    if job.get("hold"):
        await asyncio.sleep(job["settle"])
        tell("held")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return result
    for _ in range(job.get("stalled", 0)):
        await crowd.connect(job["busy"][0], slow=True)
    # Who came is told to those who were there.
    await asyncio.sleep(job["settle"])
    cpu, start = time.process_time(), time.perf_counter()
    await crowd.talk(job["busy"], job["inflight"], job["warmup"], job["seconds"])
    result["load_cpu"] = (time.process_time() - cpu) / (time.perf_counter() - start)
    result["deliveries"] = crowd.arrived
    result["deliveries_per_second"] = crowd.arrived / job["seconds"]
    result["p50_ms"] = _milliseconds(_percentile(crowd.latencies, 0.5))
    result["p99_ms"] = _milliseconds(_percentile(crowd.latencies, 0.99))
    result["messages"] = len(crowd.latencies)
    result["lost"] = crowd.lost
    result["closed"] = crowd.closed
    return result


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def tell(what: str) -> None:
    """Print a line for whoever started this."""
    print(what, flush=True)


def main() -> None:
    """Do the job, and print the result as JSON."""
    job = json.loads(sys.stdin.readline())
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tell(json.dumps(runner.run(run(job))))


if __name__ == "__main__":
    main()
