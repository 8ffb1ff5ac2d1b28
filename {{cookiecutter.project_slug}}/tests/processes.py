"""Processes of the service: started, asked to stop and killed alike on every system."""

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

from {{cookiecutter.__package}}.rooms.auth.tokens import Tokens
from {{cookiecutter.__package}}.rooms.clock import SystemClock

from .configs import API_KEY, SECRET_KEY, clean_environment
from .contract.secrets import expect_no_secret
from .contract.service import Endpoint
from .missing import skip_without
from .waiting import PROCESS_LIMIT_SECONDS, until, within

if sys.platform == "linux":
    from .warm import Forked

# A test may start several, each within its limit.
PROCESS_TIMEOUT = pytest.mark.timeout(120)
COMMAND = (sys.executable, "-m", "tests.bare")
# In UTF-8, as what a process prints to a pipe depends on the system.
KEYS = {
    "API_KEY": API_KEY,
    "SECRET_KEY": SECRET_KEY,
    "PORT": "0",
    "PYTHONUTF8": "1",
    # For `tests.bare`, in whatever folder it runs.
    "PYTHONPATH": os.pathsep.join(
        [
            str(Path(__file__).parents[1]),
            *filter(None, [os.environ.get("PYTHONPATH")]),
        ]
    ),
}


class Child(Protocol):
    """What is used of `asyncio.subprocess.Process`."""

    pid: int
    stdout: asyncio.StreamReader | None

    def send_signal(self, signal: int, /) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """End it at once."""

    async def communicate(self) -> object:
        """Read what it still prints, and wait for its end."""

    async def wait(self) -> int:
        """Wait for its exit code, negative for a signal."""


class Process:
    """The service as `uv run` starts it, with what it printed."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self.printed = ""

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Wait until it prints something."""
        assert self._process.stdout
        while not (found := re.search(pattern, self.printed)):
            reading = self._process.stdout.readline()
            line = await within(f"the process to print {pattern}", reading, PROCESS_LIMIT_SECONDS)
            assert line, f"it ended without {pattern}:\n{self.printed}"
            self.printed += _text(line)
        return found

    async def ended(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        if self._process.stdout:
            reading = self._process.stdout.read()
            rest = await within("the process to end", reading, PROCESS_LIMIT_SECONDS)
            self.printed += _text(rest)
        return await within("its exit code", self._process.wait(), PROCESS_LIMIT_SECONDS)

    def stop(self) -> None:
        """Ask it to stop, as an operator or a supervisor would."""
        if sys.platform == "win32":
            self._break()
        else:
            self._process.send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if sys.platform == "win32":
            # Windows sends Ctrl-C itself to every process of a console.
            self._break()
        else:
            self._process.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """End it at once, with the processes that it started."""
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                await asyncio.to_thread(_end_tree, self._process.pid)
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        await within("a killed process to end", self._process.communicate(), PROCESS_LIMIT_SECONDS)

    if sys.platform == "win32":

        def _break(self) -> None:
            require_console()
            self._process.send_signal(signal.CTRL_BREAK_EVENT)


def require_console() -> None:
    """Skip a test that asks a process to stop, where Windows has no way to do that."""
    if sys.platform == "win32" and not ctypes.windll.kernel32.GetConsoleCP():
        skip_without("console", "Windows asks a process to stop by the console of both")


if sys.platform == "win32":

    def _end_tree(pid: int) -> None:
        command = ("taskkill", "/F", "/T", "/PID", f"{pid}")
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603 (our own process)


def kill_worker(pid: int) -> None:
    """End one process at once, and no other."""
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)
    else:
        os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def started(
    folder: Path,
    command: Sequence[str] = COMMAND,
    output: int = asyncio.subprocess.PIPE,
    /,
    **settings: str,
) -> AsyncIterator[Process]:
    """Start a command of the service, and end whatever is left of it."""
    # What it writes for itself is left behind if it is killed.
    environment = {**clean_environment(), **KEYS, "TMPDIR": str(folder), **settings}
    process = Process(await _start(folder, command, environment, output))
    try:
        yield process
        expect_no_secret(process.printed)
    finally:
        await process.kill()


def script(folder: Path, code: str) -> tuple[str, ...]:
    """Write code to a file; the command that runs it in this folder."""
    (folder / "script.py").write_text(code, encoding="utf-8")
    return (sys.executable, "-m", "script")


async def run_to_end(folder: Path, command: Sequence[str], **settings: str) -> tuple[int, str]:
    """Run a command to its end; its exit code and what it printed."""
    async with started(folder, command, **settings) as process:
        return await process.ended(), process.printed


async def _start(
    folder: Path, command: Sequence[str], environment: dict[str, str], output: int
) -> Child:
    # Elsewhere a fork that does not call `exec` is not there, or not safe.
    if sys.platform == "linux" and tuple(command[:2]) == COMMAND[:2]:
        return await Forked.start(command[2:], folder, environment, output)
    own_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        **own_group,
    )


@asynccontextmanager
async def serving(
    folder: Path, command: Sequence[str] = COMMAND, **settings: str
) -> AsyncIterator[tuple[Process, Endpoint]]:
    """Start the service, and wait until it listens."""
    async with started(folder, command, **settings) as process:
        address = await process.read_until(r"running on http://(\S+)")
        yield process, Endpoint(address[1], Tokens(SECRET_KEY, SystemClock()))


async def workers(process: Process, service: Endpoint, count: int) -> None:
    """Wait until so many workers have started and one listens, which it does after it says so."""
    await process.read_until("(?s)" + "startup complete.*" * count)
    await until("a worker to listen", service.listens)


def _text(output: bytes) -> str:
    return output.decode().replace("\r\n", "\n")
