"""The service behind nginx, with the configuration that it ships."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from .chaos import ROOMS, SERVICE_RESTART, Crowd
from .fleet import LIMIT_SECONDS, Fleet, sign, until
from .ports import free_ports
from .project import Project
from .proxy import find_nginx, proxying
from .redis_server import RedisServer
from .truth import Stage, settle

# Loopback has many addresses.
CLIENT, PROXY, STRANGER = "127.0.0.5", "127.0.0.1", "127.0.0.9"
FORGED = "203.0.113.7"

Play = Callable[[Fleet, str], Awaitable[None]]


@pytest.fixture(autouse=True)
def _proxy() -> None:
    find_nginx()


@pytest.fixture
def stage(project: Project, redis: RedisServer) -> Stage:
    """The project, and a Redis for its replicas."""
    return Stage(project, redis)


@asynccontextmanager
async def behind_proxy(
    project: Project, replicas: int, redis_url: str = ""
) -> AsyncIterator[tuple[Fleet, str]]:
    """Start replicas and the proxy; they and where it is."""
    ports = free_ports(replicas)
    fleet = Fleet(project, redis_url, ROOMS, ports)
    async with fleet.running(), proxying(project, ports) as address:
        yield fleet, address


def run(project: Project, play: Play) -> None:
    """Play with one replica behind the proxy."""

    async def scene() -> None:
        async with behind_proxy(project, 1) as (fleet, address):
            await play(fleet, address)

    asyncio.run(scene())


def join(address: str, user: str, origin: str | None = None) -> connect:
    """Open a socket as a page does."""
    protocols = ["rooms.v1", f"bearer.{sign(user, ROOMS[0])}"]
    return connect(
        f"ws://{address}/ws/{ROOMS[0]}",
        subprotocols=[Subprotocol(one) for one in protocols],
        origin=Origin(origin) if origin else None,
        open_timeout=LIMIT_SECONDS,
        proxy=None,
    )


async def receive(socket: ClientConnection) -> dict[str, object]:
    """Read a frame."""
    async with asyncio.timeout(LIMIT_SECONDS):
        frame: dict[str, object] = json.loads(await socket.recv())
    return frame


def test_sockets_pass_with_all_that_they_say(project: Project) -> None:
    async def play(_: Fleet, address: str) -> None:
        async with join(address, "ann", f"http://{address}") as ann:
            assert ann.subprotocol == "rooms.v1"
            assert (await receive(ann))["user"] == "ann"
            await ann.send('{"type": "message", "body": "hello"}')
            assert (await receive(ann))["body"] == "hello"
        async with connect(f"ws://{address}/ws/nowhere", proxy=None) as lost:
            with pytest.raises(ConnectionClosed) as closed:
                await receive(lost)
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Room does not exist")

    run(project, play)


def test_the_pages_of_others_stay_out(project: Project) -> None:
    async def play(_: Fleet, address: str) -> None:
        host, port = address.split(":")
        for origin in (f"http://{host}", f"http://{host}:{int(port) - 1}", "http://example.org"):
            with pytest.raises(InvalidStatus) as refused:
                await join(address, "ann", origin)
            assert refused.value.response.status_code == 403

    run(project, play)


def test_the_service_says_what_is_too_large(project: Project) -> None:
    def post(address: str) -> tuple[int, object]:
        connection = http.client.HTTPConnection(address, timeout=LIMIT_SECONDS)
        connection.request("POST", "/rooms", b" " * (2 << 20))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body)

    async def play(_: Fleet, address: str) -> None:
        answer = await asyncio.to_thread(post, address)
        assert answer == (413, {"detail": "The body is too large."})

    run(project, play)


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [(PROXY, CLIENT), ("127.0.0.1/32", CLIENT), (STRANGER, PROXY)],
    ids=["address", "network", "untrusted"],
)
def test_only_a_trusted_proxy_says_whose_request_it_is(
    project: Project, trusted: str, seen: str
) -> None:
    (project.path / ".env").write_text(f"FORWARDED_ALLOW_IPS={trusted}\n", encoding="utf-8")

    async def play(fleet: Fleet, address: str) -> None:
        assert await seen_as(fleet, address, "call", CLIENT) == {seen}
        assert await seen_as(fleet, address, "socket", CLIENT) == {seen}

    run(project, play)


def test_a_client_that_is_no_proxy_is_not_believed(project: Project) -> None:
    async def play(fleet: Fleet, _: str) -> None:
        (direct,) = fleet.addresses()
        assert await seen_as(fleet, direct, "call", CLIENT) == {CLIENT}
        assert await seen_as(fleet, direct, "socket", CLIENT) == {CLIENT}
        # So it is the address that counts.
        assert await seen_as(fleet, direct, "trusted-call", PROXY) == {FORGED}

    run(project, play)


async def seen_as(fleet: Fleet, address: str, mark: str, source: str) -> set[str]:
    """Call from an address, as if for another; which of all the service logs for it."""
    path = f"/ws/{mark}"
    if mark == "socket":
        headers = {"X-Forwarded-For": FORGED}
        url = f"ws://{address}{path}"
        async with connect(
            url, additional_headers=headers, local_addr=(source, 0), proxy=None
        ) as socket:
            await socket.wait_closed()
    else:
        await asyncio.to_thread(call, address, path, source)
    (process,) = fleet.processes
    lines: list[str] = []

    def logged() -> bool:
        lines[:] = [line for line in process.printed().splitlines() if path in line]
        return bool(lines)

    await until(logged, lambda: f"a line about {path} in:\n{process.printed()}")
    return {one for one in (CLIENT, PROXY, FORGED) if any(one in line for line in lines)}


def call(address: str, path: str, source: str) -> None:
    """Make an HTTP call from an address, as if for another."""
    connection = http.client.HTTPConnection(
        address, timeout=LIMIT_SECONDS, source_address=(source, 0)
    )
    connection.request("GET", path, headers={"X-Forwarded-For": FORGED})
    connection.getresponse().read()
    connection.close()


@pytest.mark.slow(20)
def test_nobody_misses_a_message_while_replicas_are_replaced(stage: Stage) -> None:
    async def play() -> None:
        await stage.server.start()
        async with behind_proxy(stage.project, 2, stage.server.url) as (fleet, address):
            crowd = Crowd.of_many(lambda: [address])
            async with crowd.talking():
                for process in fleet.processes * 2:
                    before = crowd.closes[SERVICE_RESTART]
                    await process.stop()
                    await crowd.come_in()
                    await crowd.hear_more()
                    assert crowd.closes[SERVICE_RESTART] > before
                    await process.start()
                await settle(crowd, stage, {SERVICE_RESTART})

    asyncio.run(play())
