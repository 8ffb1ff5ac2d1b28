"""The page's client, tested by Node.js's own runner against a process of the service."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from {{cookiecutter.__package}} import page

from ..configs import API_KEY
from ..contract.limits import within
from ..contract.test_process import serving

# Until then it has no WebSocket.
OLDEST_NODE = (20, 10)
LIMIT_SECONDS = 60


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
        told = "there is no Node.js of 20.10 or newer: install it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    return program


@pytest.mark.timeout(LIMIT_SECONDS * 2)
async def test_the_client(node: str, tmp_path: Path) -> None:
    async with serving(tmp_path, HISTORY="10", GUESTS="true") as (_, service):
        process = await asyncio.create_subprocess_exec(
            *(node, "--experimental-websocket", "--no-warnings", "--test"),
            str(Path(__file__).parent / "rooms.test.mjs"),
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
