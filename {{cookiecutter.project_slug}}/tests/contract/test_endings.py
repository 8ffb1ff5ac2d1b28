"""Every row of the close table, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from {{cookiecutter.__package}}.rooms import JoinRequest, Refused, RoomHandler
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.service import Service as Made
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol

from ..clock import ManualClock
from ..serving import Start
from ..waiting import within
from .counts import since, told
from .service import Service

Scenario = Callable[["Scene"], Awaitable[None]]
SCENARIOS: dict[Close, Scenario] = {}


@dataclass
class Scene:
    """What a scenario works with: a service with narrow limits."""

    service: Service
    manager: ConnectionManager
    clock: ManualClock
    monkeypatch: pytest.MonkeyPatch


def ends_with(close: Close) -> Callable[[Scenario], Scenario]:
    """Enter the scenario that reaches this row."""

    def enter(scenario: Scenario) -> Scenario:
        SCENARIOS[close] = scenario
        return scenario

    return enter


class Bouncer(RoomHandler):
    """Keeps one user out."""

    async def authorize(self, request: JoinRequest) -> None:
        if request.user == "brawler":
            raise Refused("not here")


@pytest.fixture
async def scene(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scene]:
    manager = make_manager(
        messages_per_second=5,
        outbox_bytes=100_000,
        connections_per_address=2,
        service=Made(handlers=[Bouncer()]),
    )
    async with start(manager) as service:
        yield Scene(service, manager, clock, monkeypatch)


@pytest.mark.parametrize("close", list(Close), ids=lambda close: close.name)
async def test_a_connection_ends_as_the_close_table_says(
    close: Close, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = told()
    assert close in SCENARIOS, f"no scenario reaches {close.name}: write one below"
    await SCENARIOS[close](scene)
    assert scene.service.endings == [close]
    await within("the connections to be forgotten", forgotten(scene.manager))
    counted = since(before)
    assert [row for row in Close.__members__ if counted[row]] == [close.name]
    dropped = counted["rooms_outbox_dropped_bytes_total"]
    assert bool(dropped) == (close is Close.READS_TOO_SLOWLY)
    (line,) = [one for one in caplog.records if getattr(one, "row", None) == close.name]
    assert vars(line).keys() >= {"connection", "room", "user", "seconds", "messages"}
    if close is Close.INTERNAL_ERROR:
        assert "the log is broken" in caplog.text
        caplog.clear()


async def forgotten(manager: ConnectionManager) -> None:
    while manager.connection_count:  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.01)


@ends_with(Close.ROOM_NOT_FOUND)
async def room_not_found(scene: Scene) -> None:
    async with scene.service.connect("nowhere") as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)


@ends_with(Close.TOKEN_REQUIRED)
async def token_required(scene: Scene) -> None:
    await scene.manager.create_room("cellar", password="sesame")
    async with scene.service.connect("cellar") as client:
        await client.expect_close(Close.TOKEN_REQUIRED)


@ends_with(Close.TOKEN_INVALID)
async def token_invalid(scene: Scene) -> None:
    async with scene.service.connect(token="no.such.token") as client:
        await client.expect_close(Close.TOKEN_INVALID)


@ends_with(Close.TOKEN_EXPIRED)
async def token_expired(scene: Scene) -> None:
    token = scene.service.token("ann", ttl=30)
    scene.clock.advance(31)
    async with scene.service.connect(token=token) as client:
        await client.expect_close(Close.TOKEN_EXPIRED)


@ends_with(Close.WRONG_ROOM)
async def wrong_room(scene: Scene) -> None:
    async with scene.service.connect(token=scene.service.token("ann", "attic")) as client:
        await client.expect_close(Close.WRONG_ROOM)


@ends_with(Close.NOT_ALLOWED)
async def not_allowed(scene: Scene) -> None:
    async with scene.service.connect(token=scene.service.token("brawler")) as client:
        await client.expect_close(Close.NOT_ALLOWED)


@ends_with(Close.REMOVED)
async def removed(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await scene.manager.remove_user("lobby", "ann")
        await client.expect_close(Close.REMOVED)


@ends_with(Close.BINARY_FRAME)
async def binary_frame(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await client.send_raw(b"\x00")
        await client.expect_close(Close.BINARY_FRAME)


@ends_with(Close.INVALID_UTF8)
async def invalid_utf8(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await client.socket.send(b"\xff", text=True)
        await client.expect_close(Close.INVALID_UTF8)


@ends_with(Close.TOO_BIG)
async def too_big(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await client.send_raw("x" * (scene.manager.config.max_message_bytes + 1))
        await client.expect_close(Close.TOO_BIG)


@ends_with(Close.TOO_MANY_MESSAGES)
async def too_many_messages(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        for number in range(6):
            await client.say(number)
        for number in range(5):
            await client.expect_message(number, "ann")
        await client.expect_close(Close.TOO_MANY_MESSAGES, retry_after=1.0)


@ends_with(Close.READS_TOO_SLOWLY)
async def reads_too_slowly(scene: Scene) -> None:
    # Its library holds no more than one message; publishing does not wait for it.
    async with scene.service.join("ann", max_queue=1) as client:
        while (await scene.manager.backend.presence.members("lobby")).members:
            await scene.manager.publish("lobby", "x" * 60_000, "bea")
            await asyncio.sleep(0)
        await client.expect_backlog(Close.READS_TOO_SLOWLY)


@ends_with(Close.ROOM_FULL)
async def room_full(scene: Scene) -> None:
    await scene.manager.create_room("closet", capacity=1)
    async with scene.service.join("ann", "closet"), scene.service.connect("closet") as client:
        await client.expect_close(Close.ROOM_FULL)


@ends_with(Close.TOO_MANY_CONNECTIONS)
async def too_many_connections(scene: Scene) -> None:
    await scene.manager.create_room("attic")
    service = scene.service
    async with service.join("ann"), service.join("ann", "attic"), service.connect() as refused:
        await refused.expect_close(Close.TOO_MANY_CONNECTIONS)


@ends_with(Close.ROOM_CLOSED)
async def room_closed(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await scene.manager.close_room("lobby")
        await client.expect_close(Close.ROOM_CLOSED)


@ends_with(Close.INTERNAL_ERROR)
async def internal_error(scene: Scene) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("the log is broken")

    async with scene.service.join("ann") as client:
        scene.monkeypatch.setattr(scene.manager.backend.log, "append", broken)
        await client.say("hello")
        await client.expect_close(Close.INTERNAL_ERROR)


@ends_with(Close.NO_PONG)
async def no_pong(scene: Scene) -> None:
    served: list[SocketProtocol] = []

    def note(protocol: SocketProtocol) -> None:
        served.append(protocol)

    # The server's first ping would come after 20 s.
    scene.monkeypatch.setattr(SocketProtocol, "start_keepalive", note)
    async with scene.service.join("ann") as client:
        client.socket.transport.pause_reading()
        served[0].ping_timeout = 0.1
        served[0].send_keepalive_ping()
        await within("the connection to be forgotten", forgotten(scene.manager))
        client.socket.transport.resume_reading()
        await client.expect_close(Close.NO_PONG)


@ends_with(Close.SERVICE_RESTART)
async def service_restart(scene: Scene) -> None:
    async with scene.service.join("ann") as client:
        await scene.manager.drain()
        last_words = await client.expect_close(Close.SERVICE_RESTART)
        assert last_words["retry_after"] >= 1
