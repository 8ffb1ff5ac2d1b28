"""Nobody misses a message, or hears one twice, whatever breaks while they talk.

The truth is the log that the service keeps in Redis: what each client heard is compared with it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from .chaos import AWAY, BROKEN, ROOMS, Client, Crowd
from .fleet import Fleet, Process, until
from .project import ONCE, Project
from .redis_server import RedisProxy, RedisServer
from .truth import Stage, settle

KILLS = 20
CUTS = 15

# What becomes of Redis and of processes is the engine's concern, which is the same in all flavours.
# This one has more to lose with Redis: the layer of Channels has connections of its own.
WITH_LAYER = pytest.mark.parametrize("flavour", ["channels"])

Scenario = Callable[[Fleet, Crowd], Awaitable[None]]


@pytest.fixture
def stage(project: Project, redis: RedisServer) -> Stage:
    """What a test plays on."""
    return Stage(project, redis)


async def talk_through(scenario: Scenario, stage: Stage, codes: set[int], url: str = "") -> Crowd:
    """Let a crowd talk while a scenario goes on, and hold what each heard against the log.

    `codes` are those that connections may be closed with; `url` is the way to Redis.
    """
    fleet = stage.fleet(url)
    crowd = Crowd.of_many(fleet.addresses)
    async with fleet.running(), crowd.talking():
        await crowd.hear_more()
        await scenario(fleet, crowd)
        await settle(crowd, stage, codes)
    return crowd


@ONCE
@pytest.mark.slow(40)
def test_nobody_misses_a_message_while_processes_are_killed(stage: Stage) -> None:
    async def scenario(fleet: Fleet, crowd: Crowd) -> None:
        for number in range(KILLS):
            process = fleet.processes[number % len(fleet.processes)]
            await process.kill()
            await process.start()
            # By turns while clients are still on their way, and when all are there.
            await (crowd.come_in() if number % 2 else crowd.hear_more())

    async def play() -> None:
        await stage.server.start()
        crowd = await talk_through(scenario, stage, {BROKEN})
        assert crowd.closes[BROKEN] >= KILLS

    asyncio.run(play())


@WITH_LAYER
@pytest.mark.slow(15)
def test_nobody_misses_a_message_while_redis_hangs(stage: Stage) -> None:
    async def scenario(_: Fleet, crowd: Crowd) -> None:
        stage.server.pause()
        crowd.scatter()
        await crowd.be_put_off()
        stage.server.resume()

    async def play() -> None:
        await stage.server.start()
        await talk_through(scenario, stage, AWAY)

    asyncio.run(play())


@WITH_LAYER
@pytest.mark.slow(15)
def test_nobody_misses_a_message_while_redis_is_killed(stage: Stage) -> None:
    async def scenario(_: Fleet, crowd: Crowd) -> None:
        for _again in range(3):
            stage.server.kill()
            crowd.scatter()
            await crowd.be_put_off()
            await stage.server.start()
            await crowd.hear_more()

    async def play() -> None:
        await stage.server.start()
        await talk_through(scenario, stage, AWAY)

    asyncio.run(play())


@WITH_LAYER
@pytest.mark.slow(15)
def test_nobody_misses_a_message_while_connections_to_redis_are_cut(stage: Stage) -> None:
    proxy = RedisProxy(stage.server.port)

    async def scenario(_: Fleet, crowd: Crowd) -> None:
        for number in range(CUTS):
            proxy.cut()
            await crowd.hear_more()
            proxy.swallow(1 + number % 4)
            await until(lambda: not proxy.to_swallow, lambda: "something to be asked of Redis")
            await crowd.hear_more()
            if number % 5 == 0:
                crowd.scatter()

    async def play() -> None:
        await stage.server.start()
        async with proxy.passing_on():
            await talk_through(scenario, stage, AWAY, proxy.url)

    asyncio.run(play())


@ONCE
@pytest.mark.slow(20)
def test_members_of_a_killed_process_leave(stage: Stage) -> None:
    def silent(name: str, process: Process) -> Client:
        return Client(name, ROOMS[0], process.addresses, silent=True)

    async def play() -> None:
        await stage.server.start()
        fleet = stage.fleet()
        one, other, third = fleet.processes
        stay = Crowd([silent("ann", one), silent("bea", one)])
        # Bea is in both.
        go, new = Crowd([silent("bea", other), silent("cid", other)]), silent("dan", third)
        async with fleet.running(), stay.talking(), go.talking():
            await stay.see({"ann", "bea", "cid"})
            await other.kill()
            # Within 30 seconds.
            await stay.see({"ann", "bea"})
            async with Crowd([new]).talking():
                assert new.members == {"ann", "bea", "dan"}

    asyncio.run(play())
