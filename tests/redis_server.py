"""A Redis of the tests' own, and a way to it that can be cut."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from .ports import free_ports

LIMIT_SECONDS = 10
_READ_BYTES = 65_536


def find_program() -> str:
    """Find a server's program; skip the test where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("there is no redis-server: install it, for example by `apt install redis`")
    return program


class RedisServer:
    """A Redis on loopback that keeps all it was told on disk; it can hang, and be killed."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start it, with what it had before, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(
            [self._program, *options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + LIMIT_SECONDS
        while not await self._answers():
            assert self._process.poll() is None, "redis-server ended by itself"
            assert time.monotonic() < deadline, "waited for redis-server to answer"
            await asyncio.sleep(0.02)

    def pause(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, and wait for that."""
        if self._process:
            self._signal(signal.SIGKILL)
            self._process.wait(LIMIT_SECONDS)
            self._process = None

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
        except OSError:
            return False
        # Until it has read what it kept, it answers something else.
        return answer == b"+PONG\r\n"

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        os.kill(self._process.pid, number)


class RedisProxy:
    """A TCP proxy in front of a Redis, which can cut all connections at once."""

    def __init__(self, port: int) -> None:
        self.to_swallow = 0
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    @asynccontextmanager
    async def passing_on(self) -> AsyncIterator[None]:
        """Pass on what comes, and cut all in the end."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with self._server:
            try:
                yield
            finally:
                self.cut()

    def cut(self) -> None:
        """Cut all connections now."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def swallow(self, answers: int) -> None:
        """Instead of each of so many next answers, cut all: nobody hears that it was done."""
        self.to_swallow = answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_redis}
        self._writers |= both
        await asyncio.gather(
            self._pass_on(reader, to_redis, both, lambda: True),
            self._pass_on(from_redis, writer, both, self._lets_through),
        )

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
        lets_through: Callable[[], bool],
    ) -> None:
        with suppress(OSError):
            while (data := await reader.read(_READ_BYTES)) and lets_through():
                writer.write(data)
                await writer.drain()
        # An end that is gone takes the other along.
        for one in both:
            one.transport.abort()
        self._writers -= both

    def _lets_through(self) -> bool:
        if self.to_swallow:
            self.to_swallow -= 1
            self.cut()
            return False
        return True
