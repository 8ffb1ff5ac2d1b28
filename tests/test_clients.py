"""What real clients are told by their own interfaces when a connection ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from websockets.asyncio.client import connect

from .clients.driving import CLIENTS, Client, chromium, missing, python
from .clients.leading import AT_ONCE, ENDINGS, FULL, LATER, LOCKED, OTHERS, Guide, lead
from .clients.table import PAGE, endings, interfaces, written
from .clients.visit import Report
from .project import Project
from .proxy import find_nginx, proxying
from .stage import KEY, Site
from .visitors import find_chromium

ROUNDS = 4
# Codes that a client does not know, and what it reports instead.
ALTERED = {"faye-websocket": {1012: 1002, 1013: 1002}}
Closes = dict[str, dict[str, Any]]
Seen = dict[str, dict[str, Report]]


def close_of(name: str) -> str:
    """Return the row of the table of closes that an ending belongs to."""
    return name.partition(",")[0]


def fault(client: str, name: str, report: Report, closes: Closes) -> str:
    """Return what a client reports if it differs from the table of closes, else nothing."""
    close = closes[close_of(name)]
    code: int = close["code"]
    # The server's library words a reason only where it closes by itself.
    worded = report.reason or name not in ENDINGS
    last_words = [kind for kind in report.heard if kind not in {"welcome", "pong"}]
    right = (
        report.code == ALTERED.get(client, {}).get(code, code)
        and (report.reason == close["reason"] if close["reason"] else worded)
        and last_words == ([close["lastWords"]] if close["lastWords"] else [])
        and ("welcome" in report.heard or name != LATER)
        # Chromium calls a close unclean if it was still sending.
        and (report.clean is not False or name == AT_ONCE)
    )
    return "" if right else f"{report}"


class Company:
    """Clients, each with a guide, and what each of them reports."""

    def __init__(self, closes: Closes, names: Iterable[str]) -> None:
        further = [name for name in ENDINGS if name not in closes]
        self.endings = sorted([*closes, *further], key=lambda name: [*closes].index(close_of(name)))
        self.seen: Seen = {name: {} for name in names}
        self._clients: list[tuple[Client, Guide]] = []

    async def lead(self, client: Client, guide: Guide) -> None:
        """Lead a client into all that the service outlives."""
        self._clients.append((client, guide))
        seen = self.seen[guide.name]
        await guide.prepare()
        for name in self.endings:
            way = ENDINGS[name](guide) if name in ENDINGS else guide.ask_for(name)
            if guide.can_go(way) and name != "SERVICE_RESTART":
                seen[name] = await lead(client, way)
        for name, other in OTHERS.items():
            seen[name] = await lead(client, other(guide))

    async def outlive(self, name: str, end: Callable[[], Awaitable[None]], room: str = "") -> None:
        """Bring all clients into a room, end the service, and note what they report."""
        comings = [client.begin(guide.way(room).visit) for client, guide in self._clients]
        assert set(await asyncio.gather(*comings)) == {None}, "a client was not let in"
        await end()
        for client, guide in self._clients:
            self.seen[guide.name][name] = await client.finish()


@asynccontextmanager
async def rooms(address: str) -> AsyncIterator[ClientSession]:
    """Make the rooms that nobody can enter; yield a session that calls the service with its key."""
    key = {"Authorization": f"Bearer {KEY}"}
    # A connection that is kept may be ended by the server just when the next call is made.
    anew = TCPConnector(force_close=True)
    async with ClientSession(
        f"http://{address}", headers=key, raise_for_status=True, connector=anew
    ) as http:
        await http.post("/rooms", json={"name": LOCKED, "password": "sesame"})
        await http.post("/rooms", json={"name": FULL, "capacity": 1})
        async with connect(f"ws://{address}/ws/{FULL}", proxy=None) as member:
            await member.recv()
            yield http


async def watch(project: Project, node_modules: Path, names: Iterable[str]) -> Company:
    """Lead clients into every ending."""
    company = Company(project.closes, names)
    async with AsyncExitStack() as stack:
        process, address = await stack.enter_async_context(Site(project).serving())

        async def come(name: str, http: ClientSession) -> None:
            client = await stack.enter_async_context(CLIENTS[name](address, node_modules))
            await company.lead(client, Guide(name, address, http))

        async with rooms(address) as http, asyncio.TaskGroup() as tasks:
            for name in company.seen:
                tasks.create_task(come(name, http))
        await company.outlive("SERVICE_RESTART", process.stop)
        await process.start()
        await company.outlive("killed", process.kill, "lobby")
    return company


@pytest.mark.slow(30)
def test_every_client_reports_every_ending_as_the_table_of_closes_has_it(
    project: Project, node_modules: Path, request: pytest.FixtureRequest
) -> None:
    """With `--clients-table` the tables of the page on what clients see are replaced."""
    lacking = missing()
    closes = project.closes
    names = [name for name in CLIENTS if name not in lacking]
    company = asyncio.run(watch(project, node_modules, names))
    seen = company.seen
    codes = {name: closes[close_of(name)]["code"] for name in company.endings}
    tables = {"endings": endings(seen, codes), "interfaces": interfaces(seen)}
    print(*tables.values(), sep="\n\n")
    faults = {
        (client, name): told
        for client, reports in seen.items()
        for name in company.endings
        if name in reports and (told := fault(client, name, reports[name], closes))
    }
    assert faults == {}
    if lacking:
        pytest.skip(", ".join(lacking.values()))
    old = PAGE.read_text(encoding="utf-8")
    page = written(old, tables)
    if request.config.getoption("--clients-table"):
        PAGE.write_text(page, encoding="utf-8")
    else:
        assert old == page


async def send_too_much(place: str, client: Client, name: str, sizes: Iterable[int]) -> None:
    """Send frames over the limit as soon as the socket is open; each must get its close."""
    async with ClientSession() as http:
        guide = Guide(name, place, http)
        for size in [size for size in sizes for _ in range(ROUNDS)]:
            way = guide.way("lobby", at_open=[("text", "x", size)])
            report = await lead(client, way)
            assert report.code == 1009, f"{name} at {place} with {size} bytes: {report}"


@pytest.mark.slow(15)
def test_a_frame_over_the_limit_gets_1009_directly_and_through_nginx(project: Project) -> None:
    find_nginx()
    find_chromium()

    async def play() -> None:
        async with (
            Site(project).serving() as (_, address),
            proxying(project, [int(address.rpartition(":")[2])]) as proxy,
        ):
            for place in (address, proxy):
                async with chromium(place) as page, python("with_websocket_client") as program:
                    await send_too_much(place, page, "Chromium", [70_000, 1_000_000, 8_000_000])
                    await send_too_much(place, program, "websocket-client", [70_000, 1_000_000])

    asyncio.run(play())
