"""What is held for clients that come back and take nothing: no more than OUTBOX_BYTES each."""

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.connections.transport import Transport
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from ..fakes import Socket
from ..redis_server import RedisServer
from ..waiting import until

CLIENTS = 5
OUTBOX_BYTES = 100_000
MESSAGE_BYTES = 6_000
MARK = "held-bytes-"


class Deaf(Socket):
    """A socket whose client takes nothing, not even the welcome."""

    async def send(self, text: str) -> None:
        await asyncio.Event().wait()


def body() -> str:
    return MARK + "x" * (MESSAGE_BYTES - len(MARK))


def held_bytes() -> int:
    """Add up all text and bytes with the mark that any object of this test holds, each once."""
    sizes: dict[int, int] = {}

    def look(holder: object) -> None:
        for held in gc.get_referents(holder):
            if isinstance(held, str | bytes | bytearray):
                if len(held) >= MESSAGE_BYTES and MARK in str(held):
                    sizes[id(held)] = len(held)
            elif isinstance(held, dict | tuple) and not gc.is_tracked(held):
                look(held)

    for holder in gc.get_objects():
        look(holder)
    return sum(sizes.values())


@pytest.fixture
def only_new_objects() -> Iterator[None]:
    """Leave out what there was before: to look at all of it takes long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def behind(
    only_new_objects: None,
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
) -> tuple[ConnectionManager, str]:
    """A manager, and a position that is far behind."""
    manager = make_manager(
        redis_url=redis_server.url, outbox_bytes=OUTBOX_BYTES, tuning=Tuning(check_seconds=3600)
    )
    await manager.create_room("attic")
    first = await manager.publish("attic", "first", "ann")
    for _ in range(4 * OUTBOX_BYTES // MESSAGE_BYTES):
        await manager.publish("attic", body(), "ann")
    return manager, first


async def test_what_is_held_for_clients_that_take_nothing_is_bounded(
    behind: tuple[ConnectionManager, str],
) -> None:
    manager, first = behind
    reader = Socket()
    await manager.connect("attic", reader.transport)
    connect = manager.connect
    coming = [
        asyncio.create_task(connect("attic", deaf.transport, Handshake(after=first)))
        for deaf in [Deaf() for _ in range(CLIENTS)]
    ]

    async def are_full() -> bool:
        held = held_bytes()
        await asyncio.sleep(0.1)
        return held == held_bytes() > CLIENTS * OUTBOX_BYTES // 2

    await until("the outboxes to be full", are_full)
    most = CLIENTS * (OUTBOX_BYTES + MESSAGE_BYTES)
    assert held_bytes() <= most
    for _ in range(2 * OUTBOX_BYTES // MESSAGE_BYTES):
        await manager.publish("attic", body(), "ann")
        reader.frames.clear()
    assert held_bytes() <= most
    for task in coming:
        task.cancel()
    await asyncio.wait(coming)


async def test_a_client_that_takes_nothing_reads_too_slowly(
    behind: tuple[ConnectionManager, str], make_manager: Callable[..., ConnectionManager]
) -> None:
    first = behind[1]
    manager = make_manager(
        redis_url=behind[0].config.redis_url,
        outbox_bytes=OUTBOX_BYTES,
        tuning=Tuning(check_seconds=3600, stalled_seconds=0.1),
    )
    deaf = Deaf()
    connecting = manager.connect("attic", deaf.transport, Handshake(after=first))
    coming = asyncio.create_task(connecting)
    await deaf.expect_close(Close.READS_TOO_SLOWLY)
    await manager.disconnect(await coming)


async def test_a_client_that_reads_slowly_gets_all(
    behind: tuple[ConnectionManager, str], make_manager: Callable[..., ConnectionManager]
) -> None:
    first = behind[1]
    manager = make_manager(
        redis_url=behind[0].config.redis_url,
        outbox_bytes=OUTBOX_BYTES,
        tuning=Tuning(check_seconds=3600, stalled_seconds=0.2),
    )
    slow = Socket()

    async def send(text: str) -> None:
        # All that waits takes longer than a stalled client is given.
        await asyncio.sleep(0.02)
        await slow.send(text)

    connection = await manager.connect("attic", Transport(send, slow.close), Handshake(after=first))
    await connection.drained()
    assert slow.closed is None
    assert len(slow.frames) == 1 + 4 * OUTBOX_BYTES // MESSAGE_BYTES
    await manager.disconnect(connection)
