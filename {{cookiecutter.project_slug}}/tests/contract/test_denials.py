"""Who is refused before the accept, by an HTTP answer."""

import asyncio
from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..serving import Start
from ..waiting import within
from .service import Denied, Service


@pytest.mark.parametrize(
    "path", ["/", "/ws", "/ws/", "/ws/lobby/", "/ws/a/b", "/ws/a%2Fb", "/rooms", "//ws/lobby"]
)
async def test_there_is_no_such_path(service: Service, path: str) -> None:
    await service.expect_denied(404, path=path)


@pytest.mark.parametrize("room", ["LOBBY", "lobby%20", "lobby%0A", "..", "-", "x" * 65, "%C3%BC"])
async def test_a_name_that_no_room_has_is_told_after_the_accept(
    service: Service, room: str
) -> None:
    async with service.connect(room) as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1", "x", "a:b"]
)
async def test_a_page_of_another_origin_may_not_connect(service: Service, origin: str) -> None:
    await service.expect_denied(403, origin=origin)


async def test_two_origins_are_one_too_many(service: Service) -> None:
    own = f"http://{service.address}"
    twice = [("Origin", own), ("Origin", own)]
    await service.expect_denied(400, additional_headers=twice)


async def joined(service: Service) -> None:
    """Come in as soon as the server has noticed that others left."""
    while True:
        try:
            async with service.join("cas"):
                return
        except Denied:
            await asyncio.sleep(0)


async def test_more_connections_than_the_settings_allow_are_refused(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with start(make_manager(max_connections=2)) as service:
        async with service.join("ann") as ann, service.join("bea"):
            await ann.expect("joined", user="bea")
            headers = await service.expect_denied(503)
            assert int(headers["Retry-After"]) > 0
        await within("a place to be free again", joined(service))
