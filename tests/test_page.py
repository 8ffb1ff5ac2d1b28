"""The page in a real browser, at a real service.

Its files are the same in all flavours; what a flavour has a part in is tried with each.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, WebSocketRoute, expect

from .project import ONCE
from .stage import Run, Site, call
from .visitors import AWAY, Street, Visitor, frames

pytestmark = pytest.mark.slow(5)

HOSTILE = "<img src=x onerror=alert(1)>"
SCHEMAS = "#/components/schemas/"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 700}}


def test_two_people_talk(site: Site, run: Run) -> None:
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


@ONCE
def test_all_is_done_by_keyboard(site: Site, run: Run) -> None:
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


@ONCE
def test_a_room_with_a_password(site: Site, run: Run) -> None:
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


def test_without_guests_the_page_says_that_it_lets_nobody_in(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving(GUESTS="false") as (_, address),
            street.visitor(address, allowed=r"status of 401") as ann,
        ):
            await ann.enter("ann")
            await expect(ann.page.get_by_role("alert")).to_contain_text("Guests are off here")

    run(play)


@ONCE
def test_a_reload_takes_up_where_it_was(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address) as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter("ann")
            await bea.enter("bea")
            await ann.sees_members("ann", "bea")
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
            await ann.open_drawers()
            assert any("three" in frame for frame in await frames(ann))

    run(play)


@ONCE
def test_a_newcomer_sees_the_last_messages(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            for number in range(60):
                await call(ann.page, "POST", "/rooms/lobby/messages", {"body": number})
            last = [f"{number}" for number in range(10, 60)]
            await ann.enter("ann")
            await ann.hears(*last)
            await ann.page.reload()
            await ann.hears(*last)
            await ann.say("60")
            await ann.hears(*last, "60")

    run(play)


class Interpreter:
    """Tells a page frames of its own, and notes those that say who types."""

    def __init__(self) -> None:
        self.typed = 0
        self._socket: WebSocketRoute | None = None

    def join(self, socket: WebSocketRoute) -> None:
        """Come between the page and the service."""
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            if json.loads(text) == {"type": "typing"}:
                self.typed += 1
            else:
                server.send(text)

        socket.on_message(pass_on)
        self._socket = socket

    def tell(self, kind: str, *users: str) -> None:
        """Tell the page about users."""
        assert self._socket
        for user in users:
            self._socket.send(json.dumps({"type": kind, "user": user}))


@ONCE
@pytest.mark.slow(20)
def test_the_page_shows_who_types(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            interpreter = Interpreter()
            await ann.page.route_web_socket("**/ws/*", interpreter.join)
            await ann.come()
            await ann.enter("Ann")
            await ann.sees_state("You are here as Ann.")
            line, composer = ann.page.locator("#typing"), ann.page.locator("#composer")
            await expect(line).to_have_attribute("aria-live", "polite")
            place = await composer.bounding_box()
            interpreter.tell("user-typing", "Ann", "Bea")
            await expect(line).to_have_text("Bea is typing")
            interpreter.tell("user-typing", "Cas")
            await expect(line).to_have_text("Bea and Cas are typing")
            interpreter.tell("user-typing", "Dee", "Eve")
            await expect(line).to_have_text("Several people are typing")
            assert await composer.bounding_box() == place
            interpreter.tell("left", "Eve")
            await expect(line).to_have_text("Bea, Cas and Dee are typing")
            message = {"body": "hello", "from": "Bea"}
            await call(ann.page, "POST", "/rooms/lobby/messages", message)
            await expect(line).to_have_text("Cas and Dee are typing")
            # Nobody goes on.
            await expect(line).to_have_text("")
            # Nobody of another room is shown.
            interpreter.tell("user-typing", "Cas")
            await expect(line).to_have_text("Cas is typing")
            await ann.page.get_by_role("button", name="Leave").click()
            await ann.page.get_by_role("button", name="Enter").click()
            await ann.sees_state("You are here as Ann.")
            await expect(line).to_have_text("", timeout=500)

    run(play)


@ONCE
@pytest.mark.slow(20)
def test_the_page_tells_that_its_user_types(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            interpreter = Interpreter()
            await ann.page.route_web_socket("**/ws/*", interpreter.join)
            await ann.come()
            await ann.enter("Ann")
            await ann.sees_state("You are here as Ann.")
            text = ann.page.get_by_label("Message", exact=True)
            await text.press_sequentially("Good", delay=100)
            await ann.page.wait_for_timeout(3_100)
            assert interpreter.typed == 1
            await text.press_sequentially("bye", delay=100)
            await ann.page.wait_for_timeout(3_100)
            await text.fill("")
            await ann.page.wait_for_timeout(200)
            assert interpreter.typed == 2

    run(play)


def test_the_others_see_who_types(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with (
            site.serving() as (_, address),
            street.visitor(address) as ann,
            street.visitor(address) as bea,
        ):
            await ann.enter("Ann")
            await bea.enter("Bea")
            await bea.sees_members("Ann", "Bea")
            await ann.page.get_by_label("Message", exact=True).press_sequentially("Good day")
            await expect(bea.page.locator("#typing")).to_have_text("Ann is typing")
            await expect(ann.page.locator("#typing")).to_have_text("")
            await ann.page.get_by_role("button", name="Send").click()
            await bea.hears("Good day")
            await expect(bea.page.locator("#typing")).to_have_text("", timeout=1_000)

    run(play)


@ONCE
def test_the_newest_message_is_in_sight(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address, **PHONE) as ann:
            await ann.enter("ann")
            await ann.sees_members("ann")
            for number in range(30):
                await call(ann.page, "POST", "/rooms/lobby/messages", {"body": number})
            newest = ann.page.locator("#said li").last
            await expect(newest).to_contain_text("29")
            await expect(newest).to_be_in_viewport()
            await ann.page.reload()
            await expect(newest).to_contain_text("29")
            await expect(newest).to_be_in_viewport()

    run(play)


def test_what_people_type_is_only_text(site: Site, run: Run) -> None:
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


def test_nothing_is_there_for_developers_without_debug(site: Site, run: Run) -> None:
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


@ONCE
@pytest.mark.slow(20)
def test_everybody_can_use_it(site: Site, run: Run, node_modules: Path) -> None:
    axe = (node_modules / "axe-core/axe.min.js").read_text(encoding="utf-8")

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
                    await expect(ann.page.locator("#said .body").last).to_have_text("hello")
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


@ONCE
def test_the_protocol_is_shown(site: Site, run: Run) -> None:
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


async def type_bodies(route: Route) -> None:
    """Describe a protocol in which messages have bodies of a type."""
    document = await (await route.fetch()).json()
    schemas = document["components"]["schemas"]
    schemas["Note"] = {
        "description": "What somebody notes.",
        "properties": {"words": {"type": "string"}, "mood": {"$ref": f"{SCHEMAS}Mood"}},
    }
    schemas["Mood"] = {"enum": ["glad", "sad"]}
    body = {"anyOf": [{"$ref": f"{SCHEMAS}{name}"} for name in ("Note", "JsonValue")]}
    schemas["Message"]["properties"]["body"] = body
    await route.fulfill(json=document)


@ONCE
def test_the_types_of_bodies_are_shown(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            await ann.page.route("**/asyncapi.json", type_bodies)
            await ann.page.goto(f"http://{address}/docs/socket")
            fields = ann.page.get_by_role("region", name="Fields of Message", exact=True)
            await expect(fields).to_contain_text("Note or any JSON")
            types = ann.page.get_by_role("article")
            note = types.filter(has=ann.page.get_by_role("heading", name="Note", exact=True))
            for text in ("What somebody notes.", "words", "string", "Mood", "if there is one"):
                await expect(note).to_contain_text(text)
            mood = types.filter(has=ann.page.get_by_role("heading", name="Mood", exact=True))
            await expect(mood).to_contain_text('"glad" or "sad"')

    run(play)


@ONCE
def test_the_picture_of_the_page(
    site: Site, run: Run, request: pytest.FixtureRequest, tmp_path: Path
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
