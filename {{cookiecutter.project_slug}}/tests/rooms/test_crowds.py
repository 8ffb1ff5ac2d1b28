"""Crowds that come or leave at once: everything else runs between any few of them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import pairwise
from typing import Any

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.tasks import Turns
from {{cookiecutter.__package}}.server.middleware import (
    Event,
    Receive,
    Scope,
    Send,
    SocketGuard,
)

from ..configs import make_config
from ..fakes import Socket
from ..waiting import within

CROWD = 100
# Of all in the crowd, so many may begin in one round of the event loop.
AT_ONCE = 8


async def most_in_a_round(
    crowd: Iterable[Coroutine[Any, Any, object]], count: Callable[[], int]
) -> int:
    """Run a crowd; by how much `count` grew in one round of the event loop, at most."""
    tasks = [asyncio.create_task(one) for one in crowd]
    counts = [count()]

    async def grow() -> None:
        while counts[-1] - counts[0] < CROWD:
            await asyncio.sleep(0)
            counts.append(count())

    await within("the crowd", grow())
    await asyncio.gather(*tasks)
    return max(after - before for before, after in pairwise(counts))


async def test_a_crowd_that_leaves_lets_others_run_in_between(
    manager: ConnectionManager,
) -> None:
    await manager.create_room("attic")
    socket = Socket()
    witness = await manager.connect("attic", socket.transport)
    comings = [manager.connect("attic", socket.transport) for _ in range(CROWD)]
    crowd = await asyncio.gather(*comings)
    # What the members are told of.
    members = manager._streams._streams["attic"].members.names  # noqa: SLF001 (between two rounds)
    left = await most_in_a_round(map(manager.disconnect, crowd), lambda: -len(members))
    assert 0 < left <= AT_ONCE
    await manager.disconnect(witness)


async def test_a_crowd_that_connects_lets_others_run_in_between() -> None:
    begun = 0

    async def app(_: Scope, __: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await send({"type": "websocket.close", "code": 1000})

    async def receive() -> Event:
        return {"type": "websocket.connect"}

    async def ignore(_: Event) -> None:
        pass

    guard = SocketGuard(app, make_config())
    scope = {"type": "websocket", "path": "/ws/attic", "headers": []}
    crowd = [guard(scope, receive, ignore) for _ in range(CROWD)]
    assert 0 < await most_in_a_round(crowd, lambda: begun) <= AT_ONCE


def test_turns_are_there_again_in_another_event_loop() -> None:
    turns = Turns(rounds=64, at_once=1)
    for _ in range(2):
        asyncio.run(within("a turn", turns.take()))
