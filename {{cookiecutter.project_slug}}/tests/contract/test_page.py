"""What browsers get, and what is shown to developers only."""

import re
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.web import about, page

from ..processes import PROCESS_TIMEOUT, serving
from ..waiting import PROCESS_LIMIT_SECONDS, until
from .service import Service

Start = Callable[[ConnectionManager], AbstractAsyncContextManager[Service]]
PAGES = ["/", "/docs/socket"]
# A kind of file that is new has to be here, and served as such.
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ts": "text/plain",
}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_lets_nothing_in_from_elsewhere(service: Service, path: str) -> None:
    answer = await service.call("GET", path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?://|<style|style=|\bon[a-z]+=|<script>", answer.text)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_finds_all_its_files(service: Service, path: str) -> None:
    text = (await service.call("GET", path)).text
    links = re.findall(r"(?:src|href)=\"(?:\.\./)?(static/[^\"]+)", text)
    assert links
    for link in {*links, "static/rooms.d.ts", "static/closes.js"}:
        answer = await service.call("GET", f"/{link}")
        assert answer.status_code == 200, link
        assert answer.content == (page.STATIC / link.removeprefix("static/")).read_bytes()


POISONED = f"""
import mimetypes, runpy
for suffix in {sorted(TYPES)}:
    mimetypes.add_type("text/x-poison", suffix)
runpy.run_module("{about.PACKAGE}", run_name="__main__")
"""


@PROCESS_TIMEOUT
async def test_each_kind_of_file_has_its_type_whatever_the_machine_calls_it(tmp_path: Path) -> None:
    async with serving(tmp_path, [sys.executable, "-c", POISONED]) as (_, service):
        await until("an answer", service.listens, PROCESS_LIMIT_SECONDS)
        for path in page.STATIC.iterdir():
            answer = await service.call("GET", f"/static/{path.name}")
            kind, _, charset = answer.headers["content-type"].partition("; charset=")
            assert kind == TYPES[path.suffix], path.name
            assert charset.strip('"') == ("utf-8" if kind.startswith("text/") else ""), path.name


async def test_no_other_file_is_served(service: Service) -> None:
    # The last four are names that Windows reads as others, or refuses.
    names = ["", "../config.py", "%2e%2e/config.py", "none.js", "con", "a/con", "nul.js", "x%3Fy"]
    for name in names:
        assert (await service.call("GET", f"/static/{name}")).status_code == 404, name


@pytest.mark.parametrize("path", [*PAGES, "/asyncapi.json"])
async def test_pages_are_only_read(service: Service, path: str) -> None:
    assert (await service.call("HEAD", path)).status_code == 200
    assert (await service.call("POST", path)).status_code == 405


async def test_the_protocol_is_described(service: Service) -> None:
    answer = await service.call("GET", "/asyncapi.json")
    document = answer.json()
    assert document["asyncapi"].startswith("3.")
    assert document["info"]["title"] == about.TITLE
    room = document["channels"]["room"]
    assert room["address"] == "/ws/{room}"
    assert [row["name"] for row in room["x-closes"]] == [close.name for close in Close]
    assert room["title"]
    last_words = {close.row.last_words for close in Close} - {None}
    assert last_words <= {message["name"] for message in room["messages"].values()}
    schemas = document["components"]["schemas"]
    assert set(schemas["MessageEvent"]["required"]) == {"type", "position", "from", "body", "at"}
    assert set(schemas["Message"]["required"]) == {"type", "body"}
    assert set(schemas["Welcome"]["required"]) == {"type", "room", "user", "position", "recovered"}
    assert set(schemas["JwtExpired"]["required"]) == {"type"}
    assert set(schemas["RateLimited"]["required"]) == {"type", "retry_after"}


async def test_every_message_has_a_named_schema(service: Service) -> None:
    document = (await service.call("GET", "/asyncapi.json")).json()
    schemas = document["components"]["schemas"]
    messages = document["channels"]["room"]["messages"].values()
    assert len(messages) == len({message["title"] for message in messages})
    for message in messages:
        key = message["payload"]["$ref"].removeprefix("#/components/schemas/")
        assert schemas[key].get("title") == key
        assert schemas[key]["properties"]["type"]["const"] == message["name"]


async def test_servers_are_described_with_both_ways_to_send_a_token(service: Service) -> None:
    document = (await service.call("GET", "/asyncapi.json")).json()
    local, deployed = document["servers"]["local"], document["servers"]["deployed"]
    assert (local["protocol"], local["host"]) == ("ws", "127.0.0.1:8000")
    assert (deployed["protocol"], deployed["host"]) == ("wss", "{host}")
    assert set(deployed["variables"]) == {"host"}
    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    subprotocol = schemes["subprotocol"]
    assert (subprotocol["type"], subprotocol["in"]) == ("httpApiKey", "header")
    assert subprotocol["name"] == "Sec-WebSocket-Protocol"
    for server in (local, deployed):
        assert server["security"] == [
            {"$ref": f"#/components/securitySchemes/{name}"} for name in schemes
        ]


@pytest.mark.parametrize("close", Close)
async def test_a_developer_sees_every_close(service: Service, close: Close) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="debug-close", close=close.name)
        await ann.expect_close(close)


async def test_a_close_that_is_not_in_the_table_is_refused(service: Service) -> None:
    async with service.join("ann") as ann:
        for unknown in ("HANGING_UP", ["REMOVED"], {"REMOVED": 1}):
            await ann.send(type="debug-close", close=unknown)
            refusal = await ann.expect_error("invalid-message")
            assert "ROOM_NOT_FOUND" in refusal["detail"]


async def test_nothing_is_there_for_developers_without_debug(
    make_manager: Callable[..., ConnectionManager], start: Start
) -> None:
    async with start(make_manager(debug=False)) as service:
        text = (await service.call("GET", "/")).text
        assert "lessons" not in text
        async with service.join("ann") as ann:
            await ann.send(type="debug-close", close="REMOVED")
            await ann.expect_error("invalid-message")
