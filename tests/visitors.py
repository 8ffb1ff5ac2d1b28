"""People at the service's page, each in a browser of their own."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

LIMIT_SECONDS = 20
# What the console tells while there is no service.
AWAY = r"net::ERR_|WebSocket connection to"
# The first has no windows: a visit takes it a third of the computing.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


def find_chromium() -> str:
    """Find the browser; skip the test where none is installed."""
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return found
    hint = "install it, for example by `apt install chromium-headless-shell`"
    pytest.skip(f"there is no Chromium: {hint}")


class Visitor:
    """Somebody at the page. What the console says of errors must be `allowed`, a pattern."""

    def __init__(self, page: Page, address: str, allowed: str = "") -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        self._allowed = allowed
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not (
            self._allowed and re.search(self._allowed, message.text)
        ):
            self.errors.append(message.text)

    async def come(self) -> None:
        """Open the page."""
        await self.page.goto(f"http://{self.address}/")

    async def enter(self, name: str, room: str = "lobby", password: str = "") -> None:
        """Fill in what a room asks for."""
        await self.page.get_by_label("Your name").fill(name)
        await self.page.get_by_label("Room", exact=True).fill(room)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Enter").click()

    async def say(self, text: str) -> None:
        """Say something."""
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def sees_state(self, text: str | re.Pattern[str]) -> None:
        """Expect what the page says of the connection."""
        await expect(self.page.get_by_role("status")).to_have_text(text)

    async def sees_members(self, *names: str) -> None:
        """Expect who is here."""
        await expect(self.page.locator("#members li")).to_have_text(list(names))

    async def hears(self, *texts: str) -> None:
        """Expect all that was said, in order."""
        await expect(self.page.locator("#said .body")).to_have_text(list(texts))

    async def has_pending(self, *texts: str) -> None:
        """Expect what is not yet said."""
        await expect(self.page.locator("#pending .body")).to_have_text(list(texts))

    async def open_drawers(self) -> None:
        """Open what is there for developers."""
        for drawer in await self.page.locator("summary").all():
            await drawer.click()


class Street:
    """Where visitors come from."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def visitor(
        self, address: str, *, allowed: str = "", **options: Any
    ) -> AsyncIterator[Visitor]:
        """Let somebody come to the page; in the end the console must have told of no error."""
        context = await self._browser.new_context(**options)
        visitor = Visitor(await context.new_page(), address, allowed)
        try:
            await visitor.come()
            yield visitor
        finally:
            await context.close()
        assert visitor.errors == []


@asynccontextmanager
async def street() -> AsyncIterator[Street]:
    """Start a browser."""
    expect.set_options(timeout=LIMIT_SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=_OPTIONS, timeout=LIMIT_SECONDS * 1000
        )
        try:
            yield Street(browser)
        finally:
            await browser.close()


async def frames(visitor: Visitor) -> list[str]:
    """Read the drawer that shows the frames."""
    shown: list[str] = await visitor.page.locator("#frames li").all_text_contents()
    return shown
