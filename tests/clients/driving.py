"""Clients that are started once and then make one visit after another."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from ..fleet import until
from ..project import TEMPLATE, clean_environment
from ..visitors import find_chromium, street
from .visit import Report, Visit

LIMIT_SECONDS = 30
# "welcome", or the fields of a report.
Told = Any
_FOLDER = Path(__file__).parent
_W3C = _FOLDER / "w3c.js"
# What Firefox would ask other hosts for.
_QUIET = """\
user_pref("app.normandy.enabled", false);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("devtools.jsonview.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:1");
user_pref("toolkit.telemetry.server", "");
"""


class Client(ABC):
    """A client that makes one visit at a time."""

    async def begin(self, visit: Visit) -> Report | None:
        """Connect; return None once the `welcome` is there, or the report if there is none."""
        async with asyncio.timeout(LIMIT_SECONDS):
            told = await self._begin(json.dumps(asdict(visit)))
        return None if told == "welcome" else Report(**told)

    async def finish(self) -> Report:
        """Return the report once the connection has ended."""
        async with asyncio.timeout(LIMIT_SECONDS):
            return Report(**await self._finish())

    @abstractmethod
    async def _begin(self, visit: str) -> Told: ...

    @abstractmethod
    async def _finish(self) -> Told: ...


class Program(Client):
    """A program that takes visits from its standard input."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def _begin(self, visit: str) -> Told:
        assert self._process.stdin
        self._process.stdin.write(f"{visit}\n".encode())
        return await self._finish()

    async def _finish(self) -> Told:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        assert line, "the program ended by itself"
        told: Told = json.loads(line)
        return told


class Browser(Client):
    """A page that makes visits, with what evaluates an expression in it."""

    def __init__(self, evaluate: Callable[[str], Awaitable[Told]]) -> None:
        self._evaluate = evaluate

    async def _begin(self, visit: str) -> Told:
        return await self._evaluate(f"begin({visit})")

    async def _finish(self) -> Told:
        return await self._evaluate("finish()")


@asynccontextmanager
async def program(*command: str | Path) -> AsyncIterator[Client]:
    """Start a program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=TEMPLATE,
        env=clean_environment(),
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,
    )
    try:
        yield Program(process)
    finally:
        _kill_all(process.pid)
        await process.communicate()


def _kill_all(session: int) -> None:
    """End a program with what it started, as Node.js's command starts Node.js."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def python(module: str) -> AbstractAsyncContextManager[Client]:
    """Start a module of this folder."""
    return program(sys.executable, "-m", f"{__package__}.{module}")


@asynccontextmanager
async def chromium(address: str) -> AsyncIterator[Client]:
    """Start Chromium at an address of the service that has no policy for its pages' sockets."""
    async with street() as place, place.visitor(address, allowed=".") as visitor:
        await visitor.page.goto(f"http://{address}/healthz")
        await visitor.page.evaluate(_W3C.read_text(encoding="utf-8"))
        yield Browser(visitor.page.evaluate)


def find_firefox() -> str:
    """Find the browser; skip the test where none is installed."""
    for name in ("firefox-esr", "firefox"):
        if found := shutil.which(name):
            return found
    pytest.skip("there is no Firefox: install it, for example by `apt install firefox-esr`")


@asynccontextmanager
async def firefox(address: str) -> AsyncIterator[Client]:
    """Start Firefox at an address of the service that has no policy for its pages' sockets."""
    with TemporaryDirectory() as name:
        folder, log = Path(name), Path(name) / "log"
        (folder / "user.js").write_text(_QUIET, encoding="utf-8")
        options = ("--headless", "--no-remote", "--profile", name, "--remote-debugging-port=0")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [find_firefox(), *options],
                env={**clean_environment(), "HOME": name},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            await until(lambda: bool(_places(log)), lambda: "Firefox to start", 2 * LIMIT_SECONDS)
            async with connect(f"{_places(log)[0]}/session", proxy=None) as socket:
                yield await _page(socket, address)
        finally:
            _kill_all(process.pid)
            process.wait()


def _places(log: Path) -> list[str]:
    return re.findall(r"WebDriver BiDi listening on (\S+)\n", log.read_text(encoding="utf-8"))


async def _page(socket: ClientConnection, address: str) -> Client:
    """Speak WebDriver BiDi, one command at a time."""

    async def call(method: str, **params: Any) -> dict[str, Any]:
        await socket.send(json.dumps({"id": 1, "method": method, "params": params}))
        answer = json.loads(await socket.recv())
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    await call("session.new", capabilities={})
    context = (await call("browsingContext.getTree"))["contexts"][0]["context"]
    url = f"http://{address}/healthz"
    await call("browsingContext.navigate", context=context, url=url, wait="complete")

    async def run(script: str) -> str:
        target = {"context": context}
        told = await call("script.evaluate", expression=script, target=target, awaitPromise=True)
        assert told["type"] == "success", told
        return str(told["result"].get("value"))

    async def evaluate(expression: str) -> Told:
        # A string comes back as it is; anything else in a form of the protocol's own.
        told: Told = json.loads(await run(f"{expression}.then((told) => JSON.stringify(told))"))
        return told

    await run(_W3C.read_text(encoding="utf-8"))
    return Browser(evaluate)


def _bun(node_modules: Path) -> Path:
    """Find what npm laid down for this system; of two, the one for older processors too."""
    return max(node_modules.glob("@oven/*/bin/bun"))


Start = Callable[[str, Path], AbstractAsyncContextManager[Client]]

# By the name that the documentation has, with what starts it: the address of the service, which
# browsers open, and the packages of npm.
CLIENTS: dict[str, Start] = {
    "websockets": lambda _, __: python("with_websockets"),
    "websockets, threading": lambda _, __: python("with_websockets_sync"),
    "websocket-client": lambda _, __: python("with_websocket_client"),
    "aiohttp": lambda _, __: python("with_aiohttp"),
    "ws": lambda _, modules: program("node", _FOLDER / "with_ws.mjs", modules),
    "faye-websocket": lambda _, modules: program("node", _FOLDER / "with_faye.mjs", modules),
    "Node.js": lambda _, __: program("node", _FOLDER / "with_w3c.mjs"),
    "Bun": lambda _, modules: program(_bun(modules), _FOLDER / "with_w3c.mjs"),
    "Chromium": lambda address, _: chromium(address),
    "Firefox": lambda address, _: firefox(address),
}


def missing() -> dict[str, str]:
    """Name the clients that are not installed, and how to install each."""
    lacking = {}
    for name, find in {"Chromium": find_chromium, "Firefox": find_firefox}.items():
        try:
            find()
        except pytest.skip.Exception as skipped:
            lacking[name] = str(skipped)
    return lacking
