"""What the service tells of itself at `/metrics`."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx2
import pytest
from websockets.protocol import State

from {{cookiecutter.__package}}.rooms import metrics
from {{cookiecutter.__package}}.rooms.backends.redis.client import call, connect
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Entry

from ..fakes import intercept
from ..processes import PROCESS_TIMEOUT, kill_worker, serving, workers
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import PROCESS_LIMIT_SECONDS, until_told, within
from .client import Client
from .conftest import Pair
from .counts import read, since, told
from .service import KEY, Endpoint, Service


async def test_a_conversation_is_counted(start: Start, manager: ConnectionManager) -> None:
    before = told()
    async with start(manager) as service, service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        for number in range(3):
            await ann.say(number)
            await ann.expect_message(number)
            await bea.expect_message(number)
        during = read((await service.call("GET", "/metrics")).text)
        await service.manager.remove_user("lobby", "bea")
        await bea.expect_close(Close.REMOVED)
    during.subtract(before)
    assert during["rooms_connections"] == 2
    assert during["rooms_joins_total"] == 2
    assert during["rooms_messages_in_total"] == 3
    assert during["rooms_messages_out_total"] == 3
    assert during["rooms_deliveries_total"] == 6
    assert during["rooms_delivery_seconds_count"] == 3
    assert during["rooms_delivery_seconds_sum"] > 0
    after = since(before)
    assert after["rooms_connections"] == 0
    assert (after["REMOVED"], after[metrics.CLIENT_LEFT]) == (1, 1)


async def test_what_waits_for_a_slow_reader_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def stall(_: str) -> None:
        await go_on.wait()

    async with service.join("ann") as ann:
        (connection,) = service.manager._roster.everyone()  # noqa: SLF001 (as below)
        with monkeypatch.context() as patched:
            patched.setattr(connection._outbox, "_write", None)  # noqa: SLF001 (a client's place)
            patched.setattr(connection._outbox, "_send", stall)  # noqa: SLF001 (as above)
            await service.manager.publish("lobby", "x" * 1_000, "bea")
            await until_told()
            await service.manager.check()
            assert 1_000 < told()["rooms_outbox_bytes"] < 1_200
            go_on.set()
            await connection.drained()
        await service.manager.check()
        assert told()["rooms_outbox_bytes"] == 0
        await ann.expect_nothing()


async def test_what_came_from_the_log_is_counted(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("seen")
        seen = (await ann.expect_message("seen"))["position"]
    for number in range(2):
        await service.manager.publish("lobby", number, "bea")
    before = told()
    token = service.token("ann")
    async with service.connect(path=f"/ws/lobby?after={seen}", token=token) as ann:
        await ann.expect("welcome", recovered=True)
        for number in range(2):
            await ann.expect_message(number)
    assert since(before)["rooms_deliveries_total"] == 2


async def test_a_repaired_gap_is_counted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pair[0].join("ann") as ann:
        before = told()
        lost = asyncio.Event()

        def invalidate(_: str, event: object) -> None:
            if isinstance(event, Entry):
                lost.set()

        with monkeypatch.context() as patched:
            intercept(patched, pair[0].manager, invalidate)
            await pair[1].manager.publish("lobby", "lost", "bea")
            await within("a bell to be lost", lost.wait())
        await pair[0].manager.check()
        await ann.expect_message("lost")
        assert since(before)["rooms_gaps_repaired_total"] == 1


async def test_what_redis_takes_and_fails_is_counted(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url)
    before = told()
    await call(redis.ping)
    redis_server.kill()
    with pytest.raises(UnavailableError):
        await call(redis.ping)
    counted = since(before)
    assert counted["rooms_redis_seconds_count"] == 2
    assert counted["rooms_redis_errors_total"] == 1
    await redis.aclose()


FORWARDED = {"X-Forwarded-For": "203.0.113.7"}


@pytest.mark.parametrize(
    ("readers", "headers", "status"),
    [
        ("loopback", {}, 200),
        ("loopback", KEY, 200),
        ("loopback", {"Authorization": "Bearer wrong"}, 401),
        ("loopback", FORWARDED, 401),
        ("loopback", {"Forwarded": "for=127.0.0.1"}, 401),
        ("loopback", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("loopback", {**FORWARDED, **KEY}, 200),
        ("key", {}, 401),
        ("key", KEY, 200),
        ("anyone", FORWARDED, 200),
        ("anyone", {"Authorization": "Basic x"}, 401),
        ("anyone", {"Authorization": ""}, 401),
    ],
)
async def test_who_may_read(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    readers: str,
    headers: dict[str, str],
    status: int,
) -> None:
    async with start(make_manager(metrics=readers)) as service:
        answer = await service.call("GET", "/metrics", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["Content-Type"] == metrics.CONTENT_TYPE
        assert "rooms_connections" in answer.text
    else:
        assert "API key" in answer.json()["detail"]


async def scrape(service: Endpoint) -> Counter[str]:
    return read((await service.call("GET", "/metrics", headers=KEY)).text)


async def scrape_until_right(service: Endpoint, clients: Sequence[Client]) -> Counter[str]:
    while True:
        with suppress(httpx2.HTTPError):
            counted = await scrape(service)
            alive = sum(client.socket.state is State.OPEN for client in clients)
            if counted["rooms_connections"] == alive:
                return counted
        await asyncio.sleep(0.05)


def folders(path: Path) -> list[Path]:
    return list(path.glob("tmp*"))


@PROCESS_TIMEOUT
async def test_any_worker_tells_of_all(tmp_path: Path, redis_server: RedisServer) -> None:
    settings = {"WORKERS": "2", "REDIS_URL": redis_server.url, "TMPDIR": str(tmp_path)}
    async with AsyncExitStack() as stack:
        process, service = await stack.enter_async_context(serving(tmp_path, **settings))
        await workers(process, service, 2)
        clients = []
        for number in range(8):
            joining = service.connect(token=service.token(f"user-{number}"))
            client = await stack.enter_async_context(joining)
            await client.expect("welcome")
            clients.append(client)
        await clients[0].say("hello")
        for client in clients:
            while (await client.next_frame("the message"))["type"] != "message":
                pass
        # Each time from a new connection, of which any worker takes some.
        for _ in range(8):
            counted = await scrape(service)
            assert counted["rooms_connections"] == counted["rooms_joins_total"] == 8
            assert counted["rooms_messages_in_total"] == 1
            assert counted["rooms_deliveries_total"] == 8
        assert folders(tmp_path), "the workers share no folder"
        started = await process.read_until(r"Started server process \[(\d+)")
        kill_worker(int(started[1]))
        for client in clients:
            client.vanished = True
        # Another takes its place. It may have had none of the clients.
        await process.read_until("(?s)(Started server process.*){3}")
        remaining = scrape_until_right(service, clients)
        counted = await within("the dead worker's to be gone", remaining, PROCESS_LIMIT_SECONDS)
        assert counted["rooms_joins_total"] == 8, "what it counted stays"
        process.stop()
        await within("the processes to end", process.ended(), PROCESS_LIMIT_SECONDS)
    assert not folders(tmp_path), "the workers' folder is left behind"
