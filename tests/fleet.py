"""A service of several processes, each of which can be killed and started again."""

import asyncio
import base64
import hmac
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from .project import Project, clean_environment
from .starting import Running, start

LIMIT_SECONDS = 30.0
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"  # noqa: S105 (of tests)
PRODUCTION = {"DEBUG": "false", "SECRET_KEY": SECRET, "API_KEY": "key"}
_ANY_PORTS = (0, 0, 0)


async def until(
    condition: Callable[[], bool], waited_for: Callable[[], str], seconds: float = LIMIT_SECONDS
) -> None:
    """Wait until a condition holds; with a limit, at which it says what it waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} seconds for {waited_for()}"
        await asyncio.sleep(0.02)


class Process:
    """One process of a service, or a command, which can be killed and started again."""

    def __init__(
        self, name: str, what: Project | Sequence[str], folder: Path, settings: Mapping[str, str]
    ) -> None:
        self._address = ""
        self.log = folder.parent / f"{name}.log"
        self._what = what
        self._folder = folder
        self._environment = {**clean_environment(), **settings}
        self._process: Running | None = None

    def addresses(self) -> list[str]:
        """Where it listens, if it does."""
        return [self._address] if self._address else []

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        before = len(self.printed())
        with self.log.open("ab") as output:
            self._process = start(self._what, self._folder, self._environment, output.fileno())
        await until(
            lambda: self._listens(before), lambda: f"{self.log.name} to start:\n{self.printed()}"
        )

    async def kill(self) -> None:
        """End it at once."""
        assert self._process
        self._address = ""
        self._process.kill()
        await until(self._ended, lambda: "a killed process to be gone")

    async def stop(self) -> None:
        """End it as an operator would; kill it if that takes too long."""
        if self._process is None or self._ended():
            return
        self._process.terminate()
        try:
            await until(self._ended, lambda: f"{self.log.name} to stop:\n{self.printed()}")
        finally:
            self._process.kill()
            self._process.wait()

    def printed(self) -> str:
        """All that it printed, also before it was started again."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def memory(self) -> int:
        """Bytes of its own that are in memory."""
        assert self._process
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _listens(self, before: int) -> bool:
        assert not self._ended(), f"it ended by itself:\n{self.printed()}"
        found = re.search(r"running on http://(\S+)", self.printed()[before:])
        self._address = found[1] if found else ""
        return bool(found)

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


class Fleet:
    """The processes of one service, one for each of `ports`; `more` are further settings."""

    def __init__(
        self,
        project: Project,
        redis_url: str,
        rooms: Sequence[str],
        ports: Sequence[int] = _ANY_PORTS,
        **more: str,
    ) -> None:
        settings = {
            **project.settings,
            **PRODUCTION,
            "DATABASE_URL": f"sqlite:///{project.path / 'db.sqlite3'}",
            "DRAIN_SECONDS": "1",
            "HISTORY": "100000",
            "MESSAGES_PER_SECOND": "0",
            "REDIS_URL": redis_url,
            "ROOMS": ",".join(rooms),
            **more,
        }
        self.processes = [
            Process(f"process-{number}", project, project.path, {**settings, "PORT": str(port)})
            for number, port in enumerate(ports)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the first, which makes the tables, then the others; stop all in the end."""
        first, *others = self.processes
        try:
            await first.start()
            await asyncio.gather(*(process.start() for process in others))
            yield
        finally:
            await asyncio.gather(*(process.stop() for process in self.processes))

    def addresses(self) -> list[str]:
        """Where those listen that live."""
        return [address for process in self.processes for address in process.addresses()]


def sign(user: str, room: str, seconds: int = 3600) -> str:
    """Make a token, as the service would."""
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": user, "room": room, "exp": int(time.time()) + seconds}
    signed = ".".join(_encode(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{_encode(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
