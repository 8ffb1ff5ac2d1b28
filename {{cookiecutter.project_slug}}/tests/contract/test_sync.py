"""The manager's verbs for synchronous code, in processes that serve and in those that do not."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import assert_type

import pytest
from pydantic import JsonValue

from {{cookiecutter.__package}}.rooms import (
    Client,
    Close,
    CloseConnection,
    Publication,
    Refused,
    RoomHandler,
)
from {{cookiecutter.__package}}.rooms import Service as Made
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.reserved import (
    OwnFrame,
)
from {{cookiecutter.__package}}.web import manager as managers
from {{cookiecutter.__package}}.web import sync

from ..flavour import SET_UP
from ..missing import skip_without
from ..processes import PROCESS_TIMEOUT, run_to_end, script, serving
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import within
from .service import KEY, Service

pytestmark = PROCESS_TIMEOUT

TICK = OwnFrame.model_validate({"type": "x-tick"})

# A process that does not serve, and tells when its parts start and stop.
SCRIPT = f"""
import os, signal, sys, threading, time, warnings
import tests.bare
from {{cookiecutter.__package}}.rooms import Service

warnings.simplefilter("always", ResourceWarning)
# From Python 3.12 on, it warns of each fork of a process that has threads.
warnings.simplefilter("ignore", DeprecationWarning)

def tell(what):
    print(what, flush=True)

class Part:
    async def start(self):
        tell("started")

    async def stop(self):
        tell("stopped")

parts = [Part()]
{SET_UP}
from {{cookiecutter.__package}}.web import manager as managers, sync
managers.make_service = lambda _: Service(resources=parts)
"""


async def run(folder: Path, code: str, **settings: str) -> list[str]:
    """Run code behind the script above to its end, and return the lines that it printed."""
    exit_code, printed = await run_to_end(folder, script(folder, SCRIPT + code), **settings)
    assert exit_code == 0, printed
    return printed.splitlines()


async def test_in_a_process_that_serves_a_thread_calls_the_manager_that_serves(
    service: Service,
) -> None:
    def use() -> str:
        sync.create_room("attic", capacity=2)
        sync.close_room("attic")
        position = sync.publish("lobby", "hello", "cron", id="m1")
        assert_type(position, str)
        sync.broadcast("lobby", TICK)
        assert_type(sync.members("lobby"), list[str])
        assert sync.members("lobby") == ["ann"]
        assert str(sync.messages("lobby", None, 5).position) == position
        assert sync.send_to_user("lobby", "ann", TICK)
        sync.close_user("lobby", "ann", Close.TOKEN_EXPIRED)
        sync.remove_user("lobby", "bea")
        return sync.token("lobby", "bea", ttl=60, publish=False)

    async with service.join("ann") as ann:
        token = await asyncio.to_thread(use)
        await ann.expect_message("hello", "cron")
        for _ in range(2):
            await ann.expect("x-tick")
        await ann.expect_close(Close.TOKEN_EXPIRED)
    async with service.connect(token=token) as bea:
        await bea.expect("welcome", user="bea")


async def test_the_manager_that_serves_is_the_last_that_was_started(
    start: Start, make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(make_manager()) as first:
        with monkeypatch.context() as patched:
            patched.setattr(managers, "build_manager", lambda: pytest.fail("it makes its own"))
            async with start(make_manager()) as second:
                assert sync.find_manager() is second.manager
            assert sync.find_manager() is first.manager


async def test_on_a_running_loop_a_call_names_what_to_write(service: Service) -> None:
    async def wrong() -> None:
        with pytest.raises(RuntimeError, match=r"write `await manager\.publish\(…\)`"):
            sync.publish("lobby", "hello", "cron")

    # On another loop first: on that of the manager, a call would wait for itself.
    await asyncio.to_thread(asyncio.run, wrong())
    await wrong()


async def test_a_process_that_does_not_serve_needs_redis(tmp_path: Path) -> None:
    code = """
try:
    sync.publish("lobby", "hello", "cron")
except Exception as error:
    tell(f"{type(error).__name__}: {error}")
"""
    [line] = await run(tmp_path, code)
    assert line == (
        "NoRoomsError: This process serves no rooms now; to reach others', set REDIS_URL."
    )


async def test_a_process_that_does_not_serve_has_one_manager_up_to_its_end(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    code = """
def say():
    barrier.wait()
    sync.publish("lobby", "hello", "cron")

