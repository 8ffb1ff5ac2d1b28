"""The real process: how it starts, and how a signal ends it."""

import asyncio
import json
import re
import signal
import socket
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx2
import pytest

from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.server.run import Worker, uvicorn_config
from {{cookiecutter.__package}}.web import about

from ..configs import make_config
from ..processes import COMMAND, PROCESS_TIMEOUT, require_console, serving, started
from ..waiting import LIMIT_SECONDS, PROCESS_LIMIT_SECONDS, until, within
from .secrets import PASSWORD
from .service import KEY, Endpoint

pytestmark = PROCESS_TIMEOUT


async def test_a_stop_is_told_to_the_clients_before_the_end(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        process, service = await stack.enter_async_context(serving(tmp_path, ROOMS="a,b,c,d,e"))
        clients = [await stack.enter_async_context(service.join("ann", room)) for room in "abcde"]
        process.stop()
        last_words = [await client.expect_close(Close.SERVICE_RESTART) for client in clients]
        delays = {words["retry_after"] for words in last_words}
        assert len(delays) > 1, "all clients are asked to come back at the same moment"
        code = await process.ended()
        # Windows has no signals that a process could end with.
        assert sys.platform == "win32" or code == -signal.SIGTERM
        assert "Traceback" not in process.printed


async def test_a_client_that_does_not_answer_cannot_hold_up_a_ctrl_c(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        process, service = await stack.enter_async_context(serving(tmp_path, DRAIN_SECONDS="0.2"))
        sly = await stack.enter_async_context(service.join("sly", max_queue=1))
        ann = await stack.enter_async_context(service.join("ann"))
        await sly.expect("joined", user="ann")
        sly.socket.transport.pause_reading()
        for _ in range(10):
            await ann.say("x" * 60_000)
            await ann.expect("message")
        process.interrupt()
        await ann.expect_close(Close.SERVICE_RESTART)
        await process.ended()
        assert "Traceback" not in process.printed
        sly.vanish()


@pytest.mark.parametrize("host", ["[::1]", "a..b"])
async def test_a_host_that_is_none_ends_the_start(tmp_path: Path, host: str) -> None:
    async with started(tmp_path, HOST=host) as process:
        assert await process.ended() == 1
    assert process.printed.splitlines()[-1].startswith(f"HOST: got {host!r}; it takes an address")


async def test_a_line_for_machines_is_one_object_and_tells_no_secret(tmp_path: Path) -> None:
    async with serving(tmp_path, DEBUG="false") as (process, service):
        token = service.token("ann")
        # Where it does not belong, but somebody will put it there all the same.
        path = f"/ws/lobby?token={token}"
        async with service.connect(path=path, token=token) as ann:
            await ann.expect("welcome")
        await service.call("GET", f"/healthz?token={token}")
        await service.call("POST", "/rooms", headers=KEY, json={"name": "x", "password": PASSWORD})
        await process.read_until('"CLIENT_LEFT"')
        process.stop()
        await process.ended()
    lines = [json.loads(line) for line in process.printed.splitlines()]
    (joined,) = (line for line in lines if line["message"] == "Joined")
    (closed,) = (line for line in lines if line["message"] == "Closed")
    assert (joined["room"], joined["user"]) == ("lobby", "ann")
    assert closed["connection"] == joined["connection"]
    assert closed["messages"] == 1, "the ping with which a client leaves"
    assert closed["seconds"] >= 0
    assert any("/healthz" in line["message"] for line in lines)


async def test_a_line_for_people_names_who_came(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, service), service.join("ann"):
        await process.read_until(r"INFO: +Joined connection='\w+' room='lobby' user='ann'")


async def test_wrong_settings_end_the_start_with_a_plain_line(tmp_path: Path) -> None:
    async with started(tmp_path, HISTORY="a lot") as process:
        assert await process.ended() == 1
    takes = "a whole number of at least 0, at most 2147483647"
    assert process.printed == f"HISTORY: got 'a lot'; it takes {takes}\n"


DESCRIBED = f"""
import runpy
from {about.PACKAGE}.web import about
about.SUMMARY = "Rooms \\u90e8\\u5c4b"
runpy.run_module("{about.PACKAGE}", run_name="__main__")
"""


async def test_help_is_printed_whatever_the_output_can_encode(tmp_path: Path) -> None:
    command = (sys.executable, "-c", DESCRIBED, "--help")
    async with started(tmp_path, command, PYTHONIOENCODING="cp1252:strict") as process:
        assert await process.ended() == 0, process.printed
    assert "Rooms \\u90e8\\u5c4b" in process.printed


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with started(tmp_path, PORT=port, SECRET_KEY="") as process:
            assert await process.ended() != 0
    assert re.search("WARNING.*SECRET_KEY", process.printed)
    # Systems word the rest in their own ways.
    assert f"attempting to bind on address ('127.0.0.1', {port})" in process.printed
    assert "Traceback" not in process.printed


async def test_in_production_nobody_comes_in_without_a_token(tmp_path: Path) -> None:
    async with serving(tmp_path, DEBUG="false") as (process, service):
        async with service.connect() as guest:
            await guest.expect_close(Close.TOKEN_REQUIRED)
        async with service.join("ann") as ann:
            process.stop()
            await ann.expect_close(Close.SERVICE_RESTART)
        await process.ended()


async def test_a_change_to_a_source_file_restarts_it(tmp_path: Path) -> None:
    require_console()
    async with serving(tmp_path, [*COMMAND, "--reload"]) as (process, service):
        await until("an answer", lambda: answers(service), PROCESS_LIMIT_SECONDS)
        async with service.join("ann") as ann:
            (tmp_path / "changed.py").touch()
            await ann.expect_close(Close.SERVICE_RESTART)
        await process.read_until("(?s)(startup complete.*){2}")
        await until("an answer", lambda: answers(service), PROCESS_LIMIT_SECONDS)
        process.stop()
        await process.ended()
    assert "Traceback" not in process.printed


async def test_a_worker_that_died_is_not_waited_for() -> None:
    worker = Worker(uvicorn_config("", make_config()), [])
    worker.start()
    # It can't load its application. Only uvicorn's own `kill` would close the pipe here.
    await within("its end", asyncio.to_thread(worker.process.join), PROCESS_LIMIT_SECONDS)
    alive = await within("an answer or its end", asyncio.to_thread(worker.ping, 2 * LIMIT_SECONDS))
    assert not alive


async def answers(service: Endpoint) -> bool:
    """Whether it can be reached yet: it listens a moment after what it prints of its start."""
    with suppress(httpx2.ConnectError):
        await service.call("GET", "/healthz")
        return True
    return False
