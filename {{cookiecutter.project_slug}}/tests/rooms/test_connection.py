"""One client, without a room."""

import asyncio

from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.connections.outbox import Outbox
from {{cookiecutter.__package}}.rooms.connections.rate import RateLimit
from {{cookiecutter.__package}}.rooms.protocol.frames import as_frame

from ..clock import ManualClock
from ..waiting import within


async def test_what_must_be_told_waits_until_it_fits() -> None:
    sent: list[str] = []
    free = asyncio.Event()

    async def send(text: str) -> None:
        await free.wait()
        sent.append(text)

    async def close(_: int, __: str) -> None: ...

    outbox = Outbox(send, close, 4)
    rate = RateLimit(1, ManualClock())
    connection = Connection("lobby", outbox, rate, rate)
    await connection.send_when_fits(as_frame("abcd"))
    second = asyncio.create_task(connection.send_when_fits(as_frame("efgh")))
    await asyncio.sleep(0)
    assert not second.done()
    free.set()
    await within("room for the second", second)
    await connection.drained()
    assert sent == ["abcd", "efgh"]
