"""The load: members of rooms who speak, and count what arrives. A job is read from stdin.

It is a process of its own, on picows and uvloop, to be faster than every server.
"""

import asyncio
import gc
import json
import re
import socket
import sys
import time
from typing import Any

import uvloop
from dialects import DIALECTS, Dialect
from picows import WSFrame, WSListener, WSMsgType, WSParsedURL, WSTransport, ws_connect

_CONNECTING_AT_ONCE = 50
_LIMIT_SECONDS = 60.0
# A message that did not reach all by then is lost.
_LOST_SECONDS = 5.0
_SMALL_BUFFER = 4096
_CACHED = 4096
# What a message is known by: who of those in flight, and the how manieth.
_MARK = re.compile(rb"@(\d\d)(\d{7})@")


class Member(WSListener):  # type: ignore[misc]  # of Cython, without types
    """One client. It counts for its crowd."""

    def __init__(self, crowd: "Crowd", room: str) -> None:
        self.crowd = crowd
        self.room = room
        self.entered = asyncio.get_running_loop().create_future()
        self.transport: WSTransport = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Be in, where nobody says so."""
        self.transport = transport
        dialect = self.crowd.dialect
        if not dialect.welcome:
            self.enter()

    def enter(self) -> None:
        """Be in the room."""
        if not self.entered.done():
            self.entered.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count what it holds."""
        if frame.msg_type == WSMsgType.CLOSE:
            self.crowd.closed += 1
            transport.disconnect()
            return
        text = frame.get_payload_as_bytes()
        crowd = self.crowd
        marks = crowd.read.get(text)
        if marks is None:
            marks = self.take(text)
        crowd.arrived += len(marks)
        for slot, number in marks:
            if crowd.numbers[slot] == number:
                crowd.left[slot] -= 1
                if not crowd.left[slot]:
                    crowd.complete(slot)

    def take(self, text: bytes) -> list[tuple[int, int]]:
        """Read a frame that was not seen before."""
        crowd, dialect = self.crowd, self.crowd.dialect
        marks = [(int(slot), int(number)) for slot, number in _MARK.findall(text)]
        if marks:
            if len(crowd.read) >= _CACHED:
                crowd.read.clear()
            crowd.read[text] = marks
        elif dialect.welcome and dialect.welcome in text:
            self.enter()
        elif dialect.hello and text.startswith(b"0{"):
            self.transport.send(WSMsgType.TEXT, dialect.hello)
        elif dialect.heartbeat and text == dialect.heartbeat[0]:
            self.transport.send(WSMsgType.TEXT, dialect.heartbeat[1])
        return marks

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Fail if it was not in yet."""
        if not self.entered.done():
            self.entered.set_exception(ConnectionError("closed before it was in"))


class Crowd:
    """All members. Of each message in flight it knows how many have yet to hear it."""

    def __init__(self, dialect: Dialect, urls: list[str], padding: int) -> None:
        self.dialect = dialect
        self.urls = urls
        self.padding = "x" * padding
        self.rooms: dict[str, list[Member]] = {}
        self.read: dict[bytes, list[tuple[int, int]]] = {}
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
        headers = {"Sec-WebSocket-Protocol": self.dialect.subprotocol}
        member = Member(self, room)
        await ws_connect(
            lambda: member,
            f"{url}{self.dialect.path(room)}",
            extra_headers=headers if self.dialect.subprotocol else None,
            websocket_handshake_timeout=_LIMIT_SECONDS,
            socket_factory=_small_socket if slow else None,
        )
        await asyncio.wait_for(member.entered, _LIMIT_SECONDS)
        if slow:
            member.transport.underlying_transport.pause_reading()
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
        speaker.transport.send(WSMsgType.TEXT, text.encode())

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


async def _small_socket(url: WSParsedURL) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    made.setblocking(False)  # noqa: FBT003 (a socket takes it by position)
    await asyncio.get_running_loop().sock_connect(made, (url.host, url.port))
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
