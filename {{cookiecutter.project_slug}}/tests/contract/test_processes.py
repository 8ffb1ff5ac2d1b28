"""Several processes on one Redis serve the same rooms."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.backends.redis.presence import RedisPresence
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.reserved import OwnFrame
from {{cookiecutter.__package}}.web import about

from ..processes import PROCESS_TIMEOUT, Process, serving, workers
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import PROCESS_LIMIT_SECONDS, within
from .conftest import Pair
from .service import KEY, Endpoint, Service

pytestmark = PROCESS_TIMEOUT

TYPES = OwnFrame.model_validate({"type": "types", "user": "bea"})


async def test_members_hear_each_other_whatever_process_they_are_at(pair: Pair) -> None:
    async with pair[0].join("ann") as ann:
        async with pair[1].connect(token=pair[0].token("bea")) as bea:
            await bea.expect("welcome", members=["ann", "bea"])
            await ann.expect("joined", user="bea")
            await ann.say("hello", id="m1")
            await bea.say("hello yourself")
            heard = [await ann.expect("message") for _ in range(2)]
            assert [await bea.expect("message") for _ in range(2)] == heard
        await ann.expect("left", user="bea")


async def test_two_connections_of_a_user_at_two_processes_are_one_member(pair: Pair) -> None:
    async with pair[0].join("ann") as ann:
        async with pair[0].join("bea"):
            await ann.expect("joined", user="bea")
            async with pair[1].join("bea"):
                await ann.expect_nothing()
            await ann.expect_nothing()
        await ann.expect("left", user="bea")


async def test_a_room_is_full_for_all_processes(pair: Pair) -> None:
    await pair[0].manager.create_room("closet", capacity=1)
    async with pair[0].join("ann", "closet"), pair[1].connect("closet") as guest:
        await guest.expect_close(Close.ROOM_FULL)


async def test_a_room_is_closed_in_all_processes(pair: Pair) -> None:
    answer = await pair[0].call("POST", "/rooms", headers=KEY, json={"name": "attic"})
    assert answer.status_code == 201
    async with pair[0].join("ann", "attic") as ann, pair[1].join("bea", "attic") as bea:
        await ann.expect("joined", user="bea")
        answer = await pair[1].call("DELETE", "/rooms/attic", headers=KEY)
        assert answer.status_code == 204
        await ann.expect_close(Close.ROOM_CLOSED)
        await bea.expect_close(Close.ROOM_CLOSED)


async def test_a_user_is_removed_from_all_processes(pair: Pair) -> None:
    async with pair[0].join("ann") as one, pair[1].join("ann") as other:
        answer = await pair[1].call("DELETE", "/rooms/lobby/members/ann", headers=KEY)
        assert answer.status_code == 204
        await one.expect_close(Close.REMOVED)
        await other.expect_close(Close.REMOVED)


async def test_a_message_by_http_reaches_all_processes(pair: Pair) -> None:
    async with pair[0].join("ann") as ann:
        answer = await pair[1].call(
            "POST", "/rooms/lobby/messages", headers=KEY, json={"body": "hello"}
        )
        await ann.expect("message", body="hello", position=answer.json()["position"])


async def test_what_is_only_told_reaches_who_is_here_and_is_not_kept(pair: Pair) -> None:
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        position = await pair[0].manager.publish("lobby", "hello", "cat")
        await pair[1].manager.broadcast("lobby", TYPES)
        for client in (ann, bea):
            await client.expect("message", position=position)
            await client.expect("types", user="bea")
    token = pair[0].token("ann")
    async with pair[1].connect(path=f"/ws/lobby?after={position}", token=token) as ann:
        await ann.expect("welcome", position=position, recovered=True)
        await ann.expect_nothing()


async def test_one_comes_back_to_another_process(pair: Pair) -> None:
    async with pair[0].join("ann") as ann:
        await ann.say("seen", id="m1")
        seen = (await ann.expect_message("seen"))["position"]
    await pair[0].manager.publish("lobby", "missed", "bea")
    token = pair[0].token("ann")
    async with pair[1].connect(path=f"/ws/lobby?after={seen}", token=token) as ann:
        await ann.expect("welcome", recovered=True)
        await ann.expect_message("missed", "bea")
        await ann.say("seen", id="m1")
        await ann.expect_nothing()


async def test_all_see_one_order_though_many_speak_at_once(pair: Pair) -> None:
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")

        async def speak(service: Service, name: str) -> None:
            for number in range(40):
                await service.manager.publish("lobby", [name, number], name)

        await asyncio.gather(*(speak(service, name) for service in pair for name in "cde"))
        heard = [(await ann.expect("message"))["position"] for _ in range(240)]
        assert heard == sorted(set(heard))
        assert [(await bea.expect("message"))["position"] for _ in range(240)] == heard


async def test_redis_away_is_told_and_what_was_said_then_arrives(
    pair: Pair, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        redis_server.kill()
        await ann.say("lost", id="m1")
        await ann.expect_error("unavailable", id="m1")
        await ann.send(type="ping")
        await ann.expect("pong")
        assert (await pair[0].call("GET", "/readyz")).status_code == 503
        assert (await pair[0].call("GET", "/healthz")).status_code == 200
        answer = await pair[0].call("POST", "/rooms", headers=KEY, json={"name": "attic"})
        assert answer.status_code in {201, 503}
        answer = await pair[0].call(
            "POST", "/rooms/lobby/messages", headers=KEY, json={"body": "hello"}
        )
        assert answer.status_code == 503
        async with pair[0].connect() as guest:
            await guest.expect_close(Close.INTERNAL_ERROR)
        redis_server.start()
        for service in pair:
            assert (await service.call("GET", "/readyz")).status_code == 200
        await ann.say("found", id="m1")
        await ann.expect_message("found", "ann")
        # Each process has to find its way back before they leave. With an `id`, as what has none
        # is not tried again on another connection if the first one died while Redis was away.
        await bea.say("found too", id="m2")
        for service in pair:
            await service.manager.check()
        for client, messages in ((bea, ["found", "found too"]), (ann, ["found too"])):
            for message in messages:
                await client.expect("message", body=message)
    caplog.clear()


async def test_rooms_that_lost_messages_say_so(
    pair: Pair, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis comes back without its data: who was there returns, and is told."""
    async with pair[0].join("ann") as ann:
        await ann.say("lost")
        seen = (await ann.expect_message("lost"))["position"]
        redis_server.flush()
        await pair[0].manager.ensure_rooms()
        await pair[0].manager.check()
        await ann.expect_close(Close.SERVICE_RESTART)
    # The first check may have brought her back as a member while she was being sent away.
    await pair[0].manager.check()
    async with pair[1].connect(path=f"/ws/lobby?after={seen}") as guest:
        welcome = await guest.expect("welcome", recovered=False)
        assert welcome["position"] > seen
    caplog.clear()


