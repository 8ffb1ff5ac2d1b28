"""What only Redis can do: lose data, and serve processes that die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from {{cookiecutter.__package}}.rooms.backends.redis.backend import redis_backend
from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.backends.redis.log import RedisLog
from {{cookiecutter.__package}}.rooms.backends.redis.presence import RedisPresence
from {{cookiecutter.__package}}.rooms.errors import LogLostError, UnavailableError

from ..redis_server import RedisServer
from ..waiting import until, within

KEYSPACE = Keyspace("test")
# Leases: one that a test waits for, and one that no slow machine outlives.
SHORT, LONG = 0.05, 60.0


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.url)
    yield client
    await client.aclose()


async def test_members_of_a_dead_process_are_struck_off_by_another(redis: Redis) -> None:
    dying, living = RedisPresence(redis, KEYSPACE, SHORT), RedisPresence(redis, KEYSPACE, LONG)
    for user, connection in [("ann", "1"), ("bea", "2"), ("ann", "3")]:
        await dying.join("attic", user, connection)
    await living.join("attic", "bea", "4")
    await asyncio.sleep(2 * SHORT)
    found = await living.heartbeat("attic")
    assert [event.user for event in found.went] == ["ann"], "bea has a connection that lives"
    assert found.version == found.went[-1].version
    assert (await living.members("attic")) == (found.version, ["bea"])
    assert (await living.heartbeat("attic")).went == ()


async def test_a_process_that_was_taken_for_dead_hears_of_it(redis: Redis) -> None:
    slow, living = RedisPresence(redis, KEYSPACE, SHORT), RedisPresence(redis, KEYSPACE, LONG)
    await slow.join("attic", "ann", "1")
    await asyncio.sleep(2 * SHORT)
    await living.heartbeat("attic")
    assert (await slow.heartbeat("attic")).lost
    assert await slow.join("attic", "ann", "1"), "it comes in anew"


async def test_who_was_taken_for_dead_and_came_back_is_alive(redis: Redis) -> None:
    slow = RedisPresence(redis, KEYSPACE, LONG)
    await slow.join("attic", "ann", "1")
    await redis.delete(*await redis.keys(f"{KEYSPACE.prefix}:*"))
    assert (await slow.heartbeat("attic")).lost
    await slow.join("attic", "ann", "1")
    assert not (await slow.heartbeat("attic")).lost


async def test_what_nobody_keeps_up_goes_by_itself(redis: Redis) -> None:
    presence = RedisPresence(redis, KEYSPACE, 0.1)
    await presence.join("attic", "ann", "1")
    log = RedisLog(redis, KEYSPACE, 10)
    await log.append("attic", "hello", idempotency_key="m1")
    ends = {name: await redis.pttl(name) for name in await redis.keys()}
    assert min(ends.values()) > 0, f"some never go: {ends}"


async def test_a_log_that_lost_its_newest_messages_says_so_and_begins_anew(redis: Redis) -> None:
    log = RedisLog(redis, KEYSPACE, 10)
    for text in ("one", "two", "three"):
        known, _ = await log.append("attic", text)
    head = KEYSPACE.key("attic", "head")
    await redis.hset(head, "offset", 1)
    with pytest.raises(LogLostError):
        await log.append("attic", "four", expected_position=known)
    await log.reset_epoch("attic", known)
    page = await log.read("attic", known, 10)
    assert not page.follows(known)
    assert page.newest > known
    assert page.newest.epoch > known.epoch
    assert (await log.append("attic", "four")).position == (page.newest.epoch, known.offset + 1)


async def test_a_log_of_which_a_part_was_evicted_begins_anew(redis: Redis) -> None:
    log = RedisLog(redis, KEYSPACE, 10)
    known, _ = await log.append("attic", "one", idempotency_key="m1")
    await redis.delete(KEYSPACE.key("attic", "head"))
    again, _ = await log.append("attic", "two")
    assert again.epoch > known.epoch
    assert [entry.text for entry in (await log.read("attic", known, 10)).entries] == []


async def test_a_redis_that_is_away_is_unavailable(redis: Redis, redis_server: RedisServer) -> None:
    log, presence = RedisLog(redis, KEYSPACE, 10), RedisPresence(redis, KEYSPACE)
    await log.append("attic", "hello")
    redis_server.kill()
    with pytest.raises(UnavailableError):
        await log.append("attic", "hello")
    with pytest.raises(UnavailableError):
        await presence.members("attic")
    redis_server.start()
    assert (await log.append("attic", "hello")).position.offset == 2


async def test_a_restarted_redis_answers_although_every_idle_connection_died(
    redis: Redis, redis_server: RedisServer
) -> None:
    await asyncio.gather(*(redis.ping() for _ in range(4)))
    redis_server.kill()
    with pytest.raises(RedisError):
        await redis.ping()
    redis_server.start()
    answers = await asyncio.gather(*(redis.ping() for _ in range(4)), return_exceptions=True)
    assert answers == [True] * 4


async def test_a_redis_that_refuses_is_unavailable_and_says_why(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.set(KEYSPACE.key("attic", "head"), "no hash")
    with pytest.raises(UnavailableError):
        await RedisLog(redis, KEYSPACE, 10).append("attic", "hello")
    assert "WRONGTYPE" in caplog.text


async def test_the_client_tries_nothing_twice_by_itself(redis: Redis) -> None:
    # What could be done twice only the caller knows.
    assert redis.connection_pool.connection_kwargs["retry"].get_retries() == 0


async def test_entries_with_unknown_fields_are_read(redis: Redis) -> None:
    log = RedisLog(redis, KEYSPACE, 10)
    first, _ = await log.append("attic", "one")
    position = f"{first.epoch}-{first.offset + 1}"
    fields: dict[Any, Any] = {"another": "release", "text": "two", "further": "x"}
    await redis.xadd(KEYSPACE.key("attic", "messages"), fields, position)
    await redis.hset(KEYSPACE.key("attic", "head"), mapping={"offset": 2, "another": "release"})
    assert [entry.text for entry in (await log.read("attic", first, 10)).entries] == ["two"]
    assert (await log.append("attic", "three")).position.offset == 3


async def test_connections_with_unknown_fields_are_read(redis: Redis) -> None:
    dying, living = RedisPresence(redis, KEYSPACE, SHORT), RedisPresence(redis, KEYSPACE, LONG)
    for number, user in enumerate(["ann lee", "bea", "cas"]):
        await dying.join("attic", user, f"{number}")
    await living.join("attic", "dee", "3")
    key = KEYSPACE.key("attic", "connections")
    connections: dict[Any, Any] = await redis.hgetall(key)
    for connection, held in connections.items():
        await redis.hset(key, connection, f"{held}\nof another release")
    assert await living.leave("attic", "0")
    assert await living.remove("attic", "bea")
    await asyncio.sleep(2 * SHORT)
    assert [event.user for event in (await living.heartbeat("attic")).went] == ["cas"]
    assert (await living.members("attic")).members == ["dee"]


async def test_all_keys_of_a_room_have_one_hash_tag(redis: Redis) -> None:
    presence = RedisPresence(redis, KEYSPACE)
    await RedisLog(redis, KEYSPACE, 10).append("attic", "hello", idempotency_key="m1")
    for user in ("ann", "bea"):
        await presence.join("attic", user, f"of {user}")
    await presence.remove("attic", "bea")
    keys = await redis.keys()
    assert len(keys) == 8
    assert {str(key).rpartition(":")[0] for key in keys} == {"test:1:{attic}"}


async def test_a_redis_with_a_password_takes_only_that(
    redis: Redis, redis_server: RedisServer
) -> None:
    await redis.config_set("requirepass", "p@ss w/rd")
    try:
        for password, fits in [("p%40ss%20w%2Frd", True), ("wrong", False)]:
            url = redis_server.url.replace("//", f"//:{password}@")
            client = connect(url)
            log = RedisLog(client, KEYSPACE, 10)
            with nullcontext() if fits else pytest.raises(UnavailableError):
                await log.append("attic", "hello")
            await client.aclose()
    finally:
        await redis.config_set("requirepass", "")


async def test_what_the_end_interrupts_leaves_no_connection(
    redis: Redis, redis_server: RedisServer
) -> None:
    backend = redis_backend(redis_server.url, "test", 10)
    await backend.ping()
    others = await clients(redis) - 1

    async def waits() -> bool:
        return any("b" in one["flags"] for one in await redis.client_list())

    await redis.client_pause(60_000, all=False)
    interrupted = asyncio.create_task(backend.ping())
    await until("it to wait", waits)
    await backend.close()
    await redis.client_unpause()
    await within("it to end", interrupted)
    await backend.ping()

    async def are_gone() -> bool:
        return await clients(redis) == others

    await until("its connections to end", are_gone)


async def clients(redis: Redis) -> int:
    return len(await redis.client_list())
