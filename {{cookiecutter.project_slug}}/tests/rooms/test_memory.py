"""The embedded engine."""

import asyncio

import pytest

from {{cookiecutter.__package}}.rooms.closes import Close, ClosedError
from {{cookiecutter.__package}}.rooms.engine import Room, Utterance
from {{cookiecutter.__package}}.rooms.errors import NameTakenError
from {{cookiecutter.__package}}.rooms.memory import (
    MemoryLog,
    MemoryPresence,
    MemoryRoomStore,
)


class Hasher:
    """Marks a password, which is enough to tell that it went through here."""

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, password: str, hashed: str) -> bool:
        return hashed == self.hash(password)


async def test_a_room_is_found_until_it_is_deleted() -> None:
    store = MemoryRoomStore(Hasher())
    room = Room("attic", capacity=3, presence=False)
    await store.create(room, None)
    assert await store.get("attic") == room
    with pytest.raises(NameTakenError, match="attic"):
        await store.create(Room("attic"), None)
    assert await store.delete("attic")
    assert not await store.delete("attic")
    assert await store.get("attic") is None


async def test_a_password_is_checked_and_not_kept() -> None:
    store = MemoryRoomStore(Hasher())
    await store.create(Room("cellar", locked=True), "sesame")
    await store.create(Room("attic"), None)
    assert await store.check_password("cellar", "sesame")
    assert not await store.check_password("cellar", "hash of sesame")
    assert not await store.check_password("attic", "")
    assert not await store.check_password("nowhere", "sesame")


async def test_of_two_rooms_of_one_name_at_once_one_is_made() -> None:
    store = MemoryRoomStore(Hasher())
    made = await asyncio.gather(
        *(store.create(Room("attic", locked=True), "sesame") for _ in range(5)),
        return_exceptions=True,
    )
    assert [type(one) for one in made].count(NameTakenError) == 4


async def test_a_room_made_anew_has_later_positions() -> None:
    log = MemoryLog(history=10)
    positions = []
    for _ in range(100):
        positions.append(await log.append("attic", said("ann")))
        await log.delete("attic")
    assert positions == sorted(set(positions), key=str)


def said(user: str, message_id: str | None = None) -> Utterance:
    return Utterance(user, "hello", "2030-01-01T00:00:00.000Z", message_id)


async def test_positions_grow_as_text() -> None:
    log = MemoryLog(history=10)
    positions = [await log.newest("attic")]
    for _ in range(1_200):
        position = await log.append("attic", said("ann"))
        assert position
        positions.append(position)
    assert positions == sorted(set(positions))
    assert await log.newest("attic") == positions[-1]


async def test_an_id_counts_once_a_user_and_room() -> None:
    log = MemoryLog(history=10)
    assert await log.append("attic", said("ann", "m1"))
    assert await log.append("attic", said("ann", "m1")) is None
    assert await log.append("attic", said("bea", "m1"))
    assert await log.append("cellar", said("ann", "m1"))
    await log.delete("attic")
    assert await log.append("attic", said("ann", "m1"))


async def test_no_more_ids_are_kept_than_the_history_is_long() -> None:
    log = MemoryLog(history=2)
    for message_id in ("m1", "m2", "m3"):
        await log.append("attic", said("ann", message_id))
    assert await log.append("attic", said("ann", "m2")) is None
    assert await log.append("attic", said("ann", "m1"))


async def test_members_are_users() -> None:
    presence = MemoryPresence()
    assert await presence.join("attic", "bea", "1", 2)
    assert not await presence.join("attic", "bea", "2", 2)
    assert await presence.join("attic", "ann", "3", 2)
    with pytest.raises(ClosedError) as refused:
        await presence.join("attic", "cas", "4", 2)
    assert refused.value.close is Close.ROOM_FULL
    assert await presence.members("attic") == ["ann", "bea"]
    assert not await presence.leave("attic", "bea", "1")
    assert not await presence.leave("attic", "bea", "1"), "a connection leaves once"
    assert await presence.leave("attic", "bea", "2")
    assert await presence.leave("attic", "ann", "3")
    assert await presence.members("attic") == []
    assert not await presence.leave("attic", "ann", "3")
