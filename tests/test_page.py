"""The page in a real browser, at a real service."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from .fleet import Process
from .project import Project
from .redis_server import RedisServer, find_program
from .visitors import Street, Visitor, find_chromium, street

KEY = "a key for tests"
AWAY = r"net::ERR_|WebSocket connection to"
HOSTILE = "<img src=x onerror=alert(1)>"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 700}}

Play = Callable[[Street], Awaitable[None]]


class Site:
    """Makes processes of the service, each at a port of its own that it keeps."""

    def __init__(self, copy: Project, python: Path) -> None:
        self._copy = copy
        self._python = python
        self._made = 0

    @asynccontextmanager
    async def serving(self, **settings: str) -> AsyncIterator[tuple[Process, str]]:
        """Start a process; it and where it is."""
        self._made += 1
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        folder = self._copy.path
        process = Process(
            f"process-{self._made}",
            (str(self._python), "-m", self._copy.package.name),
            folder,
            {
                "API_KEY": KEY,
                "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
                "PORT": str(port),
                "PYTHONPATH": str(folder / "src"),
                "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN",
                **settings,
            },
        )
        try:
            await process.start()
            yield process, f"127.0.0.1:{port}"
        finally:
            await process.stop()


@pytest.fixture
def site(project: Project, tmp_path: Path) -> Site:
    """Where the page is."""
    find_chromium()
    return Site(project.copy(tmp_path), project.python)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that is not yet started."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(find_program(), folder)
    yield server
    server.kill()


def run(play: Play) -> None:
    """Run what visitors do."""

    async def scene() -> None:
        async with street() as street_:
            await play(street_)

    asyncio.run(scene())


async def call(page: Page, method: str, path: str, body: object) -> None:
    """Make an HTTP call with the API key."""
    origin = "/".join(page.url.split("/")[:3])
    answer = await page.request.fetch(
        f"{origin}{path}",
        method=method,
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        data=json.dumps(body),
    )
    assert answer.ok, await answer.text()


async def frames(visitor: Visitor) -> list[str]:
    """Read the drawer that shows the frames."""
    shown: list[str] = await visitor.page.locator("#frames li").all_text_contents()
    return shown


def test_two_people_talk(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address) as ann,
            street.visitor(address, color_scheme="dark", **PHONE) as bea,
        ):
            await ann.enter("ann")
            await ann.sees_state("You are here as ann.")
            await bea.enter("bea")
            await ann.sees_members("ann", "bea")
            await bea.sees_members("ann", "bea")
            await ann.say("hello")
            await bea.hears("hello")
            await bea.say("good day")
            for one in (ann, bea):
                await one.hears("hello", "good day")
                await one.has_pending()
            await bea.page.get_by_role("button", name="Leave").click()
            await expect(bea.page.get_by_label("Your name")).to_be_focused()
            await ann.sees_members("ann")
            await expect(ann.page.get_by_role("log")).to_contain_text("bea left")

    run(play)


def test_all_is_done_by_keyboard(site: Site) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            keyboard = ann.page.keyboard
            await expect(ann.page.get_by_label("Your name")).to_be_focused()
            await keyboard.type("ann")
            await keyboard.press("Tab")
            await keyboard.press("Control+A")
            await keyboard.type("lobby")
            await keyboard.press("Tab")
            await keyboard.press("Tab")
            await keyboard.press("Enter")
            await ann.sees_members("ann")
            await keyboard.type("by keyboard")
            await keyboard.press("Enter")
            await ann.hears("by keyboard")
            await expect(ann.page.get_by_label("Message", exact=True)).to_be_focused()

    run(play)


def test_a_room_with_a_password(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address, allowed=r"status of 40[34]") as ann,
        ):
            await call(ann.page, "POST", "/rooms", {"name": "attic", "password": "open sesame"})
            alert = ann.page.get_by_role("alert")
            for password in ("", "wrong"):
                await ann.enter("ann", "attic", password)
                await expect(alert).to_contain_text(re.compile("password", re.IGNORECASE))
            await ann.enter("ann", "nowhere")
            await expect(alert).to_contain_text("nowhere")
            await ann.enter("ann", "attic", "open sesame")
            await ann.sees_state("You are here as ann.")

    run(play)


def test_a_reload_takes_up_where_it_was(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address) as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter("ann")
            await bea.enter("bea")
            await ann.say("one")
            await ann.hears("one")
            await ann.page.goto("about:blank")
            await bea.say("two")
            await bea.hears("one", "two")
            await ann.come()
            await ann.hears("one", "two")
            await ann.page.reload()
            await ann.hears("one", "two")
            await ann.say("three")
            await bea.hears("one", "two", "three")

    run(play)


# What a browser's own socket makes of a row: what it is told, then how it ends.
SHOW_CLOSE = """async (name) => {
  const socket = new WebSocket(`ws://${location.host}/ws/lobby`, ["rooms.v1"]);
  const heard = [];
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      socket.send(JSON.stringify({ type: "debug-close", close: name }));
    } else {
      heard.push(frame.type);
    }
  };
  const { code, reason, wasClean } = await new Promise((done) => (socket.onclose = done));
  return { code, reason, wasClean, lastWords: heard.at(-1) ?? null };
}"""


def test_every_close_as_a_browser_sees_it(site: Site) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            closes: list[dict[str, Any]] = await ann.page.evaluate(
                "async () => (await import('/static/closes.js')).closes"
            )
            for close in closes:
                seen = await ann.page.evaluate(SHOW_CLOSE, close["name"])
                assert seen["wasClean"]
                assert seen["code"] == close["code"]
                assert seen["lastWords"] == close["lastWords"]
                assert close["reason"] in {None, seen["reason"]}
            await ann.enter("ann")
            await ann.open_drawers()
            for close in closes:
                await sees_close(ann, close)

    run(play)


async def sees_close(visitor: Visitor, close: dict[str, Any]) -> None:
    """Ask for a row by its button, and expect what the page makes of it, and that it returns."""
    page = visitor.page
    await visitor.sees_state("You are here as ann.")
    before = len(await frames(visitor))
    closings = page.locator("#frames li").filter(has_text="← close ")
    count = await closings.count()
    await page.get_by_role("button", name=close["name"], exact=True).click()
    await expect(closings).to_have_count(count + 1)
    assert f"close {close['code']}" in (await closings.all_text_contents())[-1]
    after = (await frames(visitor))[before:]
    if close["lastWords"]:
        assert any(close["lastWords"] in frame for frame in after)
    again = page.locator("#again")
    if close["advice"] == "STOP":
        await visitor.sees_state(re.compile(rf"\({close['code']}\)"))
        await expect(again).to_have_text("Come back")
        await expect(page.get_by_label("Message", exact=True)).to_be_disabled()
        await again.click()
    elif not close["advice"].startswith("AUTHENTICATE"):
        await expect(page.locator("#state-bar")).to_contain_text(str(close["reason"]))
        if await again.is_visible():
            await again.click()
    await visitor.sees_state("You are here as ann.")


def test_a_message_that_is_too_big_closes_as_the_table_says(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving(MAX_MESSAGE_BYTES="2000") as (_, address),
            street.visitor(address) as ann,
        ):
            await ann.enter("ann")
            await ann.say("x" * 3000)
            await ann.sees_state(re.compile(r"\(1009\)"))
            await expect(ann.page.locator("#log .failed")).to_contain_text("not said")

    run(play)


def test_a_service_that_is_killed_under_the_page(site: Site, redis: RedisServer) -> None:
    async def play(street: Street) -> None:
        await redis.start()
        async with (
            site.serving(REDIS_URL=redis.url) as (dying, one),
            site.serving(REDIS_URL=redis.url) as (_, other),
            street.visitor(one, allowed=AWAY) as ann,
            street.visitor(other) as bea,
        ):
            await ann.enter("ann")
            await bea.enter("bea")
            await ann.say("one")
            await bea.hears("one")
            await dying.kill()
            await expect(ann.page.locator("#countdown")).to_contain_text("Next try in")
            await ann.say("two")
            await ann.has_pending("two")
            await bea.say("three")
            await dying.start()
            await ann.hears("one", "three", "two")
            await ann.has_pending()
            await bea.hears("one", "three", "two")
            await ann.sees_members("ann", "bea")

    run(play)


def test_offline_and_back(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address, allowed=AWAY) as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter("ann")
            await bea.enter("bea")
            await ann.sees_members("ann", "bea")
            # The socket stays open, and nothing comes through.
            await ann.page.context.set_offline(True)
            await ann.sees_state(re.compile("comes back by itself"))
            await ann.say("meanwhile")
            await bea.say("missed")
            await bea.hears("missed")
            await ann.has_pending("meanwhile")
            await ann.page.context.set_offline(False)
            await ann.hears("missed", "meanwhile")
            await bea.hears("missed", "meanwhile")

    run(play)


def test_a_token_that_expires_is_replaced(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address, allowed=AWAY) as ann,
        ):
            asked = 0
            refused = False

            async def shorten(route: Route) -> None:
                nonlocal asked
                asked += 1
                body = {**json.loads(route.request.post_data or ""), "ttl": 2}
                if refused:
                    await route.abort()
                else:
                    await route.continue_(post_data=json.dumps(body))

            await ann.page.route("**/tokens", shorten)
            await ann.enter("ann")
            await ann.open_drawers()
            refreshed = ann.page.locator("#frames li").filter(has_text='"type":"refresh"')
            await expect(refreshed).not_to_have_count(0)
            assert not any("jwt-expired" in frame for frame in await frames(ann))
            refused = True
            expired = ann.page.locator("#frames li").filter(has_text="jwt-expired")
            await expect(expired).not_to_have_count(0)
            refused = False
            await ann.sees_state("You are here as ann.")
            await ann.say("still here")
            await ann.hears("still here")
            assert asked > 2

    run(play)


def test_what_people_type_is_only_text(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address, allowed="violates|This document requires") as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter(HOSTILE)
            await bea.enter("bea")
            await bea.sees_members(HOSTILE, "bea")
            await ann.say(f"{HOSTILE}<script>alert(2)</script>")
            for one in (ann, bea):
                await one.hears(f"{HOSTILE}<script>alert(2)</script>")
                await expect(one.page.locator("#room img, #room script")).to_have_count(0)
            # And if markup got in all the same, it would do nothing.
            refused = await ann.page.evaluate(
                """() => {
                  const script = document.createElement("script");
                  try {
                    script.textContent = "window.hacked = true";
                    document.body.append(script);
                  } catch {}
                  try {
                    document.body.insertAdjacentHTML("beforeend", "<b onclick=1>x</b>");
                  } catch {}
                  return [window.hacked, document.querySelector("b")];
                }"""
            )
            assert refused == [None, None]

    run(play)


def test_nothing_is_there_for_developers_without_debug(site: Site) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving(DEBUG="false", GUESTS="true") as (_, address),
            street.visitor(address) as ann,
        ):
            await ann.enter("ann")
            await ann.sees_state("You are here as ann.")
            await expect(ann.page.locator("details")).to_have_count(0)
            await expect(ann.page.get_by_role("button")).to_have_count(2)

    run(play)


def test_everybody_can_use_it(site: Site, node_modules: Path) -> None:
    axe = (node_modules / "axe-core/axe.min.js").read_text()

    async def check(visitor: Visitor, where: str) -> None:
        found = await visitor.page.evaluate(f"{axe};axe.run()")
        problems = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
        assert problems == [], where

    async def play(street: Street) -> None:
        async with site.serving() as (_, address):
            looks: list[dict[str, Any]] = [{}, {"color_scheme": "dark", **PHONE}]
            for look in looks:
                async with street.visitor(address, allowed=AWAY, bypass_csp=True, **look) as ann:
                    await check(ann, "at the entrance")
                    await ann.enter("ann")
                    await ann.say("hello")
                    await ann.hears("hello")
                    await check(ann, "in the room")
                    await ann.open_drawers()
                    await check(ann, "with the drawers open")
                    await ann.page.get_by_role("button", name="SERVICE_RESTART").click()
                    await ann.sees_state(re.compile("comes back by itself"))
                    await ann.say("pending")
                    await check(ann, "while waiting")
                    await ann.page.get_by_role("button", name="Leave").click()
                    await ann.page.goto(f"http://{address}/docs/socket")
                    await expect(ann.page.locator("main[aria-busy=false]")).to_be_visible()
                    await check(ann, "at the protocol")
                    width = await ann.page.evaluate("document.documentElement.scrollWidth")
                    assert width <= await ann.page.evaluate("innerWidth"), "it scrolls sideways"

    run(play)


def test_the_protocol_is_shown(site: Site) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            await ann.page.get_by_role("link", name="The protocol").click()
            main = ann.page.get_by_role("main")
            for text in ("debug-close", "None"):
                await expect(main).not_to_contain_text(text)
            for text in ("/ws/{room}", "welcome", "jwt-expired", "Room does not exist", "4410"):
                await expect(main).to_contain_text(text)
            await ann.page.get_by_role("link", name="Rooms").click()
            await expect(ann.page.get_by_label("Your name")).to_be_visible()

    run(play)


def test_the_picture_of_the_page(
    site: Site, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With `--picture` it becomes the one that the READMEs show."""
    shown = Path(__file__).parent.parent / "{{cookiecutter.project_slug}}/docs/page.png"
    path = shown if request.config.getoption("--picture") else tmp_path / "page.png"

    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address, viewport={"width": 900, "height": 604}) as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter("Ann")
            await bea.enter("Bea")
            await ann.sees_members("Ann", "Bea")
            await ann.say("Good morning! Does the build pass?")
            await ann.hears("Good morning! Does the build pass?")
            await bea.say("All green since yesterday.")
            await bea.hears("Good morning! Does the build pass?", "All green since yesterday.")
            await ann.hears("Good morning! Does the build pass?", "All green since yesterday.")
            await ann.page.get_by_label("Message", exact=True).fill("Then I'll ")
            await ann.page.screenshot(path=path, animations="disabled", caret="hide")

    run(play)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert shown.stat().st_size < 100_000