barrier = threading.Barrier(3)
threads = [threading.Thread(target=say) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
manager = sync.find_manager()
tell(f"{sync.members('lobby')}, serving: {manager.serving}")
"""
    url = redis_server.url
    async with serving(tmp_path, REDIS_URL=url) as (_, service), service.join("ann") as ann:
        printed = await run(tmp_path, code, REDIS_URL=url)
        assert printed == ["started", "['ann'], serving: False", "stopped"]
        for _ in range(3):
            await ann.expect_message("hello", "cron")


async def test_a_fork_makes_a_manager_of_its_own_and_leaves_its_parents_alone(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    if not hasattr(os, "fork"):
        skip_without("fork", "Windows starts processes anew")
    code = """
sync.publish("lobby", "parent", "cron")
if child := os.fork():
    tell(f"ended: {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")
    begun = time.monotonic()
    sync.publish("lobby", "parent again", "cron")
    tell(f"at once: {time.monotonic() - begun < 1}")
else:
    # What hangs is ended by that.
    signal.alarm(8)
    sync.publish("lobby", "child", "cron")
"""
    url = redis_server.url
    async with serving(tmp_path, REDIS_URL=url) as (_, service), service.join("ann") as ann:
        printed = await run(tmp_path, code, REDIS_URL=url)
        assert printed == [
            *("started", "started", "stopped"),
            *("ended: 0", "at once: True", "stopped"),
        ]
        for body in ("parent", "child", "parent again"):
            await ann.expect_message(body, "cron")


async def test_a_start_that_fails_is_raised_and_the_next_call_tries_again(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    code = """
class Fails(Part):
    def __init__(self):
        self.failed = False

    async def start(self):
        if not self.failed:
            self.failed = True
            raise OSError("not yet")

parts.append(Fails())
for _ in range(2):
    try:
        sync.create_room("attic")
    except OSError as error:
        tell(error)
tell(sync.members("attic"))
sync.end_own_manager()
sync.close_room("attic")
"""
    async with serving(tmp_path, REDIS_URL=redis_server.url):
        printed = await run(tmp_path, code, REDIS_URL=redis_server.url)
    assert printed == [
        *("started", "stopped", "not yet"),
        *("started", "[]", "stopped", "stopped"),
        *("started", "stopped", "stopped"),
    ]


async def test_a_call_that_waits_does_not_hold_up_the_end_of_a_process(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    code = """
import asyncio

async def hang(*_):
    entered.set()
    await asyncio.sleep(3600)

entered = threading.Event()
manager = sync.find_manager()
manager.publish = hang
threading.Thread(target=sync.publish, args=("lobby", "hello", "cron"), daemon=True).start()
entered.wait()
"""
    assert await run(tmp_path, code, REDIS_URL=redis_server.url) == ["started", "stopped"]


class Rules(RoomHandler):
    """Has a rule for what is said, and notes what it saw."""

    def __init__(self) -> None:
        self.seen: list[JsonValue] = []

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        self.seen.append(message.body)
        match message.body:
            case "refuse":
                raise Refused("Not this word", reason="word")
            case "close":
                raise CloseConnection(Close.NOT_ALLOWED)
            case "fail":
                raise ZeroDivisionError
        return replace(message, body="changed")


Say = Callable[[Service, str], Awaitable[object]]


async def by_http(service: Service, body: str) -> None:
    answer = await service.call("POST", "/rooms/lobby/messages", headers=KEY, json={"body": body})
    match answer.status_code:
        case 403:
            raise Refused(answer.json()["detail"])
        case 500:
            raise ZeroDivisionError
    assert answer.status_code == 202


async def by_manager(service: Service, body: str) -> None:
    await service.manager.publish("lobby", body, "service")


async def by_thread(_: Service, body: str) -> None:
    await asyncio.to_thread(sync.publish, "lobby", body, "service")


@pytest.mark.parametrize("say", [by_http, by_manager, by_thread])
async def test_a_rule_sees_once_what_a_trusted_caller_says_in_any_way(
    say: Say,
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = [Rules() for _ in range(3)]
    async with AsyncExitStack() as stack:
        services = []
        for rule in rules:
            manager = make_manager(service=Made(handlers=[rule]), redis_url=redis_server.url)
            services.append(await stack.enter_async_context(start(manager)))
        clients = [await stack.enter_async_context(one.join("ann")) for one in services]
        for body, error in [
            ("refuse", Refused),
            ("close", Refused),
            ("fail", ZeroDivisionError),
        ]:
            with pytest.raises(error):
                await say(services[1], body)
        await say(services[1], "hello")
        for client in clients:
            await client.expect_message("changed", "service")
    assert [body for rule in rules for body in rule.seen] == ["refuse", "close", "fail", "hello"]
    # By HTTP the failure is in the log.
    caplog.clear()


class Watcher:
    """Says something from a thread as soon as it is started, before the service serves."""

    async def start(self) -> None:
        saying = asyncio.to_thread(sync.publish, "lobby", "hello", "watcher")
        self.said = asyncio.create_task(saying)
        await asyncio.sleep(0.1)
        self.waited = not self.said.done()

    async def stop(self) -> None:
        await self.said


async def test_a_thread_that_a_resource_starts_waits_until_the_service_has_started(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    watcher = Watcher()
    async with start(make_manager(service=Made(resources=[watcher]))) as service:
        await within("the message", asyncio.wait([watcher.said]))
        assert watcher.waited
        assert watcher.said.exception() is None
        assert len((await service.manager.messages("lobby", None, 5)).entries) == 1


_WHERE = ContextVar("_WHERE", default="nowhere")


class Asking(RoomHandler):
    """Notes in which context it is called."""

    def __init__(self) -> None:
        self.where: list[str] = []

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        self.where.append(_WHERE.get())
        return message


async def test_hooks_do_not_run_in_the_context_of_who_calls(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    handler = Asking()
    async with start(make_manager(service=Made(handlers=[handler]))):
        _WHERE.set("in a view")
        await asyncio.to_thread(sync.publish, "lobby", "hello", "ann")
    assert handler.where == ["nowhere"]