async def test_a_process_that_was_taken_for_dead_brings_its_members_back(
    pair: Pair, redis_server: RedisServer
) -> None:
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        async with Redis.from_url(redis_server.url) as redis:
            for kind in ("leases", "connections", "counts"):
                await redis.delete(*await redis.keys(f"*:{kind}"))
        await pair[0].manager.check()
        assert (await pair[0].manager.backend.presence.members("lobby")).members == ["ann"]
        await pair[1].manager.check()
        members = (await pair[0].manager.backend.presence.members("lobby")).members
        assert sorted(members) == ["ann", "bea"]
        await ann.expect_nothing()
        await bea.expect_nothing()


async def test_members_of_a_process_that_died_are_told_to_have_left(
    pair: Pair, redis_server: RedisServer
) -> None:
    async with pair[0].join("ann") as ann, connect(redis_server.url) as redis:
        keyspace = Keyspace(about.PACKAGE)
        key = keyspace.key("lobby", "leases")
        living = set(await redis.zrange(key, 0, -1))
        await RedisPresence(redis, keyspace).join("lobby", "bea", "1")
        await pair[0].manager.check()
        await ann.expect("joined", user="bea")
        [dying] = set(await redis.zrange(key, 0, -1)) - living
        await redis.zadd(key, {str(dying): 1})
        await pair[0].manager.check()
        await ann.expect("left", user="bea")


