"""How connections end as a browser sees it, and how the page comes back."""

import json
import re
from typing import Any

import pytest
from playwright.async_api import Route, expect

from .project import ONCE
from .redis_server import RedisServer
from .stage import Run, Site
from .visitors import AWAY, Street, Visitor, frames

pytestmark = pytest.mark.slow(5)

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


NOTE_STATES = """() => {
  const bar = document.querySelector("#state-bar");
  window.states = [];
  new MutationObserver(() => window.states.push(bar.textContent))
    .observe(bar, { childList: true, characterData: true, subtree: true });
}"""
STATE_WAS_SEEN = "reason => window.states.some((state) => state.includes(reason))"
CLICK_IF_THERE = """(selector) => {
  const button = document.querySelector(selector);
  if (button.checkVisibility()) {
    button.click();
  }
}"""


def test_every_close_as_a_browser_sees_it(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            for close in await read_closes(ann):
                seen = await ann.page.evaluate(SHOW_CLOSE, close["name"])
                assert seen["wasClean"]
                assert seen["code"] == close["code"]
                assert seen["lastWords"] == close["lastWords"]
                assert close["reason"] in {None, seen["reason"]}

    run(play)


# What a browser is told is the same in all flavours, as above, and so is the page.
@ONCE
@pytest.mark.slow(20)
def test_the_page_says_of_every_close_what_it_means_and_comes_back(site: Site, run: Run) -> None:
    async def play(street: Street) -> None:
        async with site.serving() as (_, address), street.visitor(address) as ann:
            await ann.enter("ann")
            await ann.open_drawers()
            for close in await read_closes(ann):
                await sees_close(ann, close)

    run(play)


async def read_closes(visitor: Visitor) -> list[dict[str, Any]]:
    """Read the table of closes that the page has."""
    closes: list[dict[str, Any]] = await visitor.page.evaluate(
        "async () => (await import('/static/closes.js')).closes"
    )
    return closes


async def sees_close(visitor: Visitor, close: dict[str, Any]) -> None:
    """Ask for a row by its button, and expect what the page makes of it, and that it returns."""
    page = visitor.page
    await visitor.sees_state("You are here as ann.")
    before = len(await frames(visitor))
    closings = page.locator("#frames li").filter(has_text="← close ")
    count = await closings.count()
    await page.evaluate(NOTE_STATES)
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
        await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    elif not close["advice"].startswith("AUTHENTICATE"):
        # Some closes ask to come back at once, so that a look at the page may be too late.
        words = close["reason"] or close["explanation"].removesuffix(".")
        await page.wait_for_function(STATE_WAS_SEEN, arg=words)
        # In the page itself, as it may come back between a look at the button and a click.
        await page.evaluate(CLICK_IF_THERE, "#again")
    await visitor.sees_state("You are here as ann.")


@ONCE
def test_a_message_that_is_too_big_closes_as_the_table_says(site: Site, run: Run) -> None:
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


@ONCE
def test_a_service_that_is_killed_under_the_page(site: Site, run: Run, redis: RedisServer) -> None:
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
            for visitor in (ann, bea):
                await visitor.sees_members("ann", "bea")
            await ann.say("one")
            for visitor in (ann, bea):
                await visitor.hears("one")
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


@ONCE
@pytest.mark.slow(20)
def test_offline_and_back(site: Site, run: Run) -> None:
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


@ONCE
def test_a_token_that_expires_is_replaced(site: Site, run: Run) -> None:
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
