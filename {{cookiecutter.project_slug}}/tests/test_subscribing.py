"""What the manager asks of a bus, which is another in each flavour."""

import asyncio
from collections.abc import Callable

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.events import Event, Removed

from .redis_server import RedisServer
from .waiting import within

ROOMS = [f"room-{number}" for number in range(30)]


async def test_rooms_that_begin_while_the_bus_begins_are_heard(
    make_manager: Callable[..., ConnectionManager], redis_server: RedisServer
) -> None:
    bus = make_manager(redis_url=redis_server.url).backend.bus
    heard: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
    bus.listen(lambda room, event: heard.put_nowait((room, event)), lambda: None)
    subscribing = []
    for room in ROOMS:
        subscribing.append(asyncio.create_task(bus.subscribe(room)))
        await asyncio.sleep(0)
    assert not any(await asyncio.gather(*subscribing, return_exceptions=True))
    sent = [(room, Removed(user=f"user-{number}")) for room in ROOMS for number in range(10)]
    for room, event in sent:
        await bus.send(room, event)
    assert [await within("what was sent", heard.get()) for _ in sent] == sent
    await bus.close()
    assert heard.empty()
