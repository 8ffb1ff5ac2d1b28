"""The bus on a channel layer that fails, and that carries what is not for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms.protocol.events import Removed
from {{cookiecutter.__package}}.web.layer import LayerBus, MemoryLayer, group_of, say

from .waiting import within


class FailingLayer(MemoryLayer):
    """Fails as often as a test wants before it works; notes who joins groups."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, int] = {}
        self.added: asyncio.Queue[str] = asyncio.Queue()

    def _fail(self, name: str) -> None:
        if self.failures.get(name, 0):
            self.failures[name] -= 1
            raise ConnectionError(name)

    async def receive(self, channel: str) -> dict[str, Any]:
        self._fail("receive")
        message: dict[str, Any] = await super().receive(channel)
        return message

    async def group_add(self, group: str, channel: str) -> None:
        self.added.put_nowait(group)
        self._fail("group_add")
        await super().group_add(group, channel)


class Hearing:
    """A bus, and what it told of."""

    def __init__(self) -> None:
        self.layer = FailingLayer()
        # No test waits for what a service does once an hour or after a second.
        self.bus = LayerBus(self.layer, renew_seconds=0.01, retry_seconds=0.01)
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.missed = asyncio.Event()
        self.bus.listen(lambda room, _: self.heard.put_nowait(room), self.missed.set)

    async def hears(self, room: str) -> None:
        await self.bus.send(room, Removed(user="ann"))
        assert await within(f"an event of {room}", self.heard.get()) == room


@pytest.fixture
async def hearing() -> AsyncIterator[Hearing]:
    one = Hearing()
    yield one
    await one.bus.close()


async def test_a_member_that_takes_nothing_keeps_nothing_from_the_others() -> None:
    layer = MemoryLayer(capacity=1)
    full, other = [await layer.new_channel() for _ in range(2)]
    for channel in (full, other):
        await layer.group_add("attic", channel)
    for number in range(2):
        await layer.group_send("attic", {"type": "number", "number": number})
        assert (await within("the message", layer.receive(other)))["number"] == number
    assert (await within("the first", layer.receive(full)))["number"] == 0


@pytest.mark.parametrize("looks_again", [True, False])
async def test_what_nobody_takes_is_forgotten(*, looks_again: bool) -> None:
    layer = MemoryLayer(expiry=-1, look_seconds=0 if looks_again else 60)
    channel = await layer.new_channel()
    for kept in (False, not looks_again):
        await layer.send(channel, {"type": "old"})
        await layer.group_send("attic", {"type": "new"})
        assert (channel in layer.channels) == kept


async def test_a_group_that_can_be_none_is_refused() -> None:
    with pytest.raises(TypeError, match="Group name"):
        await MemoryLayer().group_send("no group!", {"type": "lost"})


async def test_a_layer_that_failed_is_heard_again(hearing: Hearing) -> None:
    hearing.layer.failures["receive"] = 2
    await hearing.bus.subscribe("attic")
    await within("word of the interruption", hearing.missed.wait())
    await hearing.hears("attic")


async def test_subscriptions_are_renewed_though_one_fails(hearing: Hearing) -> None:
    await hearing.bus.subscribe("attic")
    hearing.layer.failures["group_add"] = 1
    for _ in range(2):
        while await within("a renewal", hearing.layer.added.get()) != group_of("attic"):
            pass
    await hearing.hears("attic")


async def test_what_others_send_is_not_for_the_bus(hearing: Hearing) -> None:
    await hearing.bus.subscribe("attic")
    await hearing.layer.group_send(group_of("attic"), {"type": "of.another.application"})
    await hearing.hears("attic")


async def test_a_failure_to_say_does_not_end_it(
    hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    said: asyncio.Queue[object] = asyncio.Queue()
    failures = [RuntimeError("broken")]

    async def publish(_: str, body: object, *__: object) -> None:
        if failures:
            raise failures.pop()
        said.put_nowait(body)

    hearing.bus.publish = publish
    await hearing.bus.subscribe("attic")
    for body in ("lost", "next"):
        await hearing.layer.group_send(group_of("attic"), say("attic", body))
    assert await within("what is said next", said.get()) == "next"
    assert "RuntimeError: broken" in caplog.text
