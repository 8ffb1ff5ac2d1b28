"""The door to the bus by a channel layer that fails, and that carries what is not for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer

from {{cookiecutter.__package}}.rooms.backends.memory import MemoryBus
from {{cookiecutter.__package}}.rooms.protocol.events import Removed
from {{cookiecutter.__package}}.web.layer import LayerDoor, group_of, say

from .waiting import within


class FailingLayer(InMemoryChannelLayer):
    """Fails as often as a test wants before it works; notes who joins groups."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, int] = {}
        self.added: asyncio.Queue[str] = asyncio.Queue()
        self.joined = asyncio.Event()

    def _fail(self, name: str) -> None:
        if self.failures.get(name, 0):
            self.failures[name] -= 1
            raise ConnectionError(name)

    async def new_channel(self, prefix: str = "specific") -> str:
        self._fail("new_channel")
        # As a layer does that asks a server.
        await asyncio.sleep(0)
        channel: str = await super().new_channel(prefix)
        return channel

    async def receive(self, channel: str) -> dict[str, Any]:
        self._fail("receive")
        message: dict[str, Any] = await super().receive(channel)
        return message

    async def group_add(self, group: str, channel: str) -> None:
        self.added.put_nowait(group)
        self._fail("group_add")
        await super().group_add(group, channel)
        self.joined.set()


class Open:
    """A door, and what came through it."""

    def __init__(self) -> None:
        self.layer = FailingLayer()
        # No test waits for what a service does every ten seconds.
        self.door = LayerDoor(MemoryBus(), self.layer, renew_seconds=0.01, retry_seconds=0.01)
        self.door.listen(lambda room, _: self.heard.put_nowait(room), lambda: None)
        self.door.publish = self.publish
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[object] = asyncio.Queue()
        self.errors: list[Exception] = []

    async def publish(self, _: str, body: object, *__: object) -> None:
        if self.errors:
            raise self.errors.pop()
        self.said.put_nowait(body)

    async def hears(self, room: str) -> None:
        await self.door.send(room, Removed(user="ann"))
        assert await within(f"an event of {room}", self.heard.get()) == room

    async def says(self, body: str) -> None:
        await self.layer.group_send(group_of("attic"), say("attic", body))
        assert await within("what is said", self.said.get()) == body


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    one = Open()
    yield one
    await one.door.close()


@pytest.mark.parametrize("failing", ["new_channel", "group_add"])
async def test_a_layer_that_fails_does_not_harm_the_bus_and_is_tried_again(
    opened: Open, failing: str
) -> None:
    opened.layer.failures[failing] = 2
    subscribing = opened.door.subscribe("attic")
    [failure] = await asyncio.gather(subscribing, return_exceptions=True)
    assert failure is None
    await opened.hears("attic")
    await within("the next try", opened.layer.joined.wait())
    await opened.says("hello")


async def test_a_layer_that_failed_is_heard_again(opened: Open) -> None:
    opened.layer.failures["receive"] = 2
    await opened.door.subscribe("attic")
    await opened.says("hello")


async def test_groups_are_renewed_though_one_fails(opened: Open) -> None:
    await opened.door.subscribe("attic")
    opened.layer.failures["group_add"] = 1
    for _ in range(3):
        assert await within("a renewal", opened.layer.added.get()) == group_of("attic")
    await opened.says("hello")


async def test_rooms_that_begin_at_once_share_a_channel(opened: Open) -> None:
    await asyncio.gather(*(opened.door.subscribe(f"room-{number}") for number in range(5)))
    channels = {channel for group in opened.layer.groups.values() for channel in group}
    assert channels == {opened.door.channel}


async def test_a_room_that_was_left_is_left_unless_somebody_came(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.door.subscribe("attic")
    await opened.door.unsubscribe("attic")
    assert group_of("attic") not in opened.layer.groups
    assert await within("the renewals", asyncio.sleep(0.05, result=True))
    assert group_of("attic") not in opened.layer.groups
    await opened.door.subscribe("attic")
    monkeypatch.setattr(opened.door.bus, "unsubscribe", opened.door.subscribe)
    await opened.door.unsubscribe("attic")
    await opened.says("hello")


async def test_what_others_send_is_passed_over(opened: Open) -> None:
    await opened.door.subscribe("attic")
    await opened.layer.group_send(group_of("attic"), {"type": "of.another.application"})
    await opened.says("hello")


async def test_a_failure_to_say_does_not_end_it(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    opened.errors = [RuntimeError("broken")]
    await opened.door.subscribe("attic")
    await opened.layer.group_send(group_of("attic"), say("attic", "lost"))
    await opened.says("next")
    assert "RuntimeError: broken" in caplog.text
