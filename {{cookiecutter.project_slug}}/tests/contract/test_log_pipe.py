"""The real process while nobody reads its log, which goes to a pipe."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from {{cookiecutter.__package}}.rooms.auth.tokens import Tokens
from {{cookiecutter.__package}}.rooms.clock import SystemClock
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..configs import SECRET_KEY
from ..processes import COMMAND, PROCESS_TIMEOUT, Process, started
from ..waiting import PROCESS_LIMIT_SECONDS, within
from .counts import read
from .service import KEY, Endpoint

pytestmark = PROCESS_TIMEOUT

# Their lines are more than a pipe holds.
JOINS = 200
LONGEST_NAME = "a" * 64
# A refused token is a line of the log. So many at once fit into a frame.
REFUSED = 1_500
LAST_LINE = "Finished server process"


class Pipe:
    """The end of a pipe that is read when the test wants."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.text = ""

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Read until this was written."""
        while not (found := re.search(pattern, self.text)):
            reading = asyncio.to_thread(os.read, self._fd, 65_536)
            data = await within(f"the log to have {pattern}", reading, PROCESS_LIMIT_SECONDS)
            assert data, f"the log ended without {pattern}: {self.text[-3_000:]}"
            self.text += data.decode(errors="replace")
        return found

    def read_rest(self) -> None:
        """Read what is left of a process that ended."""
        while data := os.read(self._fd, 65_536):
            self.text += data.decode(errors="replace")


@asynccontextmanager
async def unread(folder: Path, **settings: str) -> AsyncIterator[tuple[Process, Pipe, Endpoint]]:
    """Start the service, and read its log up to where it listens."""
    reading, writing = os.pipe()
    try:
        async with started(folder, COMMAND, writing, **settings) as process:
            os.close(writing)
            pipe = Pipe(reading)
            address = await pipe.read_until(r"running on http://(\S+)")
            yield process, pipe, Endpoint(address[1], Tokens(SECRET_KEY, SystemClock()))
    finally:
        os.close(reading)


async def test_a_log_that_nobody_reads_holds_up_nobody(tmp_path: Path) -> None:
    async with unread(tmp_path) as (process, pipe, service):
        for _ in range(JOINS):
            async with service.join(LONGEST_NAME):
                pass
        async with service.join("ann") as ann:
            await ann.say("hello")
            await ann.expect_message("hello", "ann")
            assert (await service.call("GET", "/healthz")).status_code == 200
            process.stop()
            await ann.expect_close(Close.SERVICE_RESTART)
        code = await process.ended()
        assert sys.platform == "win32" or code == -signal.SIGTERM
        pipe.read_rest()
        assert LAST_LINE not in pipe.text, "the log was never full"


async def test_lines_that_nobody_takes_are_counted_and_told_once(tmp_path: Path) -> None:
    refused = [{"type": "refresh", "token": "x"}] * REFUSED
    async with unread(tmp_path, MESSAGES_PER_SECOND="100000") as (process, pipe, service):
        async with service.join("ann") as ann:
            for _ in range(8):
                ann.send_at_once(*refused)
                for _ in range(REFUSED):
                    await ann.expect_error("invalid-token")
        scraped = await service.call("GET", "/metrics", headers=KEY)
        dropped = read(scraped.text)["rooms_log_lines_dropped_total"]
        assert dropped > 0
        told = await pipe.read_until(r"WARNING: +(\d+) lines of the log were dropped")
        assert int(told[1]) >= dropped
        async with service.join("bea"):
            await pipe.read_until("user='bea'")
        process.stop()
        await process.ended()
        pipe.read_rest()
    assert LAST_LINE in pipe.text, "what waited at the end was not written"
    assert pipe.text.count("were dropped") == 1