@pytest.mark.parametrize("other", [{"redis_prefix": "staging"}, {"redis_url": "1"}])
async def test_services_that_differ_in_prefix_or_database_share_nothing(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
    other: dict[str, str],
) -> None:
    if "redis_url" in other:
        other = {"redis_url": redis_server.url.removesuffix("0") + "1"}
    production = make_manager(redis_url=redis_server.url)
    staging = make_manager(**{"redis_url": redis_server.url, **other})
    async with (
        start(production) as one,
        start(staging) as two,
        one.join("ann") as ann,
        two.join("bea") as bea,
    ):
        await staging.publish("lobby", "hello", "cat")
        await bea.expect_message("hello", "cat")
        await staging.room_deleted("lobby")
        await bea.expect_close(Close.ROOM_CLOSED)
        await production.check()
        await ann.say("still here")
        await ann.expect_message("still here", "ann")


async def test_a_process_whose_redis_takes_no_writes_is_not_ready(
    pair: Pair, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(redis_server.url) as redis:
        assert (await pair[0].call("GET", "/readyz")).status_code == 200
        await redis.config_set("min-replicas-to-write", 1)
        try:
            assert (await pair[0].call("GET", "/readyz")).status_code == 503
            assert (await pair[0].call("GET", "/healthz")).status_code == 200
        finally:
            await redis.config_set("min-replicas-to-write", 0)
        assert (await pair[0].call("GET", "/readyz")).status_code == 200
    assert "NOREPLICAS" in caplog.text
    caplog.clear()


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"commands": [f"-{command}"]}
            for command in ("evalsha", "hset", "xadd", "zadd", "pexpire", "publish", "del")
        ),
        {"reset_channels": True},
    ],
    ids=str,
)
async def test_a_process_that_lacks_a_right_in_redis_is_not_ready(
    pair: Pair, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    async with connect(redis_server.url) as redis:
        try:
            await redis.acl_setuser("default", enabled=True, **change)
            assert (await pair[0].call("GET", "/readyz")).status_code == 503
        finally:
            await redis.acl_setuser("default", enabled=True, categories=["+@all"], channels=["*"])
        assert (await pair[0].call("GET", "/readyz")).status_code == 200
        assert not [key async for key in redis.scan_iter("*probe*")]
    caplog.clear()


async def test_real_processes_share_rooms_and_one_may_be_killed(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with AsyncExitStack() as stack:

        async def run() -> tuple[Process, Endpoint]:
            serve = serving(tmp_path, REDIS_URL=redis_server.url)
            return await stack.enter_async_context(serve)

        one, first = await run()
        _, second = await run()
        ann = await stack.enter_async_context(first.join("ann"))
        bea = await stack.enter_async_context(second.join("bea"))
        await ann.expect("joined", user="bea")
        await ann.say("hello")
        seen = (await ann.expect_message("hello"))["position"]
        await bea.expect_message("hello", "ann")
        await one.kill()
        ann.vanished = True
        await bea.say("missed")
        await bea.expect_message("missed", "bea")
        back = second.connect(path=f"/ws/lobby?after={seen}", token=second.token("ann"))
        ann = await stack.enter_async_context(back)
        await ann.expect("welcome", recovered=True)
        await ann.expect_message("missed", "bea")


async def test_all_workers_of_one_command_are_drained(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    settings = {"WORKERS": "2", "REDIS_URL": redis_server.url, "SECRET_KEY": ""}
    async with AsyncExitStack() as stack:
        process, service = await stack.enter_async_context(serving(tmp_path, **settings))
        await workers(process, service, 2)
        answer = await service.call("POST", "/rooms/lobby/tokens", json={"user": "ann"})
        token = answer.json()["token"]
        clients = []
        for _ in range(8):
            client = await stack.enter_async_context(service.connect(token=token))
            await client.expect("welcome", user="ann")
            clients.append(client)
        process.stop()
        for client in clients:
            await client.expect_close(Close.SERVICE_RESTART)
        await within("the processes to end", process.ended(), PROCESS_LIMIT_SECONDS)
        assert "Traceback" not in process.printed
