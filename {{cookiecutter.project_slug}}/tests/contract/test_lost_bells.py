"""The bus may lose what it carries: the log is the truth."""

import asyncio

import pytest

from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Entry, Event

from ..fakes import intercept
from ..waiting import within
from .conftest import Pair


async def test_what_no_bell_told_of_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bell is lost for one process; the publisher's own and the check find out."""
    async with pair[0].join("ann") as ann, pair[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        for service in pair:
            intercept(monkeypatch, service.manager, lambda *_: None)
        await ann.say("hello")
        await ann.expect_message("hello", "ann")
        await pair[1].manager.check()
        await bea.expect_message("hello", "ann")
        await pair[0].manager.backend.presence.remove("lobby", "bea")
        await pair[1].manager.check()
        await bea.expect_close(Close.REMOVED)
        await pair[0].manager.check()
        await ann.expect("left", user="bea")
        await pair[1].manager.close_room("lobby")
        await pair[0].manager.check()
        await ann.expect_close(Close.ROOM_CLOSED)


async def test_a_gap_is_repaired_with_the_next_bell(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: asyncio.Queue[Event] = asyncio.Queue()
    async with pair[0].join("ann") as ann:
        with monkeypatch.context() as patched:
            intercept(patched, pair[0].manager, lambda _, event: lost.put_nowait(event))
            for number in range(3):
                await pair[1].manager.publish("lobby", number, "bea")
                while not isinstance(await within("a bell to be lost", lost.get()), Entry):
                    pass
        await pair[1].manager.publish("lobby", 3, "bea")
        for number in range(4):
            # Sooner than the next check.
            await within("the gap to be repaired", ann.expect_message(number, "bea"), 2)
