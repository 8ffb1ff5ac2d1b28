"""Rooms that fit a pattern of a handler's: nobody creates them, and they leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

import pytest
from redis import Redis

from {{cookiecutter.__package}}.rooms import (
    Close,
    Handshake,
    JoinRequest,
    Publication,
    Refused,
    RoomHandler,
)
from {{cookiecutter.__package}}.rooms import (
    Service as Made,
)
from {{cookiecutter.__package}}.rooms.errors import (
    NeedsNoMakingError,
    RoomNotFoundError,
)
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from ..fakes import Listener
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import until
from .service import KEY, Service

# So long that no test sees a log go, or so short that it does.
LONG, SHORT = 60.0, 0.5
Make = Callable[..., ConnectionManager]


class Teams(RoomHandler):
    """Is for the rooms of teams, into which strangers may not come."""

    rooms: ClassVar[str | tuple[str, ...]] = ("team-*", "crew")

    def __init__(
        self, keep: float = LONG, capacity: int | None = None, *, presence: bool = True
    ) -> None:
        self.keep = keep
        self.capacity = capacity
        self.presence = presence
        self.told: list[str] = []

    def forget_soon(self) -> None:
        """Keep logs no longer than a test waits."""
        self.keep = SHORT

    async def authorize(self, request: JoinRequest) -> None:
        if request.user == "stranger":
            raise Refused("You are not of the team")

    async def published(self, message: Publication) -> None:
        self.told.append(f"{message.room}: {message.body}")


class Reds(Teams):
    """Is for a room that fits the other pattern too."""

    rooms = "team-red*"


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest, make_manager: Make) -> Make:
    """Build managers with some handlers, on each engine."""
    settings = {}
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        settings["redis_url"] = server.url

    def making(*handlers: RoomHandler) -> ConnectionManager:
        return make_manager(service=Made(handlers=handlers), **settings)

    return making


@pytest.fixture
async def teams(make: Make, start: Start) -> AsyncIterator[Service]:
    """A service with rooms for teams."""
    async with start(make(Teams())) as service:
        yield service


async def test_a_room_that_fits_a_pattern_needs_no_making(teams: Service) -> None:
    for room in ("team-1", "crew"):
        async with teams.join("ann", room) as ann:
            async with teams.join("bea", room) as bea:
                await ann.expect("joined", user="bea")
                await bea.say("hello")
                for client in (ann, bea):
                    await client.expect_message("hello", "bea")
            await ann.expect("left", user="bea")


@pytest.mark.parametrize("room", ["team-", "teams", "a-team-1", "crew-1", "TEAM-1"])
async def test_a_room_that_fits_no_pattern_is_not_found(room: str, teams: Service) -> None:
    # Before anybody is asked who the client is.
    async with teams.connect(room) as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)
    assert (await teams.call("GET", f"/rooms/{room}/members", headers=KEY)).status_code == 404
    assert (await teams.call("DELETE", f"/rooms/{room}", headers=KEY)).status_code == 404


async def test_rooms_that_were_created_are_there_beside_them(teams: Service) -> None:
    await teams.manager.create_room("attic")
    async with teams.join("stranger", "attic") as client:
        await client.say("hello")
        await client.expect_message("hello")


async def test_who_is_refused_makes_no_room(make: Make, redis_server: RedisServer) -> None:
    async with make(Teams()) as manager:
        handshake = Handshake(token=manager.tokens.issue("stranger", "team-1", 60))
        await refuse(manager, "team-1", handshake)
        before = traces(manager, redis_server)
        for number in range(200):
            room = f"team-{number}"
            token = manager.tokens.issue("stranger", room, 60)
            await refuse(manager, room, Handshake(token=token))
        assert traces(manager, redis_server) == before


async def refuse(manager: ConnectionManager, room: str, handshake: Handshake) -> None:
    listener = Listener()
    connection = await manager.connect(room, listener.transport, handshake)
    await listener.expect_close(Close.NOT_ALLOWED)
    await manager.disconnect(connection)


def traces(manager: ConnectionManager, server: RedisServer) -> dict[str, int]:
    """Count what is kept of rooms: the keys of Redis, and what this process has."""
    with Redis.from_url(server.url) as redis:
        keys = list(redis.scan_iter())
        # The leases of rooms end a minute later, by themselves.
        found = {
            "keys": sum(not key.endswith((b"leases", b"version", b"probe")) for key in keys),
            "keys that stay": sum(redis.ttl(key) == -1 for key in keys),
        }
    backend = manager.backend
    streams, handling = manager._streams, manager._handling  # noqa: SLF001 (what may pile up)
    parts = [backend.log, backend.presence, backend.bus, streams, handling, handling.rooms]
    for part in parts:
        for name, value in vars(part).items():
            if isinstance(value, dict | set | list):
                found[f"{type(part).__name__}.{name}"] = len(value)
    return found


async def test_rooms_that_came_and_went_leave_nothing(
    make: Make, redis_server: RedisServer
) -> None:
    # Longer than any coming and going takes.
    async with make(Teams(keep=2)) as manager:
        await come_and_go(manager, "team-1")
        before = traces(manager, redis_server)
        for number in range(30):
            await come_and_go(manager, f"team-{number}")

        async def nothing_is_left() -> bool:
            await manager.check()
            now = traces(manager, redis_server)
            return all(count <= before[name] for name, count in now.items())

        await until("the rooms to go", nothing_is_left)


async def come_and_go(manager: ConnectionManager, room: str) -> None:
    listener = Listener()
    handshake = Handshake(token=manager.tokens.issue("ann", room, 60))
    connection = await manager.connect(room, listener.transport, handshake)
    await manager.publish(room, "hello", "service")
    await listener.expect("hello")
    await manager.disconnect(connection)


async def test_a_log_goes_after_the_last_member_and_the_last_message(
    make: Make, start: Start
) -> None:
    teams = Teams()
    async with start(make(teams)) as service:
        async with service.join("ann", "team-1") as ann:
            await ann.say("hello")
            seen = (await ann.expect_message("hello"))["position"]
            teams.forget_soon()
            await service.manager.check()

        async def gone() -> bool:
            await service.manager.check()
            # Whoever only looks does not keep it.
            answer = await service.call("GET", "/rooms/team-1/messages", headers=KEY)
            assert answer.status_code == 200
            return not answer.json()["messages"]

        await until("the log to go", gone)
        await come_back(service, seen, recovered=False)
        await service.manager.publish("team-1", "to nobody", "service")
        await until("the log to go again", gone)


async def test_a_silent_member_keeps_a_log_in_memory(make_manager: Make, start: Start) -> None:
    async with (
        start(make_manager(service=Made(handlers=[Teams(SHORT)]))) as service,
        service.join("ann", "team-1") as ann,
    ):
        await ann.say("hello")
        seen = (await ann.expect_message("hello"))["position"]
        await asyncio.sleep(2 * SHORT)
        await service.manager.check()
        await come_back(service, seen, recovered=True)
        await ann.expect("joined", user="bea")
        await ann.expect("left", user="bea")


async def test_a_silent_member_keeps_a_log_in_redis_and_who_left_elsewhere_does_not_end_it(
    make_manager: Make, start: Start, redis_server: RedisServer
) -> None:
    one, other = (
        make_manager(service=Made(handlers=[Teams()]), redis_url=redis_server.url) for _ in range(2)
    )
    async with (
        start(one) as first,
        start(other) as second,
        first.join("ann", "team-1") as ann,
    ):
        await ann.say("hello")
        seen = (await ann.expect_message("hello"))["position"]
        async with second.join("cat", "team-1"):
            await ann.expect("joined", user="cat")
        await ann.expect("left", user="cat")
        await other.check()
        with Redis.from_url(redis_server.url) as redis:
            found = redis.scan_iter("*{team-1}*")
            keys = [key for key in found if key.endswith((b":head", b":messages"))]
            assert [redis.expire(key, 10) for key in keys] == [True, True]
            await one.check()
            assert min(redis.ttl(key) for key in keys) > 10
        await come_back(second, seen, recovered=True)
        await ann.expect("joined", user="bea")
        await ann.expect("left", user="bea")


async def come_back(service: Service, seen: str, *, recovered: bool) -> None:
    token = service.token("bea", "team-1")
    path = f"/ws/team-1?after={seen}"
    async with service.connect("team-1", token, path=path) as client:
        await client.expect("welcome", recovered=recovered)


async def test_what_is_said_to_an_empty_room_is_kept(teams: Service) -> None:
    said = {"body": "hello", "id": "m1"}
    answer = await teams.call("POST", "/rooms/team-1/messages", headers=KEY, json=said)
    assert answer.status_code == 202
    token = teams.token("ann", "team-1")
    async with teams.connect("team-1", token, path="/ws/team-1?last=5") as client:
        await client.expect("welcome")
        await client.expect("message", position=answer.json()["position"], **said)


async def test_an_empty_room_reads_as_empty(teams: Service, redis_server: RedisServer) -> None:
    before = traces(teams.manager, redis_server)
    for _ in range(2):
        members = await teams.call("GET", "/rooms/team-1/members", headers=KEY)
        assert (members.status_code, members.json()) == (200, {"members": []})
        messages = await teams.call("GET", "/rooms/team-1/messages", headers=KEY)
        assert messages.status_code == 200
        assert (messages.json()["messages"], messages.json()["recovered"]) == ([], None)
    assert traces(teams.manager, redis_server) == before


async def test_trusted_callers_reach_such_a_room(teams: Service) -> None:
    path = "/rooms/team-1"
    token = await teams.call("POST", f"{path}/tokens", headers=KEY, json={"user": "ann"})
    assert token.status_code == 201
    async with teams.connect("team-1", token.json()["token"]) as ann:
        await ann.expect("welcome", members=["ann"])
        frame = {"frame": {"type": "x-tick"}}
        answer = await teams.call("POST", f"{path}/frames", headers=KEY, json=frame)
        assert answer.status_code == 202
        await ann.expect("x-tick")
        members = await teams.call("GET", f"{path}/members", headers=KEY)
        assert members.json() == {"members": ["ann"]}
        assert (await teams.call("DELETE", f"{path}/members/ann", headers=KEY)).status_code == 204
        await ann.expect_close(Close.REMOVED)


async def test_a_room_that_needs_no_making_cannot_be_created(teams: Service) -> None:
    for room in ("team-1", "crew"):
        answer = await teams.call("POST", "/rooms", headers=KEY, json={"name": room})
        assert answer.status_code == 409
        assert answer.json()["detail"] == str(NeedsNoMakingError(room))


async def test_deleting_such_a_room_closes_it_and_drops_its_log(teams: Service) -> None:
    async with teams.join("ann", "team-1") as ann:
        await ann.say("hello")
        seen = (await ann.expect_message("hello"))["position"]
        assert (await teams.call("DELETE", "/rooms/team-1", headers=KEY)).status_code == 204
        await ann.expect_close(Close.ROOM_CLOSED)
    # It is there at once for who comes next.
    await come_back(teams, seen, recovered=False)
    assert (await teams.call("DELETE", "/rooms/team-2", headers=KEY)).status_code == 204


async def test_a_check_does_not_take_such_a_room_for_deleted(teams: Service) -> None:
    async with teams.join("ann", "team-1") as ann:
        await teams.manager.check()
        await ann.say("hello")
        await ann.expect_message("hello")


async def test_the_first_pattern_that_fits_has_the_room(make: Make, start: Start) -> None:
    reds, teams = Reds(), Teams()
    async with start(make(reds, teams)) as service:
        for room in ("team-red-1", "team-blue"):
            async with service.join("ann", room) as ann:
                await ann.say("hello")
                await ann.expect_message("hello")
    assert reds.told == ["team-red-1: hello"]
    assert teams.told == ["team-blue: hello"]


async def test_a_handler_says_how_many_come_in_and_whether_they_are_told(
    make: Make, start: Start
) -> None:
    async with (
        start(make(Teams(capacity=2, presence=False))) as service,
        service.join("ann", "team-1") as ann,
        service.join("bea", "team-1"),
    ):
        async with service.connect("team-1", service.token("cat", "team-1")) as client:
            await client.expect_close(Close.ROOM_FULL)
        await ann.expect_nothing()


def test_a_room_of_the_settings_fits_no_pattern(make_manager: Make) -> None:
    with pytest.raises(ValueError, match="ROOMS: got 'team-1', which fits a pattern"):
        make_manager(service=Made(handlers=[Teams()]), rooms="lobby,team-1")


async def test_what_is_no_name_of_a_room_fits_no_pattern(teams: Service) -> None:
    with pytest.raises(RoomNotFoundError):
        await teams.manager.publish("team-\n", "hello", "service")
