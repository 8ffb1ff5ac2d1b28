"""Starts services in forks of a process that has imported what takes long.

A start takes a second of computing otherwise, most of it for imports.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Protocol

from .project import Project, clean_environment

# As the project's own tests do, but with its handlers, for which `tests.bare` would stand.
_WARM = """
from tests import flavour
flavour.PRELOADED = tuple(name for name in flavour.PRELOADED if name != "tests.bare")
from tests import warm
warm.main()
"""
_LIMIT_SECONDS = 30


class Running(Protocol):
    """What the tests need of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit code, or None as long as it runs."""

    def wait(self) -> int:
        """Wait for its exit code."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """End it at once."""


class Fork:
    """A service that runs in a fork."""

    def __init__(self, project: Project, environment: Mapping[str, str], output: int) -> None:
        self._status, write_status = _pipe()
        request = [[project.package.name], str(project.path), dict(environment)]
        lender = project.lender or project
        socket.send_fds(_warm(lender), [json.dumps(request).encode()], [output, write_status])
        os.close(write_status)
        self.pid = int(self._status.readline())
        self._exit_code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal, or None as long as it runs."""
        if self._exit_code is None and select.select([self._status], [], [], 0)[0]:
            self.wait()
        return self._exit_code

    def wait(self) -> int:
        """Wait for its exit code."""
        if self._exit_code is None:
            self._exit_code = int(self._status.read())
            self._status.close()
        return self._exit_code

    def terminate(self) -> None:
        """Ask it to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    what: Project | Sequence[str], folder: Path, environment: Mapping[str, str], output: int
) -> Running:
    """Start a command, or a project's service; `output` is a descriptor.

    A service runs in a fork if its package is as generated: a change is not imported before.
    """
    if not isinstance(what, Project):
        command = what
    elif _may_fork(what):
        return Fork(what, environment, output)
    else:
        command = (str(what.python), "-m", what.package.name)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _may_fork(project: Project) -> bool:
    # Elsewhere a fork that does not call `exec` is not safe.
    if sys.platform != "linux" or not project.lender:
        return False
    return _content(project.package) == _content(project.lender.package)


def _pipe() -> tuple[IO[bytes], int]:
    reading, writing = os.pipe()
    # What is read at once stays to be seen by `select`.
    return os.fdopen(reading, "rb", buffering=0), writing


def _content(folder: Path) -> dict[Path, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@cache
def _warm(lender: Project) -> socket.socket:
    """Start the process that forks, once; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    warm = subprocess.Popen(
        (str(lender.python), "-c", _WARM),
        cwd=lender.path,
        env={**clean_environment(), "PYTHONPATH": f"{lender.path}:{lender.path / 'src'}"},
        stdin=theirs.fileno(),
        start_new_session=True,
    )
    theirs.close()

    @atexit.register
    def stop() -> None:
        ours.close()
        warm.wait(_LIMIT_SECONDS)

    return ours
