"""How many connections one address may have, over all rooms of a process."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.exceptions import ConnectionClosed

from {{cookiecutter.__package}}.rooms.backends.interfaces import Room
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..missing import skip_without
from ..serving import Start
from ..waiting import until, within
from .service import Service

# Of loopback too, but no proxy that is believed.
ELSEWHERE = ("127.0.0.2", 0)
FORWARDED = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture
async def service(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> AsyncIterator[Service]:
    """A service that takes one connection from an address, with two rooms."""
    manager = make_manager(connections_per_address=1, rooms="lobby,attic")
    async with start(manager) as running:
        yield running


async def test_a_connection_too_many_is_closed_whatever_room_it_is_for(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async with service.join("ann", "lobby"):
        for room in ("lobby", "attic", "nowhere"):
            async with service.connect(room) as refused:
                await refused.expect_close(Close.TOO_MANY_CONNECTIONS)
    told = [one.getMessage() for one in caplog.records if "127.0.0.1" in one.getMessage()]
    assert sum("CONNECTIONS_PER_ADDRESS" in line for line in told) == 3


async def test_each_address_is_counted_apart(service: Service) -> None:
    try:
        async with (
            service.join("ann"),
            # What a client says of itself is not believed: only a proxy is.
            service.join("bea", "attic", local_addr=ELSEWHERE, additional_headers=FORWARDED),
            service.connect(local_addr=ELSEWHERE) as refused,
        ):
            await refused.expect_close(Close.TOO_MANY_CONNECTIONS)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        skip_without(ELSEWHERE[0], "add it to the loopback interface")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7", "::ffff:10.0.0.7"),
        ("::ffff:10.0.0.7", "::FFFF:a00:7"),
        ("2001:db8::1", "2001:db8::2"),
    ],
)
async def test_an_address_that_a_proxy_tells_is_the_same_however_it_is_written(
    service: Service, one: str, other: str
) -> None:
    async with (
        service.join("ann", additional_headers={"X-Forwarded-For": one}),
        service.connect(additional_headers={"X-Forwarded-For": other}) as refused,
    ):
        await refused.expect_close(Close.TOO_MANY_CONNECTIONS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.7", "10.0.0.8"),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.8"),
        ("2001:db8::1", "2001:db8:0:1::1"),
    ],
)
async def test_addresses_that_a_proxy_tells_are_counted_apart(
    service: Service, one: str, other: str
) -> None:
    async with (
        service.join("ann", additional_headers={"X-Forwarded-For": one}) as ann,
        service.join("bea", additional_headers={"X-Forwarded-For": other}),
    ):
        await ann.expect("joined", user="bea")


Ending = Callable[[Service, pytest.MonkeyPatch], Awaitable[None]]


async def leaves(service: Service, _: pytest.MonkeyPatch) -> None:
    async with service.join("ann"):
        pass


async def vanishes(service: Service, _: pytest.MonkeyPatch) -> None:
    async with service.join("ann") as ann:
        ann.vanish()


async def vanishes_while_it_joins(service: Service, patched: pytest.MonkeyPatch) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    get = service.manager.store.get

    async def slow_get(name: str) -> Room | None:
        asked.set()
        await go_on.wait()
        return await get(name)

    patched.setattr(service.manager.store, "get", slow_get)
    async with service.connect() as guest:
        await within("the store to be asked", asked.wait())
        guest.vanish()
    go_on.set()


async def fails_to_join(service: Service, patched: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("nobody can join")

    patched.setattr(service.manager.backend.presence, "join", broken)
    async with service.connect() as guest:
        await guest.expect_close(Close.INTERNAL_ERROR)


async def has_a_bad_token(service: Service, _: pytest.MonkeyPatch) -> None:
    async with service.connect(token="no.such.token") as guest:
        await guest.expect_close(Close.TOKEN_INVALID)


async def is_removed(service: Service, _: pytest.MonkeyPatch) -> None:
    async with service.join("ann") as ann:
        await service.manager.remove_user("lobby", "ann")
        await ann.expect_close(Close.REMOVED)


async def is_too_many(service: Service, _: pytest.MonkeyPatch) -> None:
    async with service.join("ann"), service.connect() as refused:
        await refused.expect_close(Close.TOO_MANY_CONNECTIONS)


@pytest.mark.parametrize(
    "end",
    [
        leaves,
        vanishes,
        vanishes_while_it_joins,
        fails_to_join,
        has_a_bad_token,
        is_removed,
        is_too_many,
    ],
)
async def test_a_connection_that_ended_makes_room_for_another(
    service: Service,
    end: Ending,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        await end(service, patched)
    caplog.clear()

    async def admitted() -> bool:
        async with service.connect() as client:
            try:
                frame = await within("a frame, or the close", client.socket.recv())
            except ConnectionClosed:
                client.vanished = True
                return False
        return '"welcome"' in str(frame)

    await until("the address to have room again", admitted)
