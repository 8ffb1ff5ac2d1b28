"""A Redis of the tests' own, on a free port of loopback."""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from .missing import skip_without

OLDEST = 7
LIMIT_SECONDS = 10


class RedisServer:
    """A server process that can be stopped, killed and started again, with its data."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, at the same port as before, and wait until it answers."""
        for port in [self.port] if self.port else _some_ports():
            self.port = port
            if self._starts():
                return
        pytest.fail(f"redis-server does not start at port {self.port}")

    def _starts(self) -> bool:
        """Start it; False if it ends by itself, as where the port is taken."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "no"]
        self._process = subprocess.Popen(  # noqa: S603 (found on the path, see below)
            [self._program, *options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + LIMIT_SECONDS
        while self._process.poll() is None:
            if self.answers():
                return True
            assert time.monotonic() < deadline, "waited for redis-server to answer"
            time.sleep(0.02)
        return False

    def flush(self) -> None:
        """Forget all that it has."""
        with Redis.from_url(self.url) as client:
            client.flushall()

    def pause(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        if sys.platform == "win32":
            skip_without("SIGSTOP", "Windows can't stop a process for a while")
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if sys.platform != "win32":
            self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, and wait for that."""
        if self._process:
            self._process.kill()
            self._process.wait(LIMIT_SECONDS)
            self._process = None

    def answers(self) -> bool:
        """Whether it is there, and no other at its port."""
        try:
            with Redis.from_url(self.url) as client:
                # A server that still reads what it kept answers the second, but not the first.
                client.ping()
                pid = client.info("server")["process_id"]
        except RedisError:
            return False
        return self._process is not None and pid == self._process.pid

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process, "it was not started"
        return self._process


def _some_ports() -> list[int]:
    # Below those that systems give to clients: one could take it while the server is down.
    return random.sample(range(20_000, 32_768), 10)


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


def _find_program() -> str:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None or _version(program) < OLDEST:
        skip_without(
            f"redis-server {OLDEST} or newer",
            "`apt install redis-server` or `brew install redis`; "
            "on Windows, run the tests in WSL or in a container of Docker",
        )
    return program


def _version(program: str) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, check=True)  # noqa: S603 (found on the path)
    found = re.search(rb"\bv=(\d+)", done.stdout)
    return int(found[1]) if found else 0


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(_find_program(), tmp_path_factory.mktemp("redis"))
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
