"""Starts the service in forks of a process that has imported what takes long: `tests.warm` itself.

Python's start and a framework's imports take longer than most tests do.
"""

import asyncio
import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from .flavour import PRELOADED

assert sys.platform == "linux"
_LARGEST_REQUEST = 1 << 17
_LIMIT_SECONDS = 30.0


class Forked:
    """A fork, with what the tests need of `asyncio.subprocess.Process`."""

    def __init__(
        self, pid: int, code: asyncio.StreamReader, stdout: asyncio.StreamReader | None
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self._code = code
        self._exit_code: int | None = None

    @classmethod
    async def start(
        cls, module: Sequence[str], folder: Path, environment: Mapping[str, str], output: int
    ) -> Self:
        """Start a module with arguments; `output` is a descriptor, or `asyncio.subprocess.PIPE`."""
        stdout = None
        if piped := output == asyncio.subprocess.PIPE:
            stdout, output = await _pipe()
        status, write_status = await _pipe()
        request = [list(module), str(folder), dict(environment)]
        socket.send_fds(_warm(), [json.dumps(request).encode()], [output, write_status])
        os.close(write_status)
        if piped:
            os.close(output)
        return cls(int(await status.readline()), status, stdout)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    async def communicate(self) -> None:
        """Read what it still prints, and wait for its end."""
        if self.stdout:
            await self.stdout.read()
        await self.wait()

    async def wait(self) -> int:
        """Wait for its exit code, negative for a signal."""
        if self._exit_code is None:
            self._exit_code = int(await self._code.read())
        return self._exit_code


async def _pipe() -> tuple[asyncio.StreamReader, int]:
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    pipe: IO[bytes] = os.fdopen(reading, "rb")
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    return reader, writing


@functools.cache
def _warm() -> socket.socket:
    """Start the warm process, once; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Coverage is measured in the forks.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    warm = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        cwd=Path(__file__).parents[1],
        env={**kept, "PYTHONUTF8": "1"},
        stdin=theirs.fileno(),
        start_new_session=True,
    )
    theirs.close()

    @atexit.register
    def stop() -> None:
        ours.close()
        warm.wait(_LIMIT_SECONDS)

    return ours


def main() -> None:
    """Fork for each request, until nobody can ask any more."""
    for name in PRELOADED:
        # What can't be imported fails again in a fork, where a test sees it.
        with suppress(Exception):
            importlib.import_module(name)
    # It is run as a program in each fork.
    sys.modules.pop("tests.bare", None)
    gc.freeze()
    asked = socket.socket(fileno=sys.stdin.fileno())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, *_ = socket.recv_fds(asked, _LARGEST_REQUEST, 2)
        if not request:
            return
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
    asked.detach()
    _watch(request, *descriptors)


def _watch(request: bytes, output: int, status: int) -> None:
    """Run what is asked for in a further fork, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if not (child := os.fork()):
        # Its group, which can be killed as a whole, is there once its number is told.
        os.setsid()
        os.write(status, b"%d\n" % os.getpid())
        os.close(status)
        _become(output, *json.loads(request))
        return
    os.close(output)
    _, code = os.waitpid(child, 0)
    os.write(status, b"%d" % os.waitstatus_to_exitcode(code))
    os._exit(0)


def _become(output: int, module: list[str], folder: str, environment: dict[str, Any]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, stream in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, stream)
    os.close(output)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
    if "COVERAGE_PROCESS_CONFIG" in environment:
        importlib.import_module("coverage").process_startup()
    sys.argv[1:] = module[1:]
    runpy.run_module(module[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
