"""What a log promises, on every backend."""

import asyncio

import pytest

from {{cookiecutter.__package}}.rooms.backends.interfaces import Log
from {{cookiecutter.__package}}.rooms.backends.memory import FEWEST_REMEMBERED
from {{cookiecutter.__package}}.rooms.errors import LogLostError
from {{cookiecutter.__package}}.rooms.protocol.positions import Position

from .conftest import HISTORY, Part


async def say(log: Log, *texts: object, room: str = "attic") -> Position:
    for text in texts:
        position, duplicate = await log.append(room, str(text))
        assert not duplicate
    return position


async def texts_after(log: Log, position: Position, limit: int = 100) -> list[str]:
    page = await log.read("attic", position, limit)
    return [entry.text for entry in page.entries]


async def test_a_log_begins_empty_and_stays_as_it_is(log: Log) -> None:
    first = await log.read("attic", None, 0)
    assert first.entries == []
    assert await log.read("attic", None, 0) == first
    assert (await log.read("attic", first.newest, 10)).follows(first.newest)


async def test_positions_count_up(log: Log) -> None:
    start = (await log.read("attic", None, 0)).newest
    positions = [start] + [await say(log, number) for number in range(3)]
    assert positions == [Position(start.epoch, start.offset + number) for number in range(4)]
    assert (await log.read("attic", None, 0)).newest == positions[-1]


async def test_what_follows_a_position_is_read_in_order(log: Log) -> None:
    first = await say(log, "one")
    newest = await say(log, "two", "ü €", '{"a": "\\"b\\""}')
    page = await log.read("attic", first, 100)
    assert page.newest == newest
    assert [entry.text for entry in page.entries] == ["two", "ü €", '{"a": "\\"b\\""}']
    assert [entry.position.offset for entry in page.entries] == [2, 3, 4]
    assert page.follows(first)


async def test_a_page_is_as_long_as_was_asked_for(log: Log) -> None:
    first = await say(log, "one")
    await say(log, "two", "three", "four")
    assert await texts_after(log, first, limit=2) == ["two", "three"]
    assert await texts_after(log, first, limit=0) == []


async def test_a_page_has_no_more_bytes_than_was_asked_for(log: Log) -> None:
    start = (await log.read("attic", None, 0)).newest
    await say(log, "a" * 30, "é" * 15, "c" * 31, "d", "e" * 100)

    async def lengths(after: int, max_bytes: int) -> list[int]:
        page = await log.read("attic", Position(start.epoch, after), 100, max_bytes)
        assert page.newest.offset == 5
        return [len(entry.text.encode()) for entry in page.entries]

    assert await lengths(0, 60) == [30, 30]
    assert await lengths(0, 59) == [30]
    assert await lengths(2, 32) == [31, 1]
    assert await lengths(0, 1_000) == [30, 30, 31, 1, 100]


async def test_a_message_larger_than_a_page_is_a_page_of_its_own(log: Log) -> None:
    first = await say(log, "one")
    await say(log, "x" * 100, "three")
    page = await log.read("attic", first, 100, 10)
    assert [entry.text for entry in page.entries] == ["x" * 100]


async def test_without_a_position_nothing_is_read(log: Log) -> None:
    newest = await say(log, "one", "two")
    assert await log.read("attic", None, 100) == (newest, [])


async def test_a_page_after_a_position_of_another_epoch_does_not_follow(log: Log) -> None:
    newest = await say(log, "one", "two")
    for epoch in (newest.epoch - 1, newest.epoch + 1, 0):
        other = Position(epoch, newest.offset)
        assert not (await log.read("attic", other, 100)).follows(other)


async def test_a_page_after_a_position_that_is_to_come_does_not_follow(log: Log) -> None:
    newest = await say(log, "one")
    later = Position(newest.epoch, newest.offset + 1)
    assert not (await log.read("attic", later, 100)).follows(later)


async def test_a_log_keeps_its_newest_messages_and_says_what_it_has_not(log: Log) -> None:
    first = await say(log, 0)
    await say(log, *range(1, HISTORY + 1))
    kept = await log.read("attic", first, 100)
    assert [entry.text for entry in kept.entries] == [str(n) for n in range(1, HISTORY + 1)]
    assert kept.follows(first)
    await say(log, "one more")
    assert not (await log.read("attic", first, 100)).follows(first)
    assert not (await log.read("attic", first, 1)).follows(first)


async def test_a_log_without_history_keeps_nothing(parts: Part) -> None:
    log = parts.log(0)
    first = await say(log, "one")
    assert (await log.read("attic", first, 100)).follows(first)
    newest = await say(log, "two")
    page = await log.read("attic", first, 100)
    assert (page.newest, page.entries) == (newest, [])
    assert not page.follows(first)


async def test_what_is_said_once_is_said_once_a_room(log: Log) -> None:
    first = await log.append("attic", "hello", idempotency_key="ann m1")
    assert not first.duplicate
    assert await log.append("attic", "other words", idempotency_key="ann m1") == (
        first.position,
        True,
    )
    assert not (await log.append("attic", "hello", idempotency_key="ann m2")).duplicate
    assert not (await log.append("cellar", "hello", idempotency_key="ann m1")).duplicate
    assert not (await log.append("attic", "hello")).duplicate
    assert (await log.read("attic", None, 0)).newest.offset == 3


async def test_of_many_at_once_one_is_said(log: Log) -> None:
    said = await asyncio.gather(
        *(log.append("attic", "hello", idempotency_key="x") for _ in range(20))
    )
    assert [one.duplicate for one in said].count(False) == 1
    assert len({one.position for one in said}) == 1


async def test_what_was_said_is_forgotten_some_day(log: Log) -> None:
    await log.append("attic", "first", idempotency_key="first")
    await log.append("attic", "second", idempotency_key="second")
    for number in range(FEWEST_REMEMBERED - 1):
        await log.append("attic", "", idempotency_key=str(number))
    assert (await log.append("attic", "second", idempotency_key="second")).duplicate
    assert not (await log.append("attic", "first", idempotency_key="first")).duplicate


async def test_a_log_made_anew_has_later_positions(log: Log) -> None:
    positions = []
    for _ in range(50):
        positions.append(await say(log, "hello"))
        await log.append("attic", "hello", idempotency_key="m1")
        await log.delete("attic")
    assert positions == sorted(set(positions))
    assert [str(one) for one in positions] == sorted(str(one) for one in positions)
    assert not (await log.append("attic", "hello", idempotency_key="m1")).duplicate


async def test_nothing_is_said_to_another_log_than_the_one_that_is_known(log: Log) -> None:
    known = await say(log, "one", "two")
    assert (await log.append("attic", "three", expected_position=known)).position.offset == 3
    await log.delete("attic")
    with pytest.raises(LogLostError):
        await log.append("attic", "four", expected_position=known)
    assert (await log.read("attic", None, 0)).newest.offset == 0


async def test_a_log_is_not_begun_anew_while_it_has_what_is_known(log: Log) -> None:
    known = await say(log, "one", "two")
    await log.reset_epoch("attic", known)
    assert (await log.read("attic", known, 10)).follows(known)
    await log.reset_epoch("attic", Position(known.epoch - 1, known.offset + 5))
    assert (await log.read("attic", known, 10)).follows(known)
