"""What is done for a client or a room, one thing after the other, and the tasks beside it."""

import asyncio
import gc
import inspect
import json
import logging
import weakref
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, Literal

import pytest

from {{cookiecutter.__package}}.rooms import (
    Client,
    Close,
    FromClient,
    Handshake,
    JoinRequest,
    Publication,
    Refused,
    RoomHandler,
    Service,
    ToClient,
    on,
)
from {{cookiecutter.__package}}.rooms.connections import lane as lanes
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.lane import Lane
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.tasks import Spawner

from ..clock import ManualClock
from ..fakes import Listener, slow_down
from ..waiting import until, until_told, within

_WHERE = ContextVar("_WHERE", default="outside")
Job = Callable[[], Awaitable[None]]
Make = Callable[..., ConnectionManager]


class Jobs:
    """Jobs of a lane, and what they did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_go_on = asyncio.Event()

    def job(self, name: str) -> Job:
        """Make one that ends at once."""
        return partial(self._do, name)

    def slow(self, name: str) -> Job:
        """Make one that waits."""
        return partial(self._wait, name)

    async def _do(self, name: str) -> None:
        self.done.append(name)

    async def _wait(self, name: str) -> None:
        self.done.append(f"{name} begun")
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.done.append(f"{name} cancelled")
            raise
        self.done.append(name)


async def begun(lane: Lane, jobs: Jobs) -> None:
    """Have a slow job begin."""
    lane.put(jobs.slow("slow"))
    await until_told()


async def test_jobs_run_in_order_one_at_a_time() -> None:
    lane, jobs = Lane(10_000), Jobs()
    assert lane.idle
    await begun(lane, jobs)
    for name in ("one", "two"):
        lane.put(jobs.job(name))
    await until_told()
    assert jobs.done == ["slow begun"]
    assert not lane.idle
    jobs.may_go_on.set()
    await within("the lane", lane.finished())
    assert jobs.done == ["slow begun", "slow", "one", "two"]
    assert lane.idle


async def test_a_closed_lane_takes_nothing_more_and_ends_with_what_comes_last() -> None:
    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.put(jobs.job("one"))
    lane.close(jobs.job("last"))
    lane.close(jobs.job("too late"))
    lane.put(jobs.job("too late"))
    jobs.may_go_on.set()
    await within("the lane", lane.finished())
    assert jobs.done == ["slow begun", "slow", "one", "last"]


async def test_what_has_not_begun_is_dropped_but_for_what_comes_last() -> None:
    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.put(jobs.job("one"))
    lane.close(jobs.job("last"))
    lane.drop()
    assert lane.bytes == 0
    jobs.may_go_on.set()
    await within("the lane", lane.finished())
    assert jobs.done == ["slow begun", "slow", "last"]


async def test_reading_waits_until_no_more_waits_than_may() -> None:
    lane, jobs = Lane(3_000), Jobs()
    await begun(lane, jobs)
    # A short one counts as 1 KiB.
    for size in (1, 1):
        lane.put(jobs.job("short"), size)
        await within("a lane that has room", lane.ready())
    lane.put(jobs.job("long"), 2_000)
    assert lane.bytes == 4_048
    ready = asyncio.create_task(lane.ready())
    await until_told()
    assert not ready.done()
    jobs.may_go_on.set()
    await within("a lane that has room again", ready)
    await within("the lane", lane.finished())
    assert lane.bytes == 0


async def test_reading_goes_on_where_what_waits_is_dropped() -> None:
    lane, jobs = Lane(1_000), Jobs()
    await begun(lane, jobs)
    lane.put(jobs.job("long"), 2_000)
    ready = asyncio.create_task(lane.ready())
    await until_told()
    lane.drop()
    await within("a lane that has room", ready)
    jobs.may_go_on.set()
    await within("the lane", lane.finished())


async def test_a_cancellation_ends_what_runs_and_what_waits_but_not_what_comes_last() -> None:
    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.put(jobs.job("one"))
    lane.close(jobs.job("last"))
    await within("the cancellation", lane.cancel())
    assert jobs.done == ["slow begun", "slow cancelled", "last"]
    assert lane.idle


async def test_a_cancellation_without_anything_last_ends_the_lane() -> None:
    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.put(jobs.job("one"))
    await within("the cancellation", lane.cancel())
    assert jobs.done == ["slow begun", "slow cancelled"]
    # It may be used again.
    lane.put(jobs.job("two"))
    await within("the lane", lane.finished())
    assert jobs.done[2:] == ["two"]


async def test_a_lane_that_is_cancelled_before_it_began_does_what_comes_last() -> None:
    lane, jobs = Lane(10_000), Jobs()
    lane.put(jobs.job("one"))
    lane.close(jobs.job("last"))
    await within("the cancellation", lane.cancel())
    assert jobs.done == ["last"]
    assert lane.idle


async def test_a_lane_that_is_cancelled_before_it_began_may_have_nothing_to_do() -> None:
    lane, jobs = Lane(10_000), Jobs()
    lane.put(jobs.job("one"))
    await within("the cancellation", lane.cancel())
    assert not jobs.done
    assert lane.idle


async def test_what_comes_last_and_waits_is_cancelled_after_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "_LAST_SECONDS", 0.1)
    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.close(jobs.slow("last"))
    await within("the cancellation", lane.cancel())
    assert jobs.done == ["slow begun", "slow cancelled", "last begun", "last cancelled"]


async def test_what_comes_last_may_use_a_limit_of_time() -> None:
    async def last() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        jobs.done.append(
            f"cancelled {task.cancelling() if (task := asyncio.current_task()) else 1}"
        )

    lane, jobs = Lane(10_000), Jobs()
    await begun(lane, jobs)
    lane.close(last)
    await within("the cancellation", lane.cancel())
    assert jobs.done[2:] == ["cancelled 0"]


async def test_jobs_run_in_the_context_of_their_lane_whoever_puts_them() -> None:
    async def job() -> None:
        seen.append(_WHERE.get())

    seen: list[str] = []
    lane = Lane(10_000)
    token = _WHERE.set("a request")
    lane.put(job)
    _WHERE.reset(token)
    await within("the lane", lane.finished())
    assert seen == ["outside"]


# Tasks.


@pytest.fixture
def spawner() -> Spawner:
    return Spawner(copy_context(), nullcontext)


async def test_a_task_that_fails_is_logged(
    spawner: Spawner, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        raise RuntimeError("a mistake")

    await within("the task", spawner.spawn(work()))
    assert ".work failed" in caplog.text
    assert "RuntimeError: a mistake" in caplog.text


@pytest.mark.parametrize("begins", [True, False])
async def test_a_task_that_never_ends_is_cancelled_and_closed(
    spawner: Spawner, *, begins: bool
) -> None:
    work = asyncio.Event().wait()
    task = spawner.spawn(work)  # type: ignore[arg-type]
    if begins:
        await until_told()
    await within("the end", spawner.end())
    assert task.cancelled()
    await until_told()
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_a_task_that_is_held_back_does_not_begin(spawner: Spawner) -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    spawner.hold()
    task = spawner.spawn(work())
    await until_told()
    assert not ran.is_set()
    spawner.release()
    await within("the task", task)
    assert ran.is_set()


async def test_what_a_task_spawns_while_it_ends_ends_too(spawner: Spawner) -> None:
    spawned: list[asyncio.Task[None]] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            spawned.append(spawner.spawn(sleep()))

    async def sleep() -> None:
        await asyncio.Event().wait()

    spawner.spawn(work())
    await until_told()
    await within("the end", spawner.end())
    assert [task.cancelled() for task in spawned] == [True]


# Handlers.


class Ask(FromClient):
    type: Literal["ask"] = "ask"
    what: str = ""


class Told(ToClient):
    type: Literal["told"] = "told"
    what: str


class Thing:
    """A state that can be looked for."""


class Slow(RoomHandler[Thing]):
    """Waits where a test asks it to."""

    def __init__(self, *waits: str) -> None:
        self._waits = waits
        self.entered = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.heard: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.state: weakref.ref[Thing] | None = None

    async def authorize(self, request: JoinRequest) -> Thing:
        thing = Thing()
        self.state = weakref.ref(thing)
        await self._wait("authorize")
        return thing

    async def before_publish(
        self, message: Publication, client: Client[Thing] | None
    ) -> Publication:
        await self._wait("before_publish")
        return message

    async def connected(self, client: Client[Thing], *, first: bool) -> None:
        self.heard.append("connected")

    async def disconnected(self, client: Client[Thing], *, last: bool) -> None:
        self.heard.append("disconnected")
        self.tasks.append(client.spawn(self._sleep()))
        await self._wait("disconnected")

    async def opened(self, room: str) -> None:
        self.heard.append("opened")
        await self._wait("opened")
        self.tasks.append(self.spawn(self._sleep(), room=room))
        self.tasks.append(self.spawn(self._sleep()))

    async def emptied(self, room: str) -> None:
        self.heard.append(f"emptied, task done: {self.tasks[0].done()}")
        await self._wait("emptied")

    @on(Ask)
    async def ask(self, client: Client[Thing], frame: Ask) -> None:
        match frame.what:
            case "wait":
                self.entered.set()
                await self.may_go_on.wait()
            case "spawn":
                self.tasks.append(client.spawn(self._sleep()))
            case "publish":
                said = await client.publish("by a handler")
                self.heard.append(f"said: {said is not None}")
            case "await":
                task = asyncio.create_task(self._sleep())
                await until_told()
                task.cancel()
                await task
            case what:
                self.heard.append(what)

    async def _wait(self, hook: str) -> None:
        if hook in self._waits:
            self.entered.set()
            await self.may_go_on.wait()

    async def _sleep(self) -> None:
        await asyncio.Event().wait()


class Attic:
    """A client in the room `attic`, without a socket."""

    def __init__(self, manager: ConnectionManager) -> None:
        self.manager = manager
        self.listener = Listener()

    def open(self, handshake: Handshake | None = None, room: str = "attic") -> Connection:
        """Begin to enter."""
        return self.manager.open(room, self.listener.transport, handshake or Handshake())

    async def enter(self, handshake: Handshake | None = None) -> Connection:
        """Enter."""
        connection = self.open(handshake)
        await within("the way in", connection.lane.finished())
        return connection

    async def send(self, connection: Connection, **frame: object) -> None:
        """Send a frame as this client."""
        await within("the reading", self.manager.receive(connection, json.dumps(frame)))

    def types(self) -> list[str]:
        """Name what the client was sent."""
        return [json.loads(text)["type"] for text in self.listener.frames]


async def open_attic(
    make_manager: Make, *handlers: RoomHandler[Any, Any], **settings: object
) -> Attic:
    """Serve handlers in the room `attic`."""
    manager = make_manager(service=Service(handlers=handlers), **settings)
    await manager.create_room("attic")
    return Attic(manager)


async def test_tasks_end_with_the_connection_with_the_room_and_at_the_stop(
    make_manager: Make,
) -> None:
    handler = Slow()
    attic = await open_attic(make_manager, handler)
    connection = await attic.enter()
    await attic.send(connection, type="ask", what="spawn")
    await connection.lane.finished()
    room, service, client = handler.tasks
    await until_told()
    assert not any(task.done() for task in handler.tasks)
    await within("the end", attic.manager.disconnect(connection))
    await until_told()
    late = handler.tasks[3]
    assert client.cancelled(), "the client's task"
    assert late.cancelled(), "a task of a client that has gone"
    assert room.cancelled(), "the room's task"
    assert handler.heard == ["opened", "connected", "disconnected", "emptied, task done: True"]
    assert not service.done()
    await attic.manager.stop()
    assert service.cancelled(), "the service's task"


async def test_what_is_forgotten_leaves_nothing(make_manager: Make) -> None:
    handler = Slow("authorize")
    attic = await open_attic(make_manager, handler)
    connection = attic.open()
    await within("`authorize`", handler.entered.wait())
    # It ends while it is asked for, so that nobody is to be told of its end.
    attic.manager.end(connection, Close.ROOM_CLOSED)
    handler.may_go_on.set()
    await within("the way in", connection.lane.finished())
    await attic.manager.disconnect(connection)
    assert not handler.heard
    assert handler.state
    gc.collect()
    assert handler.state() is None


async def test_a_client_that_leaves_while_it_is_asked_for_is_told_of_in_pairs(
    make_manager: Make,
) -> None:
    handler = Slow("authorize")
    attic = await open_attic(make_manager, handler)
    connection = attic.open()
    await within("`authorize`", handler.entered.wait())
    leaving = asyncio.create_task(attic.manager.disconnect(connection))
    await until_told()
    handler.may_go_on.set()
    await within("the end", leaving)
    assert handler.heard[:3] in (["opened", "connected", "disconnected"], [])
    assert (await attic.manager.backend.presence.members("attic")).members == []


async def test_the_others_are_told_that_a_client_left_before_its_hook_runs(
    make_manager: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Slow()
    attic = await open_attic(make_manager, handler)
    connection = await attic.enter()
    entered, go_on = slow_down(monkeypatch, attic.manager.backend.presence, "leave")
    leaving = asyncio.create_task(attic.manager.disconnect(connection))
    await within("the departure", entered.wait())
    await until_told()
    assert "disconnected" not in handler.heard
    go_on.set()
    await within("the end", leaving)
    assert "disconnected" in handler.heard


async def test_a_stop_ends_a_client_that_is_still_asked_for(make_manager: Make) -> None:
    handler = Slow("authorize")
    attic = await open_attic(make_manager, handler, drain_seconds=0)
    connection = attic.open()
    await within("`authorize`", handler.entered.wait())
    await within("the drain", attic.manager.drain())
    assert connection.lane.idle
    await attic.listener.expect_close(Close.SERVICE_RESTART)
    await attic.manager.disconnect(connection)
    assert not handler.heard


async def test_a_stop_does_not_wait_for_a_room_that_opens(
    make_manager: Make, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Slow("opened")
    attic = await open_attic(make_manager, handler, drain_seconds=0)
    connection = attic.open()
    await within("`opened`", handler.entered.wait())
    await within("the drain", attic.manager.drain())
    await attic.manager.disconnect(connection)
    await within("the stop", attic.manager.stop())
    assert handler.heard == ["opened"]
    assert "A connection failed" not in caplog.text


async def test_a_room_that_was_opened_too_late_is_emptied_all_the_same(
    make_manager: Make,
) -> None:
    handler = Slow("opened")
    attic = await open_attic(make_manager, handler, drain_seconds=0)
    connection = attic.open()
    await within("`opened`", handler.entered.wait())
    await within("the drain", attic.manager.drain())
    handler.may_go_on.set()
    await attic.manager.disconnect(connection)
    await until_told()
    # Nobody was there for the task to end with.
    assert handler.heard == ["opened", "emptied, task done: False"]


async def test_a_stop_cancels_disconnected_after_a_moment(
    make_manager: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "_LAST_SECONDS", 0.1)
    handler = Slow("disconnected")
    attic = await open_attic(make_manager, handler, drain_seconds=0)
    connection = await attic.enter()
    await attic.send(connection, type="ask", what="wait")
    await within("the handler", handler.entered.wait())
    await within("the drain", attic.manager.drain())
    await attic.manager.disconnect(connection)
    await until_told()
    # What follows is done all the same.
    assert handler.heard[2:] == ["disconnected", "emptied, task done: True"]


async def test_a_stop_cancels_the_hooks_of_a_room(
    make_manager: Make, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Slow("emptied")
    attic = await open_attic(make_manager, handler, drain_seconds=0)
    connection = await attic.enter()
    await attic.manager.disconnect(connection)
    await within("`emptied`", handler.entered.wait())
    await within("the stop", attic.manager.stop())
    assert "Not every room's hooks ended in time" in caplog.text


async def test_a_handler_that_awaits_a_cancelled_task_ends_the_connection(
    make_manager: Make, caplog: pytest.LogCaptureFixture
) -> None:
    attic = await open_attic(make_manager, Slow())
    connection = await attic.enter()
    await attic.send(connection, type="ask", what="await")
    await attic.listener.expect_close(Close.INTERNAL_ERROR)
    assert "It awaited a task that was cancelled" in caplog.text
    await attic.manager.disconnect(connection)


@pytest.mark.parametrize("by", ["client", "handler"])
async def test_what_waits_for_a_rule_is_not_said_for_a_client_that_was_removed(
    by: str, make_manager: Make
) -> None:
    handler = Slow("before_publish")
    attic = await open_attic(make_manager, handler)
    connection = await attic.enter()
    if by == "client":
        await attic.send(connection, type="message", body="hello")
    else:
        await attic.send(connection, type="ask", what="publish")
    await within("`before_publish`", handler.entered.wait())
    await attic.manager.remove_user("attic", connection.user)
    await attic.listener.expect_close(Close.REMOVED)
    handler.may_go_on.set()
    await within("the end", attic.manager.disconnect(connection))
    assert (await attic.manager.messages("attic", None, 10)).entries == []
    if by == "handler":
        assert handler.heard[2:4] == ["said: False", "disconnected"]


class Bot(RoomHandler):
    """Answers every message, its own too."""

    async def published(self, message: Publication) -> None:
        await self.manager.publish(message.room, "an answer", user="bot")


async def test_a_bot_that_answers_itself_comes_to_an_end(
    make_manager: Make, caplog: pytest.LogCaptureFixture
) -> None:
    attic = await open_attic(make_manager, Bot())
    for said in (1, 2):
        await attic.manager.publish("attic", "hello", user="ann")
        await attic.manager.publish("attic", "hello", user="ann")

        async def answered(count: int = 22 * said) -> bool:
            return len((await attic.manager.messages("attic", None, 100)).entries) == count

        await until("the answers", answered)
    assert caplog.text.count("Bot.published has answered itself 10 times: it is told no more") == 4


async def test_a_room_that_no_handler_takes_has_the_one_of_the_service(make_manager: Make) -> None:
    class Team(RoomHandler):
        rooms = "team-*"

        async def authorize(self, request: JoinRequest) -> None:
            raise Refused("You are not of the team")

    attic = await open_attic(make_manager, Team())
    connection = attic.open()
    await attic.send(connection, type="message", body="hello")
    await attic.listener.expect("hello")
    await attic.manager.disconnect(connection)


def test_only_one_handler_is_for_all_other_rooms(make_manager: Make) -> None:
    class One(RoomHandler):
        pass

    with pytest.raises(TypeError, match="One, RoomHandler: only one handler"):
        make_manager(service=Service(handlers=[One(), RoomHandler()]))


@pytest.mark.parametrize(("a_second", "allowed"), [(5, True), (40, False)])
async def test_the_rate_gives_credit_for_what_was_not_read(
    a_second: int, make_manager: Make, clock: ManualClock, *, allowed: bool
) -> None:
    handler = Slow()
    attic = await open_attic(make_manager, handler, messages_per_second=10, outbox_bytes=1_000)
    connection = await attic.enter()
    await attic.send(connection, type="ask", what="wait")
    await within("the handler", handler.entered.wait())
    # More waits than may: reading is paused.
    frame = json.dumps({"type": "ask", "what": "behind"})
    reading = asyncio.create_task(attic.manager.receive(connection, frame))
    await until_told()
    assert not reading.done()
    clock.advance(10)
    handler.may_go_on.set()
    await within("the reading", reading)
    for _ in range(10 * a_second):
        await attic.send(connection, type="ask", what="behind")
    await within("the lane", connection.lane.finished())
    assert connection.ending is not allowed
    if allowed:
        assert handler.heard.count("behind") == 1 + 10 * a_second
    else:
        await attic.listener.expect_close(Close.TOO_MANY_MESSAGES)
    await attic.manager.disconnect(connection)


@pytest.mark.parametrize("token", ["good", "bad", "none"])
async def test_a_refresh_behind_a_slow_frame_is_in_time(
    token: str, make_manager: Make, clock: ManualClock
) -> None:
    handler = Slow()
    attic = await open_attic(make_manager, handler)
    tokens = attic.manager.tokens
    connection = await attic.enter(Handshake(token=tokens.issue("ann", "attic", 60)))
    await attic.send(connection, type="ask", what="wait")
    await within("the handler", handler.entered.wait())
    if token != "none":
        text = tokens.issue("ann", "attic", 600) if token == "good" else "bad"
        await attic.send(connection, type="refresh", token=text)
    clock.advance(100)
    handler.may_go_on.set()
    await within("the lane", connection.lane.finished())
    clock.advance(1)
    assert connection.ending is (token != "good")
    if token != "good":
        await attic.listener.expect_close(Close.TOKEN_EXPIRED)
    else:
        clock.advance(600)
        await attic.listener.expect_close(Close.TOKEN_EXPIRED)
    await attic.manager.disconnect(connection)


async def test_a_frame_for_a_client_that_has_gone_is_dropped(
    make_manager: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    handler = Slow()
    attic = await open_attic(make_manager, handler)
    connection = await attic.enter()
    await within("the end", attic.manager.disconnect(connection))
    await attic.send(connection, type="ask", what="too late")
    assert "too late" not in handler.heard
    assert not caplog.text
