"""How a stopping process tells its clients: all, in time, and not all at once."""

import asyncio
from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.connections.drain import reconnect_delay
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

MakeManager = Callable[..., ConnectionManager]
CROWD = 400


async def crowd(manager: ConnectionManager, size: int) -> list[str]:
    """Let in clients that note who was closed."""
    closed: list[str] = []
    await manager.create_room("stadium", presence=False, capacity=size)
    for number in range(size):

        async def send(_: str) -> None: ...

        async def close(code: int, reason: str, number: int = number) -> None:
            closed.append(f"{number} {code} {reason}")

        await manager.connect("stadium", Transport(send, close))
    return closed


async def test_everyone_is_told_spread_over_time(make_manager: MakeManager) -> None:
    manager = make_manager(drain_seconds=5)
    closed = await crowd(manager, CROWD)
    moments: list[int] = []

    async def look_on() -> None:
        while len(closed) < CROWD:
            moments.append(len(closed))
            await asyncio.sleep(0.01)

    await asyncio.gather(manager.drain(), look_on())
    assert len(set(moments)) > 2, "all were told at the same moment"
    assert len({line.split()[0] for line in closed}) == len(closed) == CROWD
    assert all(line.endswith("1012 Service restart") for line in closed)


@pytest.mark.parametrize("close", [None, Close.ROOM_CLOSED])
async def test_a_stuck_client_is_waited_for_but_no_longer_than_allowed(
    close: Close | None, make_manager: MakeManager, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that was told to go before."""
    manager = make_manager(drain_seconds=0.1)
    await manager.create_room("attic")

    async def send(_: str) -> None:
        await asyncio.Event().wait()

    async def close_socket(_: int, __: str) -> None: ...

    stuck = await manager.connect("attic", Transport(send, close_socket))
    if close:
        manager.end(stuck, close)
    async with asyncio.timeout(5):
        await manager.drain()
    assert "Not every client could be told" in caplog.text
    await manager.disconnect(stuck)


async def test_without_clients_there_is_nothing_to_wait_for(manager: ConnectionManager) -> None:
    await manager.drain()
    assert manager.draining


@pytest.mark.parametrize(("clients", "spread"), [(0, 4), (10_000, 50)])
def test_clients_come_back_over_the_longer_the_more_they_are(clients: int, spread: float) -> None:
    delays = [reconnect_delay(clients) for _ in range(1_000)]
    assert all(1 <= delay <= 1 + spread for delay in delays)
    assert max(delays) - min(delays) > spread / 2
    assert min(delays) < 1 + spread / 10
