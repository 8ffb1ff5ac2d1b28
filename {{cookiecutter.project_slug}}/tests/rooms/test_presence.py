"""What a presence promises, on every backend."""

import asyncio
import time

import pytest

from {{cookiecutter.__package}}.rooms.backends.interfaces import Presence
from {{cookiecutter.__package}}.rooms.protocol.closes import Close, CloseConnection

from .conftest import Part


async def members(presence: Presence) -> list[str]:
    return sorted((await presence.members("attic")).members)


async def test_members_are_users(presence: Presence) -> None:
    came = await presence.join("attic", "bea", "1")
    assert came
    assert came.user == "bea"
    assert await presence.join("attic", "bea", "2") is None
    assert await presence.join("attic", "a name with spaces", "3")
    assert await members(presence) == ["a name with spaces", "bea"]
    for user, is_there in (("bea", True), ("a name with spaces", True), ("ann", False)):
        assert await presence.has("attic", user) is is_there
    assert not await presence.has("cellar", "bea")
    assert await presence.leave("attic", "1") is None
    assert await presence.leave("attic", "1") is None, "a connection leaves once"
    went = await presence.leave("attic", "2")
    assert went
    assert went.user == "bea"
    assert await presence.leave("attic", "3")
    assert await members(presence) == []
    assert await presence.leave("attic", "3") is None


async def test_a_connection_that_joins_twice_counts_once(presence: Presence) -> None:
    await presence.join("attic", "ann", "1")
    assert await presence.join("attic", "ann", "1") is None
    assert await presence.leave("attic", "1")
    assert await members(presence) == []


async def test_every_change_has_the_next_version(presence: Presence) -> None:
    first = await presence.join("attic", "ann", "1")
    second = await presence.join("attic", "bea", "2")
    third = await presence.leave("attic", "1")
    fourth = await presence.remove("attic", "bea")
    assert first
    assert second
    assert third
    assert fourth
    versions = [first.version, second.version, third.version, fourth.version]
    assert versions == list(range(first.version, first.version + 4))
    again = await presence.join("attic", "ann", "3")
    assert again
    assert again.version > fourth.version
    assert await presence.members("attic") == (again.version, ["ann"])


async def test_a_room_takes_so_many_users_and_their_further_connections(
    presence: Presence,
) -> None:
    await presence.join("attic", "ann", "1", 2)
    await presence.join("attic", "bea", "2", 2)
    with pytest.raises(CloseConnection) as refused:
        await presence.join("attic", "cas", "3", 2)
    assert refused.value.close is Close.ROOM_FULL
    await presence.join("attic", "bea", "4", 2)
    await presence.join("cellar", "cas", "5", 2)
    assert await members(presence) == ["ann", "bea"]


async def test_of_many_at_once_no_more_come_in_than_fit(presence: Presence) -> None:
    joins = (presence.join("attic", f"user {n}", f"{n}", 5) for n in range(20))
    results = await asyncio.gather(*joins, return_exceptions=True)
    assert [isinstance(one, CloseConnection) for one in results].count(True) == 15
    assert len(await members(presence)) == 5


async def test_a_user_is_removed_with_all_connections(presence: Presence) -> None:
    for connection in ("1", "2"):
        await presence.join("attic", "ann", connection)
    await presence.join("attic", "ann's namesake", "3")
    assert await presence.remove("attic", "ann")
    assert await presence.remove("attic", "ann") is None
    assert await members(presence) == ["ann's namesake"]
    assert await presence.leave("attic", "1") is None


async def test_a_process_that_lives_keeps_its_members(parts: Part) -> None:
    lease = 2.0
    one, other = parts.presence(lease), parts.presence(lease)
    await one.join("attic", "ann", "1")
    end = time.monotonic() + 1.2 * lease
    while time.monotonic() < end:
        assert not (await one.heartbeat("attic")).lost
        assert (await other.heartbeat("attic")).went == ()
        await asyncio.sleep(0.1)
    assert await members(other) == ["ann"]


async def test_who_was_removed_is_found_until_the_connection_is_gone(presence: Presence) -> None:
    await presence.join("attic", "ann", "1")
    await presence.join("attic", "bea", "2")
    await presence.remove("attic", "ann")
    assert (await presence.heartbeat("attic")).removed == ("1",)
    assert (await presence.heartbeat("hall")).removed == ()
    await presence.leave("attic", "1")
    assert (await presence.heartbeat("attic")).removed == ()
