"""What only Redis can do: lose data, and serve processes that die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from {{cookiecutter.__package}}.rooms.backends.redis.client import (
    bell_channel,
    connect,
    room_key,
)
from {{cookiecutter.__package}}.rooms.backends.redis.log import RedisLog
from {{cookiecutter.__package}}.rooms.backends.redis.presence import RedisPresence
from {{cookiecutter.__package}}.rooms.errors import LogLostError, UnavailableError
from {{cookiecutter.__package}}.rooms.protocol.events import Entry, events

from ..redis_server import RedisServer

PREFIX = "test"
# Leases: one that a test waits for, and one that no slow machine outlives.
SHORT, LONG = 0.05, 60.0


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.url)
    yield client
    await client.aclose()


async def test_members_of_a_dead_process_are_struck_off_by_another(redis: Redis) -> None:
    dying, living = RedisPresence(redis, PREFIX, SHORT), RedisPresence(redis, PREFIX, LONG)
    for user, connection in [("ann", "1"), ("bea", "2"), ("ann", "3")]:
        await dying.join("attic", user, connection)
    await living.join("attic", "bea", "4")
    await asyncio.sleep(2 * SHORT)
    roll = await living.heartbeat("attic")
    assert [event.user for event in roll.went] == ["ann"], "bea has a connection that lives"
    assert roll.version == roll.went[-1].version
    assert (await living.members("attic")) == (roll.version, ["bea"])
    assert (await living.heartbeat("attic")).went == ()


async def test_a_process_that_was_taken_for_dead_hears_of_it(redis: Redis) -> None:
    slow, living = RedisPresence(redis, PREFIX, SHORT), RedisPresence(redis, PREFIX, LONG)
    await slow.join("attic", "ann", "1")
    await asyncio.sleep(2 * SHORT)
    await living.heartbeat("attic")
    assert (await slow.heartbeat("attic")).lost
    assert await slow.join("attic", "ann", "1"), "it comes in anew"


async def test_who_was_taken_for_dead_and_came_back_is_alive(redis: Redis) -> None:
    slow = RedisPresence(redis, PREFIX, LONG)
    await slow.join("attic", "ann", "1")
    await redis.delete(*await redis.keys(f"{PREFIX}:*"))
    assert (await slow.heartbeat("attic")).lost
    await slow.join("attic", "ann", "1")
    assert not (await slow.heartbeat("attic")).lost


async def test_what_nobody_keeps_up_goes_by_itself(redis: Redis) -> None:
    presence = RedisPresence(redis, PREFIX, 0.1)
    await presence.join("attic", "ann", "1")
    log = RedisLog(redis, PREFIX, 10, rings=False)
    await log.append("attic", "hello", idempotency_key="m1")
    ends = {name: await redis.pttl(name) for name in await redis.keys()}
    assert min(ends.values()) > 0, f"some never go: {ends}"


async def test_a_log_that_lost_its_newest_messages_says_so_and_begins_anew(redis: Redis) -> None:
    log = RedisLog(redis, PREFIX, 10, rings=False)
    for text in ("one", "two", "three"):
        known, _ = await log.append("attic", text)
    head = room_key(PREFIX, "attic", "head")
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
    log = RedisLog(redis, PREFIX, 10, rings=False)
    known, _ = await log.append("attic", "one", idempotency_key="m1")
    await redis.delete(room_key(PREFIX, "attic", "head"))
    again, _ = await log.append("attic", "two")
    assert again.epoch > known.epoch
    assert [entry.text for entry in (await log.read("attic", known, 10)).entries] == []


async def test_a_redis_that_is_away_is_unavailable(redis: Redis, redis_server: RedisServer) -> None:
    log, presence = RedisLog(redis, PREFIX, 10, rings=False), RedisPresence(redis, PREFIX)
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
    await redis.set(room_key(PREFIX, "attic", "head"), "no hash")
    with pytest.raises(UnavailableError):
        await RedisLog(redis, PREFIX, 10, rings=False).append("attic", "hello")
    assert "WRONGTYPE" in caplog.text


async def test_the_client_tries_nothing_twice_by_itself(redis: Redis) -> None:
    # What could be done twice only the caller knows.
    assert redis.connection_pool.connection_kwargs["retry"].get_retries() == 0


async def test_a_log_that_rings_tells_with_each_message(redis: Redis) -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(bell_channel(PREFIX, "attic"))
        assert await pubsub.get_message(timeout=5)
        position, _ = await RedisLog(redis, PREFIX, 10, rings=True).append("attic", "hello")
        rung = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
        assert rung
        event = events.validate_json(rung["data"])
        assert event == Entry(epoch=position.epoch, offset=position.offset, text="hello")


async def test_a_redis_with_a_password_takes_only_that(
    redis: Redis, redis_server: RedisServer
) -> None:
    await redis.config_set("requirepass", "p@ss w/rd")
    try:
        for password, fits in [("p%40ss%20w%2Frd", True), ("wrong", False)]:
            url = redis_server.url.replace("//", f"//:{password}@")
            client = connect(url)
            log = RedisLog(client, PREFIX, 10, rings=False)
            with nullcontext() if fits else pytest.raises(UnavailableError):
                await log.append("attic", "hello")
            await client.aclose()
    finally:
        await redis.config_set("requirepass", "")
