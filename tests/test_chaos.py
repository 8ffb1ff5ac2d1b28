"""Nobody misses a message, or hears one twice, whatever breaks while they talk.

The truth is the log that the service keeps in Redis: what each client heard is compared with it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from .chaos import BROKEN, ROOMS, Client, Crowd, Frame
from .fleet import Fleet, Process, until
from .project import Project
from .redis_server import RedisProxy, RedisServer, find_program

KILLS = 20
CUTS = 15
LAG_SECONDS = 3
# A client may be told these while Redis is away: see the service's table of closes.
INTERNAL_ERROR, SERVICE_RESTART = 1011, 1012
AWAY = {INTERNAL_ERROR, SERVICE_RESTART}

Log = list[Frame]
Scenario = Callable[[Fleet, Crowd], Awaitable[None]]


@dataclass(frozen=True)
class Stage:
    """A copy of the project, the interpreter that runs it, and a Redis that is not yet started."""

    copy: Project
    python: Path
    server: RedisServer

    def fleet(self, url: str = "") -> Fleet:
        """Processes on this Redis."""
        return Fleet(self.copy, self.python, url or self.server.url, ROOMS)

    def log(self, room: str) -> Log:
        """Read from Redis what was said in a room, as clients should have heard it."""
        with Redis.from_url(self.server.url, decode_responses=True) as redis:
            entries: Any = redis.xrange(f"{self.copy.package.name}:{{{room}}}:messages")
        return [
            {"type": "message", "position": position(name), **json.loads(fields["text"])}
            for name, fields in entries
        ]


@pytest.fixture
def stage(project: Project, tmp_path: Path) -> Iterator[Stage]:
    """What a test plays on."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(find_program(), folder)
    yield Stage(project.copy(tmp_path), project.python, server)
    server.kill()


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


async def settle(crowd: Crowd, stage: Stage, codes: set[int]) -> None:
    """Let a crowd that talks end its talk, and hold what each heard against the log."""
    await crowd.hear_more()
    try:
        await crowd.fall_silent()
        await crowd.hear_up_to({room: stage.log(room)[-1]["position"] for room in ROOMS})
    finally:
        # It names what was waited for in vain.
        hold_against({room: stage.log(room) for room in ROOMS}, crowd, codes)
    await crowd.see_each_other()


def hold_against(logs: Mapping[str, Log], crowd: Crowd, codes: set[int]) -> None:
    """Fail if anybody heard anything but what the logs have, or these have not what was said."""
    found = [problem for client in crowd.clients for problem in problems(client, logs, codes)]
    found += [problem for room, log in logs.items() for problem in unsaid(room, log, crowd)]
    assert not found, "\n".join([f"{len(found)} problems:", *found[:10]])


def position(entry: str) -> str:
    """Write the name of a stream's entry as a position."""
    epoch, offset = map(int, entry.split("-"))
    return f"{epoch:013x}-{offset:012d}"


def problems(client: Client, logs: Mapping[str, Log], codes: set[int]) -> Iterator[str]:
    """Say what one client should not have seen, and where it and the log part."""
    who = f"{client.name} in {client.room}"
    yield from (f"{who} {fault}" for fault in client.faults)
    if unexpected := client.closes.keys() - codes:
        yield f"{who} was closed with {sorted(unexpected)}"
    due = [frame for frame in logs[client.room] if frame["position"] > client.first]
    if difference := first_difference([json.loads(one.text) for one in client.heard], due):
        yield f"{who} {difference}"


def first_difference(heard: Sequence[Frame], due: Sequence[Frame]) -> str | None:
    """Word the first difference between what was heard and what should have been."""
    for number, (got, wanted) in enumerate(zip_longest(heard, due)):
        if got == wanted:
            continue
        if wanted is None:
            how = "twice" if got in heard[:number] else "though the log has not got it"
            return f"heard message {number}, {got}, {how}"
        how = "out of order: then came" if wanted in heard else "never: there came"
        return f"heard message {number}, {wanted}, {how} {got}"
    return None


def unsaid(room: str, log: Log, crowd: Crowd) -> Iterator[str]:
    """Say what the log has not got once of what was said in a room, or has of nobody."""
    said = [one for client in crowd.clients if client.room == room for one in client.said]
    found = Counter(frame["id"] for frame in log)
    yield from (
        f"{one} is {found[one]} times in the log of {room}" for one in said if found[one] != 1
    )
    yield from (
        f"{one} in the log of {room} was said by nobody" for one in found.keys() - set(said)
    )


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
        # What a process that was killed told nobody of is not left to the next check of all.
        assert crowd.longest_lag < LAG_SECONDS

    asyncio.run(play())


def test_nobody_misses_a_message_while_redis_hangs(stage: Stage) -> None:
    async def scenario(_: Fleet, crowd: Crowd) -> None:
        stage.server.pause()
        crowd.scatter()
        await asyncio.sleep(5)
        stage.server.resume()

    async def play() -> None:
        await stage.server.start()
        crowd = await talk_through(scenario, stage, AWAY)
        assert crowd.unavailable

    asyncio.run(play())


def test_nobody_misses_a_message_while_redis_is_killed(stage: Stage) -> None:
    async def scenario(_: Fleet, crowd: Crowd) -> None:
        for _again in range(3):
            stage.server.kill()
            crowd.scatter()
            await asyncio.sleep(1)
            await stage.server.start()
            await crowd.hear_more()

    async def play() -> None:
        await stage.server.start()
        crowd = await talk_through(scenario, stage, AWAY)
        assert crowd.unavailable

    asyncio.run(play())


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
