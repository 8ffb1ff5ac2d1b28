"""How lines of the log come to a file descriptor."""

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest

from {{cookiecutter.__package}}.server.log_queue import LineHandler
from {{cookiecutter.__package}}.web import about

from .contract.counts import since, told
from .missing import skip_without
from .processes import PROCESS_TIMEOUT, run_to_end, script, started
from .waiting import LIMIT_SECONDS

pytestmark = PROCESS_TIMEOUT
# What is logged, by a handler of its own process.
LOGS = f"""
import logging, os, sys
from {about.PACKAGE}.server.log_queue import line_handler
logger = logging.getLogger("a")
logger.propagate = False
logger.addHandler(line_handler(1))
"""
request_id: ContextVar[str] = ContextVar("request_id", default="none")


class WithContext(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"[{request_id.get()}] {super().format(record)}"


@contextmanager
def logging_to(fd: int, most: int = 100) -> Iterator[tuple[logging.Logger, LineHandler]]:
    logger, handler = logging.getLogger("a.pipe"), LineHandler(fd, most)
    handler.setFormatter(WithContext("%(message)s"))
    logger.addHandler(handler)
    yield logger, handler
    logger.removeHandler(handler)


def settle(handler: LineHandler) -> None:
    """Wait until no line waits."""
    until = time.monotonic() + LIMIT_SECONDS
    while handler.waiting:
        assert time.monotonic() < until, "lines still wait"
        time.sleep(0.01)


async def run(folder: Path, code: str) -> list[str]:
    """Run code behind the lines above to its end, and return the lines that it printed."""
    exit_code, printed = await run_to_end(folder, script(folder, LOGS + code))
    assert exit_code == 0, printed
    return printed.splitlines()


def test_a_line_has_the_context_and_the_exception_of_who_logged() -> None:
    reading, writing = os.pipe()
    with logging_to(writing) as (logger, handler):
        token = request_id.set("seven")
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            logger.exception("It %s", "failed")
        request_id.reset(token)
        settle(handler)
    lines = os.read(reading, 65_536).decode().splitlines()
    assert lines[0] == "[seven] It failed"
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "RuntimeError: broken"
    os.close(reading)
    os.close(writing)


def test_lines_that_cannot_be_written_are_counted_and_told_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = told()
    reading, writing = os.pipe()
    os.close(reading)
    with logging_to(writing) as (logger, handler):
        for _ in range(3):
            logger.warning("lost")
        settle(handler)
        assert since(before)["rooms_log_lines_dropped_total"] == 3
        reading, other = os.pipe()
        os.dup2(other, writing)
        logger.warning("found")
        settle(handler)
    assert os.read(reading, 65_536) == b"[none] found\n"
    assert "3 lines of the log were dropped" in caplog.text
    for fd in (reading, writing, other):
        os.close(fd)


async def test_the_end_of_a_process_writes_what_waits(tmp_path: Path) -> None:
    lines = await run(tmp_path, "for number in range(5_000): logger.warning('line %s', number)")
    assert lines == [f"line {number}" for number in range(5_000)]


async def test_an_end_waits_as_long_as_somebody_takes_lines(tmp_path: Path) -> None:
    code = (
        f"{LOGS}\nfrom {about.PACKAGE}.server.log_queue import flush_log\n"
        "for _ in range(1_200): logger.warning('x' * 1_000)\n"
        "flush_log(1)\nos._exit(0)"
    )
    printed = b""
    reading, writing = os.pipe()
    async with started(tmp_path, script(tmp_path, code), writing):
        os.close(writing)
        while data := await asyncio.to_thread(os.read, reading, 65_536):
            printed += data
            await asyncio.sleep(0.1)
    os.close(reading)
    assert printed.count(b"\n") == 1_200


async def test_a_process_ends_though_nobody_reads_its_log(tmp_path: Path) -> None:
    code = f"{LOGS}\nfor _ in range(5_000): logger.warning('x' * 100)"
    reading, writing = os.pipe()
    async with started(tmp_path, script(tmp_path, code), writing) as process:
        os.close(writing)
        assert await process.ended() == 0
    os.close(reading)


async def test_a_fork_writes_its_own_lines(tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        skip_without("fork", "Windows starts processes anew")
    lines = await run(
        tmp_path,
        # The thread that writes is a reason for Python to warn of forks.
        "import warnings\nwarnings.simplefilter('ignore')\n"
        "logger.warning('parent')\n"
        "if child := os.fork(): os.waitpid(child, 0)\n"
        "else: logger.warning('child')\n",
    )
    assert sorted(lines) == ["child", "parent"]
