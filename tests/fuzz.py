"""Throws frames of all kinds at a service: `uv run python -m tests.fuzz channels --frames 1000000`.

It fails on a close 1011, on a traceback in the log, and on an answer that does not come; it prints
what memory the service took before and after.
"""

import argparse
import asyncio
import collections
import json
import random
import tempfile
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from .fleet import Process
from .project import FLAVOURS, Project

_CLIENTS = 8
_AT_ONCE = 50
_LIMIT_SECONDS = 30
_INTERNAL_ERROR = 1011
_SUBPROTOCOL = Subprotocol("rooms.v1")
_WORDS = ("type", "message", "body", "id", "refresh", "token", "ping", "debug-close", "close", "")
_NUMBERS = (0, -1, 2**63, 10**400, 0.5, 1e308, float("inf"), float("nan"))
_VALUES = (None, True, False, *_NUMBERS, *_WORDS)
_DEEPEST = 4
_CHARACTERS = '{}[]",:\\/0123456789eE+-.truefalsn\n\t\0 é€🎉\u2028\ufffe'


class Fuzz:
    """Makes frames, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (no secret)

    def frame(self) -> str | bytes:
        """Make what a client may send: mostly text, at times binary."""
        choice = self._random.random()
        if choice < 0.001:
            return self._random.randbytes(self._random.randrange(50))
        if choice < 0.3:
            return self._text(self._random.randrange(60))
        text = json.dumps(self._value(0) if choice < 0.5 else self._almost())
        return self._spoiled(text) if choice < 0.8 else text

    def garbage(self) -> bytes | None:
        """Make bytes that are no frame, rarely."""
        return self._random.randbytes(20) if self._random.random() < 0.002 else None

    def _text(self, size: int) -> str:
        return "".join(self._random.choices(_CHARACTERS, k=size))

    def _value(self, depth: int) -> object:
        choice = self._random.random()
        few = range(self._random.randrange(4) if depth < _DEEPEST else 0)
        if choice < 0.2:
            return [self._value(depth + 1) for _ in few]
        if choice < 0.4:
            return {self._random.choice(_WORDS): self._value(depth + 1) for _ in few}
        if choice < 0.5:
            return self._text(self._random.randrange(90))
        return self._random.choice(_VALUES)

    def _almost(self) -> dict[str, object]:
        frame: dict[str, object] = {"type": self._random.choice(_WORDS)}
        for name in ("body", "id", "token", "close"):
            if self._random.random() < 0.5:
                frame[name] = self._value(1)
        return frame

    def _spoiled(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + self._text(self._random.randrange(3)) + text[at + 1 :]


class Count:
    """What was sent, and how connections ended."""

    def __init__(self, frames: int) -> None:
        self.left = frames
        self.closes: collections.Counter[int] = collections.Counter()


async def throw(address: str, number: int, count: Count) -> None:
    """Send frames, over one connection after another, until there are enough."""
    fuzz = Fuzz(number)
    while count.left > 0:
        url = f"ws://{address}/ws/fuzz-{number}"
        async with connect(url, subprotocols=[_SUBPROTOCOL], compression=None) as socket:
            try:
                while count.left > 0:
                    await asyncio.wait_for(_round(socket, fuzz, count), _LIMIT_SECONDS)
            except ConnectionClosed as closed:
                count.closes[closed.rcvd.code if closed.rcvd else 1006] += 1


async def _round(socket: ClientConnection, fuzz: Fuzz, count: Count) -> None:
    for _ in range(_AT_ONCE):
        await socket.send(fuzz.frame())
    count.left -= _AT_ONCE
    if garbage := fuzz.garbage():
        # It may be the head of a frame that never ends: no answer is to be expected.
        socket.transport.write(garbage)
        socket.transport.abort()
        return
    end = f"end {count.left}"
    await socket.send(json.dumps({"type": "message", "body": end}))
    while True:
        for line in str(await socket.recv()).split("\n"):
            answer = json.loads(line)
            if answer["type"] == "message" and answer["body"] == end:
                return


async def fuzz_service(project: Project, frames: int) -> None:
    """Start it, throw so many frames at it, and look at what it did."""
    settings = {
        "PORT": "0",
        "ROOMS": ",".join(f"fuzz-{number}" for number in range(_CLIENTS)),
        "MESSAGES_PER_SECOND": "0",
        "HISTORY": "100",
        "GUESTS": "true",
    }
    process = Process("fuzzed", project, project.path, settings)
    await process.start()
    try:
        (address,) = process.addresses()
        await asyncio.gather(*(throw(address, one, Count(1_000)) for one in range(_CLIENTS)))
        before = process.memory()
        count = Count(frames)
        await asyncio.gather(*(throw(address, one, count) for one in range(_CLIENTS)))
        print(f"{frames} frames; closes {dict(count.closes)}")
        print(f"memory {before / 2**20:.1f} MiB before, {process.memory() / 2**20:.1f} MiB after")
        assert _INTERNAL_ERROR not in count.closes
    finally:
        await process.stop()
    assert "Traceback" not in process.printed(), process.printed()


def main() -> None:
    """Render a flavour, and fuzz it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--frames", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.render(Path(folder), options.flavour)
        project.run("uv", "sync")
        asyncio.run(fuzz_service(project, options.frames))


if __name__ == "__main__":
    main()
