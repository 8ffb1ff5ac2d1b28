"""Where rooms are kept."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from {{cookiecutter.__package}}.rooms.backends.interfaces import Room, RoomStore
from {{cookiecutter.__package}}.rooms.backends.redis.client import Keyspace, connect
from {{cookiecutter.__package}}.rooms.errors import NameTakenError
from {{cookiecutter.__package}}.web.manager import build_manager
from {{cookiecutter.__package}}.web.store import MemoryRoomStore, RedisRoomStore

from .configs import make_config
from .redis_server import RedisServer


class Hasher:
    """Marks a password, which is enough to tell that it went through here."""

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, password: str, hashed: str) -> bool:
        return hashed == self.hash(password)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RoomStore]:
    if request.param == "memory":
        yield MemoryRoomStore(Hasher())
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    redis = connect(server.url)
    yield RedisRoomStore(redis, Keyspace("test"), Hasher())
    await redis.aclose()


async def test_a_room_is_found_until_it_is_deleted(store: RoomStore) -> None:
    room = Room("attic", capacity=3, presence=False)
    await store.create(room, None)
    assert await store.get("attic") == room
    with pytest.raises(NameTakenError, match="attic"):
        await store.create(Room("attic"), None)
    assert await store.delete("attic")
    assert not await store.delete("attic")
    assert await store.get("attic") is None


async def test_a_record_with_unknown_fields_is_read(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url)
    store, key = RedisRoomStore(redis, Keyspace("test"), Hasher()), Keyspace("test").key
    record = {"name": "attic", "locked": True, "hash": "hash of sesame", "topic": ["of", "later"]}
    await redis.set(key("attic", "room"), json.dumps(record))
    (found,) = await asyncio.gather(store.get("attic"), return_exceptions=True)
    assert found == Room("attic", locked=True)
    assert await store.check_password("attic", "sesame")
    await redis.aclose()


async def test_a_password_is_checked_and_not_kept(store: RoomStore) -> None:
    await store.create(Room("cellar", locked=True), "sesame")
    await store.create(Room("attic"), None)
    assert await store.check_password("cellar", "sesame")
    assert not await store.check_password("cellar", "hash of sesame")
    assert not await store.check_password("attic", "")
    assert not await store.check_password("nowhere", "sesame")


async def test_of_two_rooms_of_one_name_at_once_one_is_made(store: RoomStore) -> None:
    made = await asyncio.gather(
        *(store.create(Room("attic", locked=True), "sesame") for _ in range(5)),
        return_exceptions=True,
    )
    assert [type(one) for one in made].count(NameTakenError) == 4


async def test_a_service_hashes_passwords_with_argon2(redis_server: RedisServer) -> None:
    manager = build_manager(make_config(redis_url=redis_server.url))
    await manager.create_room("cellar", password="sesame")
    await manager.stop()
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        (key,) = redis.keys("*:{cellar}:room")
        assert '"hash": "$argon2id$' in str(redis.get(key))
