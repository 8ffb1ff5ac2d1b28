"""The page's client, tested by Node.js's own runner against a process of the service."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from {{cookiecutter.__package}}.web import page

from ..configs import API_KEY
from ..missing import skip_without
from ..processes import PROCESS_TIMEOUT, serving
from ..waiting import within

# Before, its WebSocket fails where several subprotocols are offered.
OLDEST_NODE = (20, 19)
LIMIT_SECONDS = 60
TESTS = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))


@pytest.fixture
async def node() -> str:
    program = shutil.which("node")
    version = (0, 0)
    if program:
        asking = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE
        )
        found = re.match(rb"v(\d+)\.(\d+)", (await asking.communicate())[0])
        version = (int(found[1]), int(found[2])) if found else version
    if program is None or version < OLDEST_NODE:
        skip_without("Node.js", "install one of 20.19 or newer")
    return program


@PROCESS_TIMEOUT
async def test_the_client(node: str, tmp_path: Path) -> None:
    async with serving(tmp_path, HISTORY="10", GUESTS="true") as (_, service):
        process = await asyncio.create_subprocess_exec(
            *(node, "--experimental-websocket", "--no-warnings", "--test"),
            # They wait for the service and its tokens more than they work.
            f"--test-concurrency={len(TESTS)}",
            *TESTS,
            env={
                **os.environ,
                "ADDRESS": service.address,
                "API_KEY": API_KEY,
                "STATIC": str(page.STATIC),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await within("the client's tests", process.communicate(), LIMIT_SECONDS)
        assert process.returncode == 0, printed.decode()
