"""The tutorial, read as its reader does: commands for a terminal, and what two people do."""

import asyncio
import os
import re
import subprocess
import termios
import textwrap
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import expect

from . import processes
from .fleet import until
from .project import FLAVOURS, clean_environment
from .visitors import AWAY, Street, Visitor

LIMIT_SECONDS = 180
_TITLES = {"fastapi": "FastAPI", "channels": "Channels"}
_TAB = re.compile(r'^=== "(\w+)"\n\n((?:    .*\n|\n)+)', re.MULTILINE)
_STEP = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>.+?)\")?\n(?P<text>.*?)^```$"
    r"|^\d+\. (?P<item>.+?)\n(?=\n|\d+\. )",
    re.MULTILINE | re.DOTALL,
)
_ACTS = re.compile(
    r"opens <http://(?P<opens>[\d.:]+)>(?: in \w+ window)?"
    r"|writes `(?P<text>.+?)` at \*(?P<writes>.+?)\*"
    r"|presses \*\*(?P<presses>.+?)\*\*"
    r"|sees `(?P<sees>.+?)`"
)
_COLOURS = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")


@dataclass(frozen=True)
class Command:
    """What is typed in a terminal."""

    terminal: str
    lines: list[str]


@dataclass(frozen=True)
class Output:
    """What the terminal then shows."""

    lines: list[str]


@dataclass(frozen=True)
class Stop:
    """Control and C in a terminal."""

    terminal: str


@dataclass(frozen=True)
class Act:
    """What somebody does in the browser, or sees there, and with what."""

    who: str
    does: str
    what: str
    text: str


Step = Command | Output | Stop | Act


def read(page: str, flavour: str) -> Iterator[Step]:
    """Read the steps for a flavour; a block or a numbered item that is none fails."""
    assert flavour in FLAVOURS
    page = _TAB.sub(lambda tab: textwrap.dedent(tab[2]) if tab[1] == _TITLES[flavour] else "", page)
    for found in _STEP.finditer(page):
        if found["item"]:
            yield from _read_item(" ".join(found["item"].split()))
        elif found["language"] == "sh":
            yield Command(found["title"], found["text"].splitlines())
        else:
            assert found["language"] in {"text", "json"}, f"nobody knows what to do with {found[0]}"
            yield Output(found["text"].splitlines())


def _read_item(item: str) -> Iterator[Step]:
    if stop := re.fullmatch(r"Press \*\*Ctrl\+C\*\* in (Terminal \d)\.", item):
        yield Stop(stop[1])
        return
    who, _, rest = item.partition(" ")
    assert re.fullmatch(r"(, | and )*\.?", _ACTS.sub("", rest)), f"nobody knows how to: {item}"
    for found in _ACTS.finditer(rest):
        does = next(name for name in ("opens", "writes", "presses", "sees") if found[name])
        yield Act(who, does, found[does], found["text"] or "")


class Terminal:
    """A shell at a terminal of its own, in which commands are typed."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._keyboard, screen = os.openpty()
        termios.tcsetwinsize(screen, (50, 200))
        self._shell = subprocess.Popen(
            # Where the tests run by nohup, closing the window would else end nothing.
            ["env", "--default-signal=HUP", "setsid", "--ctty", "bash", "--noprofile", "--norc"],
            cwd=folder,
            env={**clean_environment(), **settings},
            stdin=screen,
            stdout=screen,
            stderr=screen,
        )
        os.close(screen)
        self._shown = ""
        asyncio.get_running_loop().add_reader(self._keyboard, self._read)

    def _read(self) -> None:
        try:
            self._shown += os.read(self._keyboard, 65_536).decode(errors="replace")
        except OSError:
            asyncio.get_running_loop().remove_reader(self._keyboard)

    def type(self, *lines: str) -> None:
        """Type lines; what was shown before is forgotten."""
        self._shown = ""
        os.write(self._keyboard, "".join(f"{line}\n" for line in lines).encode())

    def stop(self) -> None:
        """Press Control and C."""
        os.write(self._keyboard, b"\x03")

    async def shows(self, lines: list[str]) -> None:
        """Wait until it has shown lines in this order; spaces do not count.

        `…` stands for anything without a comma, so that what passed has none beside it that failed.
        """
        parts = ["" if line == "…" else "".join(line.split()) for line in lines]
        wanted = re.compile(".*?".join(re.escape(part).replace("…", "[^,]*?") for part in parts))

        def seen() -> str:
            return "".join(_COLOURS.sub("", self._shown).split())

        await until(
            lambda: wanted.search(seen()) is not None,
            lambda: f"{lines} in:\n{self._shown}",
            LIMIT_SECONDS,
        )

    async def close(self) -> None:
        """Close its window, which ends what runs in it."""
        asyncio.get_running_loop().remove_reader(self._keyboard)
        os.close(self._keyboard)

        def started() -> list[int]:
            return processes.of_session(self._shell.pid)

        try:
            await until(lambda: not started(), lambda: f"{started()} to end")
        finally:
            for pid in started():
                processes.kill(pid)
            self._shell.wait()


class Reader:
    """Does what the tutorial says, in a folder and at an address of its own."""

    def __init__(self, street: Street, folder: Path, settings: dict[str, str]) -> None:
        self._street = street
        self._folder = folder
        self._settings = settings
        self._stack = AsyncExitStack()
        self._terminals: dict[str, Terminal] = {}
        self._people: dict[str, Visitor] = {}
        self._last: Terminal | None = None

    async def follow(self, steps: Iterator[Step]) -> None:
        """Take one step after the other."""
        async with self._stack:
            for step in steps:
                match step:
                    case Command(name, lines):
                        self._last = self._terminal(name)
                        self._last.type(*lines)
                    case Output(lines):
                        assert self._last, "nothing was typed that could show something"
                        await self._last.shows(lines)
                    case Stop(name):
                        self._terminals[name].stop()
                    case Act():
                        await self._act(step)

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            self._terminals[name] = Terminal(self._folder, self._settings)
            self._stack.push_async_callback(self._terminals[name].close)
        return self._terminals[name]

    async def _act(self, act: Act) -> None:
        if act.does == "opens":
            visitor = self._street.visitor(act.what, allowed=AWAY)
            self._people[act.who] = await self._stack.enter_async_context(visitor)
            return
        page = self._people[act.who].page
        match act.does:
            case "writes":
                await page.get_by_label(act.what, exact=True).fill(act.text)
            case "presses":
                button = page.get_by_role("button", name=act.what, exact=True)
                await button.or_(page.locator("summary", has_text=act.what)).click()
            case "sees":
                await expect(page.get_by_text(act.what).first).to_be_visible()
