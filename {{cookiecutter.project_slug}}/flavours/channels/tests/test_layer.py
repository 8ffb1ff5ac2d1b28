"""The channel layer: what `say` makes is published by its sender, and the rest goes on as ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar

import pytest
from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, channel_layers
from pytest_django import Settings

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.web import layer as layers
from {{cookiecutter.__package}}.web.layer import group_of, say
from {{cookiecutter.__package}}.web.manager import get_manager

from .fakes import Listener, fail, inside
from .redis_server import RedisServer
from .waiting import within

Say = Callable[..., Awaitable[None]]


@pytest.fixture
async def serving(database: None) -> AsyncIterator[ConnectionManager]:
    """The manager of this process, started, with two rooms."""
    get_manager.cache_clear()
    manager = get_manager()
    await manager.start()
    for room in ("attic", "cellar"):
        await manager.create_room(room)
    yield manager
    await manager.stop()
    get_manager.cache_clear()


@pytest.fixture
async def ann(serving: ConnectionManager) -> AsyncIterator[Listener]:
    """A client in the room `attic`."""
    async with inside(serving, Handshake()) as listener:
        yield listener


@pytest.fixture
def layer() -> BaseChannelLayer:
    return channel_layers["default"]


@pytest.fixture
def send(layer: BaseChannelLayer) -> Say:
    """Send something to a room, as other Django code does."""

    async def sending(body: str, room: str = "attic") -> None:
        await within("the layer", layer.group_send(group_of(room), say(room, body)))

    return sending


async def count(manager: ConnectionManager, room: str) -> int:
    """How many messages a room has."""
    return len((await manager.messages(room, None, 50)).entries)


async def test_what_is_said_in_turn_arrives_in_turn(ann: Listener, send: Say) -> None:
    for number in range(20):
        await send(f"{number}")
    for number in range(20):
        await ann.expect(f"{number}")


async def test_a_room_that_is_slow_holds_up_no_other(
    serving: ConnectionManager, ann: Listener, send: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, go_on, heard = serving.publish, asyncio.Event(), asyncio.Event()

    async def slow(room: str, body: str, **who: str) -> str:
        if room == "attic":
            await go_on.wait()
        position = await publish(room, body, **who)
        if room == "cellar":
            heard.set()
        return position

    monkeypatch.setattr(serving, "publish", slow)
    for body in ("one", "two"):
        await send(body)
    await send("elsewhere", "cellar")
    await within("a message in another room", heard.wait())
    assert await count(serving, "attic") == 0
    go_on.set()
    for body in ("one", "two"):
        await ann.expect(body)


async def test_what_waits_for_a_room_is_bounded(
    serving: ConnectionManager,
    ann: Listener,
    send: Say,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(layers, "_MOST_WAITING", 2)
    # The first is under way once the event loop has run.
    for body in ("one", "two", "too much", "too much"):
        await send(body)
    for body in ("one", "two"):
        await ann.expect(body)
    assert caplog.text.count("Too much waits for the room 'attic'") == 2
    await send("three")
    await ann.expect("three")


async def test_a_failure_to_say_does_not_end_it(
    serving: ConnectionManager,
    ann: Listener,
    send: Say,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        failed = fail(patched, serving, "publish", RuntimeError("broken"))
        await send("lost")
        await within("the failure", failed.wait())
    await send("next")
    await ann.expect("next")
    assert "RuntimeError: broken" in caplog.text


async def test_what_is_said_in_the_background_is_of_no_request(
    serving: ConnectionManager, ann: Listener, send: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    publish, seen = serving.publish, []

    async def note(*what: str, **who: str) -> str:
        seen.append(request.get())
        return await publish(*what, **who)

    monkeypatch.setattr(serving, "publish", note)
    request.set("one")
    await send("hello")
    await ann.expect("hello")
    assert seen == ["none"]


async def test_other_event_loops_say_it_too(ann: Listener, layer: BaseChannelLayer) -> None:
    sending = async_to_sync(layer.group_send)
    await asyncio.to_thread(sending, group_of("attic"), say("attic", "hello"))
    await ann.expect("hello")


async def test_a_process_that_does_not_serve_says_it_at_once(
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
    settings: Settings,
    send: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = ConnectionManager.publish

    said: list[str] = []

    async def slow(self: ConnectionManager, *what: str, **who: str) -> str:
        await asyncio.sleep(0.2)
        said.append(await publish(self, *what, **who))
        return said[-1]

    monkeypatch.setattr(ConnectionManager, "publish", slow)
    elsewhere = make_manager(redis_url=redis_server.url)
    settings.SERVICE = elsewhere.config
    await elsewhere.create_room("attic")
    await send("hello")
    # At once: what is said later may be said before the next line waits.
    assert len(said) == 1
    assert await count(elsewhere, "attic") == 1


async def test_other_groups_go_on_as_ever(layer: BaseChannelLayer) -> None:
    channel = await layer.new_channel()
    await layer.group_add("orders", channel)
    await layer.group_send("orders", {"type": "order.paid", "n": 7})
    received = await within("the message", layer.receive(channel))
    assert received == {"type": "order.paid", "n": 7}
    await layer.group_discard("orders", channel)
