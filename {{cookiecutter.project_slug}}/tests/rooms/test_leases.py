"""What fails for one room, or in the room store, costs no other room its lease."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms import metrics
from {{cookiecutter.__package}}.rooms.backends.redis.backend import RedisBackend
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from ..fakes import Socket, fail
from ..redis_server import RedisServer
from ..waiting import until

ROOMS = [f"room-{number}" for number in range(20)]
CHECK_SECONDS = 0.4
Make = Callable[..., ConnectionManager]


@asynccontextmanager
async def living(
    make_manager: Make, redis_server: RedisServer
) -> AsyncIterator[tuple[ConnectionManager, RedisBackend]]:
    """A process with a member in each room, which often tells that it lives."""
    made = make_manager(redis_url=redis_server.url)
    backend = made.backend
    assert isinstance(backend, RedisBackend)
    manager = ConnectionManager(
        made.config, made.store, backend, tuning=Tuning(check_seconds=CHECK_SECONDS)
    )
    await manager.start()
    socket = Socket()
    for room in ROOMS:
        await manager.create_room(room)
    here = [await manager.connect(room, socket.transport) for room in ROOMS]
    yield manager, backend
    for connection in here:
        await manager.disconnect(connection)
    await manager.stop()


async def ends(backend: RedisBackend, rooms: list[str]) -> list[float]:
    """When the lease of each room ends, unless it is renewed."""
    keyspace = backend.presence.keyspace  # type: ignore[attr-defined]
    pipeline: Any = backend.redis.pipeline(transaction=False)
    for room in rooms:
        pipeline.zrange(keyspace.key(room, "leases"), 0, -1, withscores=True)
    leases: list[Any] = await pipeline.execute()
    return [end for [(_, end)] in leases]


async def all_renewed(backend: RedisBackend, rooms: list[str]) -> None:
    """Wait until every room's lease was renewed three times."""
    for _ in range(3):
        before = await ends(backend, rooms)

        async def renewed(before: list[float] = before) -> bool:
            now = await ends(backend, rooms)
            return all(new > old for new, old in zip(now, before, strict=True))

        await until("each lease to be renewed", renewed)


def failures(kind: str) -> float:
    """How often this was counted."""
    [family] = metrics.CHECK_FAILURES.collect()
    counts = {one.labels["kind"]: one.value for one in family.samples}
    return counts[kind]


async def failed_again(kind: str, before: float) -> None:
    """Wait until this failed twice."""

    async def failed() -> bool:
        return failures(kind) > before + 1

    await until(f"{kind} to fail again", failed)


async def test_a_room_that_fails_costs_no_other_its_lease(
    make_manager: Make, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = failures("heartbeat")
    sick, *others = ROOMS
    async with living(make_manager, redis_server) as (_, backend):
        key = backend.presence.keyspace.key(sick, "removed")  # type: ignore[attr-defined]
        await backend.redis.set(key, "garbage")
        await all_renewed(backend, others)
        await failed_again("heartbeat", before)
        await backend.redis.delete(key)
    told = [one for one in caplog.records if sick in one.getMessage()]
    assert [(one.levelno, "heartbeat" in one.getMessage()) for one in told] == [
        (logging.WARNING, True)
    ]


@pytest.mark.parametrize("error", [UnavailableError(), RuntimeError("no such table")])
async def test_a_room_store_that_is_away_costs_no_room_its_lease(
    error: Exception,
    make_manager: Make,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = failures("room_store")
    async with living(make_manager, redis_server) as (manager, backend):
        with monkeypatch.context() as patched:
            for call in ("get", "existing"):
                fail(patched, manager.store, call, error)
            await all_renewed(backend, ROOMS)
            await failed_again("room_store", before)
    assert caplog.text.count("cannot be kept in step (room_store)") == 1


async def test_a_room_store_that_hangs_costs_no_room_its_lease(
    make_manager: Make, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: object) -> set[str]:
        await asyncio.Event().wait()
        return set()

    async with living(make_manager, redis_server) as (manager, backend):
        monkeypatch.setattr(manager.store, "existing", hang)
        await all_renewed(backend, ROOMS)
