"""What goes around each call of a handler: its queries have a thread of their own."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.contrib.auth.models import User
from django.db import connection, connections

from {{cookiecutter.__package}}.rooms import Client, Publication, RoomHandler, Service
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.web import sync
from {{cookiecutter.__package}}.web.run_context import RunContext

from .serving import Start
from .waiting import within


async def test_two_handlers_that_ask_at_once_have_a_thread_each() -> None:
    both = threading.Barrier(2)

    def ask() -> int:
        # One thread for both would wait for itself.
        both.wait(timeout=5)
        return threading.get_ident()

    async def handle() -> int:
        async with RunContext():
            return await sync_to_async(ask)()

    one, other = await within("both", asyncio.gather(handle(), handle()))
    assert one != other


async def test_queries_of_one_handler_share_a_thread() -> None:
    async with RunContext():
        asked = [await sync_to_async(threading.get_ident)() for _ in range(2)]
    assert asked[0] == asked[1] != threading.get_ident()


class Counting(RoomHandler):
    """Asks the database before it lets a message pass."""

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        assert await User.objects.acount() == 0
        return message


@pytest.mark.usefixtures("database")
async def test_a_view_that_publishes_does_not_hold_up_what_the_rule_asks(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(service=Service(handlers=[Counting()]))) as service,
        ThreadSensitiveContext(),
    ):
        view = sync_to_async(sync.publish)
        position = await within("the message", view("lobby", "hello", "ann"))
        (entry,) = (await service.manager.messages("lobby", None, 5)).entries
        assert str(entry.position) == position


def break_connection() -> None:
    connection.connection.close()


@pytest.mark.usefixtures("database")
async def test_a_connection_that_broke_is_not_used_again() -> None:
    for _ in range(2):
        async with RunContext():
            assert await User.objects.acount() == 0
            # Every later query by it would fail.
            await sync_to_async(break_connection)()


@pytest.mark.usefixtures("database")
async def test_connections_are_closed_behind_a_handler() -> None:
    async with RunContext():
        await User.objects.acount()
        used = await sync_to_async(lambda: connections["default"])()
        assert used.connection is not None
    assert used.connection is None


async def test_nothing_is_opened_or_closed_where_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[int] = []
    monkeypatch.setattr(connections, "close_all", lambda: closed.append(1))
    before = threading.active_count()
    async with RunContext():
        assert not len(SyncToAsync.context_to_thread_executor)
        assert threading.active_count() == before
    assert not closed


async def test_a_cancellation_while_connections_are_closed_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing, may_close = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def close() -> None:
        loop.call_soon_threadsafe(closing.set)
        may_close.wait(5)

    async def handle() -> None:
        async with RunContext():
            await sync_to_async(threading.get_ident)()

    monkeypatch.setattr(connections, "close_all", close)
    handling = asyncio.create_task(handle())
    await within("the end of the handler", closing.wait())
    handling.cancel()
    may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await handling
    assert not len(SyncToAsync.context_to_thread_executor)


async def test_a_hook_behind_a_request_does_not_ask_in_its_thread(
    make_manager: Callable[..., ConnectionManager],
) -> None:
    threads: asyncio.Queue[int] = asyncio.Queue()

    class Counting(RoomHandler):
        async def published(self, message: Publication) -> None:
            await User.objects.acount()
            threads.put_nowait(await sync_to_async(threading.get_ident)())

    manager = make_manager(service=Service(handlers=[Counting()]))
    await manager.create_room("attic")
    # As Django has it around a request.
    async with ThreadSensitiveContext():
        own = await sync_to_async(threading.get_ident)()
        await manager.publish("attic", "hello", "ann")
        assert await within("the hook", threads.get()) != own
    await manager.stop()
    assert not len(SyncToAsync.context_to_thread_executor)
