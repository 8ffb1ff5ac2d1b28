"""Crowds that come or leave at once: everything else runs between any few of them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from {{cookiecutter.__package}}.rooms.gate import Event, Gate, Receive, Scope, Send
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from ..configs import make_config
from ..fakes import Socket
from ..waiting import within

T = TypeVar("T")
CROWD = 100
# Of all in the crowd, so many may begin in one round of the event loop.
AT_ONCE = 8


async def run(
    crowd: Iterable[Coroutine[Any, Any, T]], count: Callable[[], int]
) -> tuple[list[T], int]:
    """Run a crowd; the results, and by how much `count` grew in one round of the event loop."""
    tasks = [asyncio.create_task(one) for one in crowd]
    counts = [count()]

    async def grow() -> None:
        while counts[-1] - counts[0] < CROWD:
            await asyncio.sleep(0)
            counts.append(count())

    await within("the crowd", grow())
    most = max(after - before for before, after in pairwise(counts))
    return await asyncio.gather(*tasks), most


async def test_a_crowd_that_joins_or_leaves_lets_others_run_in_between(
    manager: ConnectionManager,
) -> None:
    await manager.create_room("attic")
    socket = Socket()
    witness = await manager.connect("attic", socket.send, socket.close)
    # What the members are told of.
    members = manager._feeds._feeds["attic"].members  # noqa: SLF001 (between two rounds)
    comings = [manager.connect("attic", socket.send, socket.close) for _ in range(CROWD)]
    crowd, joined = await run(comings, lambda: len(members))
    assert 0 < joined <= AT_ONCE
    _, left = await run(map(manager.disconnect, crowd), lambda: -len(members))
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

    gate = Gate(app, make_config())
    scope = {"type": "websocket", "path": "/ws/attic", "headers": []}
    crowd = [gate(scope, receive, ignore) for _ in range(CROWD)]
    _, most = await run(crowd, lambda: begun)
    assert 0 < most <= AT_ONCE
