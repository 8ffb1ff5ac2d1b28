"""The limit of open files: raised at the start, and reported when it is reached."""

import errno
import math
import os
import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest

from {{cookiecutter.__package}}.rooms.metrics import FILES_EXHAUSTED
from {{cookiecutter.__package}}.server import open_files

from .configs import make_config
from .contract.service import Endpoint
from .processes import COMMAND, PROCESS_TIMEOUT, serving
from .waiting import until

resource = pytest.importorskip("resource", reason="Windows has no limit of open files")


@PROCESS_TIMEOUT
async def test_a_full_process_says_so_and_serves_again_when_clients_leave(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -Sn 64; ulimit -Hn 200; exec "$@"', "sh", *COMMAND)
    async with serving(tmp_path, limited) as (process, service):
        assert re.search("MAX_CONNECTIONS is 10000, .* may open only 200 files", process.printed)
        host, _, port = service.address.partition(":")
        with ExitStack() as crowd:
            for _ in range(220):
                crowd.enter_context(socket.create_connection((host, int(port))))
            await process.read_until("No more files can be opened")
        await until("an answer", lambda: is_counted(service))
        async with service.join("ann") as ann:
            await ann.say("hello")
            await ann.expect("message")


async def is_counted(service: Endpoint) -> bool:
    """Whether the service answers again, and has counted that its files were exhausted."""
    with suppress(httpx2.TransportError):
        text = (await service.call("GET", "/metrics")).text
        return re.search(r"^rooms_open_files_exhausted_total [1-9]", text, re.MULTILINE) is not None
    return False


def test_the_limit_is_raised_to_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS does it: the hard limit is infinite, and is refused as a soft one."""
    limits = [(256, resource.RLIM_INFINITY)]

    def setrlimit(_: int, new: tuple[int, int]) -> None:
        if new[0] == resource.RLIM_INFINITY:
            raise ValueError("not allowed to raise maximum limit")
        limits.append(new)

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    assert open_files.raise_limit() == 10_240


@pytest.mark.parametrize("refused", [False, True])
def test_a_limit_that_cannot_be_raised_stays(
    monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    def setrlimit(*_: object) -> None:
        if refused:
            raise ValueError

    limit = 256 if refused else resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert open_files.raise_limit() == (256 if refused else math.inf)


def test_a_limit_below_max_connections_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "raise_limit", lambda: 240)
    assert list(open_files.warnings(make_config(max_connections=240))) == []
    (warning,) = open_files.warnings(make_config(max_connections=241))
    assert "MAX_CONNECTIONS is 241" in warning
    assert "only 240 files" in warning


def test_exhaustion_is_counted_each_time_and_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = FILES_EXHAUSTED._value.get()  # noqa: SLF001 (it has no public name)
    monitor = open_files.OpenFilesMonitor()

    def fail(number: int) -> None:
        def refuse(*_: object) -> int:
            raise OSError(number, "refused")

        monkeypatch.setattr(os, "open", refuse)
        monitor.check()

    fail(errno.EMFILE)
    fail(errno.ENFILE)
    assert FILES_EXHAUSTED._value.get() == before + 2  # noqa: SLF001 (as above)
    assert len(caplog.records) == 1
    with pytest.raises(PermissionError):
        fail(errno.EACCES)
