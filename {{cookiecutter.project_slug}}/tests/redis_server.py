"""A Redis of the tests' own, on a free port of loopback."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

LIMIT_SECONDS = 10


class RedisServer:
    """A server process that can be stopped, killed and started again, with its data."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(  # noqa: S603 (found on the path, see below)
            [self._program, *options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + LIMIT_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, "waited for redis-server to answer"
            time.sleep(0.02)

    def flush(self) -> None:
        """Forget all that it has."""
        with Redis.from_url(self.url) as client:
            client.flushall()

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

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        os.kill(self._process.pid, number)


def _free_port() -> int:
    # Below those that systems give to clients: one could take it while the server is down.
    for port in random.sample(range(20_000, 32_768), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("there is no free port")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=["memory", "redis"], default="memory", help="what managers rest on"
    )


@pytest.fixture
def engine_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that choose the engine of `--engine`."""
    if request.config.getoption("--engine") == "memory":
        return {}
    server: RedisServer = request.getfixturevalue("redis_server")
    return {"redis_url": server.url}


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        told = "there is no redis-server: install it, for example by `apt install redis-server`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    server = RedisServer(program, tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_server(_redis_server: RedisServer) -> RedisServer:
    """A running and empty Redis; skips the test where none is installed."""
    if not _redis_server.answers():
        _redis_server.kill()
        _redis_server.start()
    _redis_server.flush()
    return _redis_server
