"""What trusted callers send to rooms and users, in whatever process these are."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms.errors import RoomNotFoundError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.reserved import (
    RESERVED_TYPES,
    OwnFrame,
)

from ..fakes import fail
from ..processes import PROCESS_TIMEOUT
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import until
from .service import KEY, Service

pytestmark = PROCESS_TIMEOUT

FRAMES = "/rooms/lobby/frames"
# Of a type that no project declares.
TICK = {"type": "x-tick", "n": [1, {"of": "three"}]}
OF_THE_ENGINE = {
    *("message", "refresh", "ping", "debug-close"),
    *("welcome", "joined", "left", "pong", "error", "done"),
    *("jwt-expired", "rate-limited", "service-restart"),
    *("state", "frame"),
}


@pytest.fixture
async def three(
    start: Start, make_manager: Callable[..., ConnectionManager], redis_server: RedisServer
) -> AsyncIterator[list[Service]]:
    """Three processes on one Redis."""
    async with AsyncExitStack() as stack:
        managers = [make_manager(redis_url=redis_server.url) for _ in range(3)]
        yield [await stack.enter_async_context(start(manager)) for manager in managers]


async def send(service: Service, frame: object, **more: object) -> int:
    """Send a frame as a trusted caller does, and return the status of the answer."""
    answer = await service.call("POST", FRAMES, headers=KEY, json={"frame": frame, **more})
    accepted = answer.status_code == 202
    assert accepted == (answer.content == b""), "only an error has a body"
    return answer.status_code


async def test_a_frame_reaches_everyone_in_the_room_and_is_not_kept(three: list[Service]) -> None:
    async with three[0].join("ann") as ann, three[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        await three[0].manager.publish("lobby", "hello", "cat")
        assert await send(three[2], TICK) == 202
        for client in (ann, bea):
            await client.expect_message("hello")
            assert await client.next_frame("the frame") == TICK
    kept = (await three[1].call("GET", "/rooms/lobby/messages", headers=KEY)).json()
    assert [message["body"] for message in kept["messages"]] == ["hello"]


async def test_a_frame_for_a_user_reaches_all_tabs_and_nobody_else(three: list[Service]) -> None:
    await three[0].manager.create_room("attic")
    async with (
        three[0].join("ann") as tab,
        three[0].join("ann") as second,
        three[1].join("ann") as third,
        three[1].join("ann", "attic") as elsewhere,
    ):
        async with three[1].join("bea") as bea:
            for client in (tab, second, third):
                await client.expect("joined", user="bea")
            assert await send(three[2], TICK, user="ann") == 202
            assert await send(three[2], {"type": "x-tock"}) == 202
            for client in (tab, second, third):
                assert await client.next_frame("the frame") == TICK
                await client.expect("x-tock")
            await bea.expect("x-tock")
            await elsewhere.expect_nothing()
        for client in (tab, second, third):
            await client.expect("left", user="bea")


async def test_a_caller_learns_whether_a_user_is_there(three: list[Service]) -> None:
    manager, frame = three[2].manager, OwnFrame.model_validate(TICK)
    async with three[0].join("ann") as ann:
        assert await manager.send_to_user("lobby", "ann", frame)
        assert not await manager.send_to_user("lobby", "bea", frame)
        await ann.expect("x-tick")

    async def has_left() -> bool:
        return not await manager.send_to_user("lobby", "ann", frame)

    await until("ann to leave", has_left)


async def test_a_user_is_closed_with_any_row_in_all_processes(three: list[Service]) -> None:
    async with (
        three[0].join("ann") as ann,
        three[1].join("ann") as other,
        three[1].join("bea") as bea,
    ):
        await ann.expect("joined", user="bea")
        await other.expect("joined", user="bea")
        await three[2].manager.close_user("lobby", "ann", Close.TOKEN_EXPIRED)
        for client in (ann, other):
            await client.expect_close(Close.TOKEN_EXPIRED)
        await bea.expect("left", user="ann")


async def test_a_user_who_is_removed_can_be_removed_again(three: list[Service]) -> None:
    path = "/rooms/lobby/members/ann"
    async with three[0].join("ann") as ann, three[1].join("bea") as bea:
        await ann.expect("joined", user="bea")
        for service in (three[2], three[0], three[2]):
            answer = await service.call("DELETE", path, headers=KEY)
            assert (answer.status_code, answer.content) == (204, b"")
        await ann.expect_close(Close.REMOVED)
        await bea.expect("left", user="ann")


def test_the_types_of_the_engine_are_known() -> None:
    assert RESERVED_TYPES == OF_THE_ENGINE


@pytest.mark.parametrize("kind", sorted(OF_THE_ENGINE))
async def test_a_frame_of_a_type_of_the_engine_is_refused(service: Service, kind: str) -> None:
    async with service.join("ann") as ann:
        assert await send(service, {**TICK, "type": kind}) == 422
        assert await send(service, {**TICK, "type": kind}, user="ann") == 422
        await ann.expect_nothing()


@pytest.mark.parametrize(
    "frame",
    [None, "x-tick", [TICK], {}, {"n": 1}, {"type": None}, {"type": 7}, {"type": ["x-tick"]}],
)
async def test_a_frame_that_has_no_type_is_refused(service: Service, frame: object) -> None:
    assert await send(service, frame) == 422


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"frame": {"type": "x-tick", "n": 1e999}}',
        b'{"frame": {"type": "x-tick", "n": NaN}}',
        b'{"frame": {"type": "x-tick", "n": "\\ud800"}}',
        b'{"frame": {"type": "x-tick", "\\ud800": 1}}',
        b'{"frame": {"type": "\\ud800"}}',
        b'{"frame": {"type": "x-tick"}, "user": ""}',
        b'{"frame": {"type": "x-tick"}, "user": "a\\nb"}',
        b'{"frame": {"type": "x-tick", "n": ' + b"[" * 400 + b"]" * 400 + b"}}",
    ],
)
async def test_what_cannot_be_sent_as_a_frame_is_refused(service: Service, content: bytes) -> None:
    async with service.join("ann") as ann:
        answer = await service.call("POST", FRAMES, headers=KEY, content=content)
        assert answer.status_code == 422
        assert answer.json()["detail"]
        await ann.expect_nothing()


async def test_any_other_frame_is_sent_as_it_is(service: Service) -> None:
    frames: list[dict[str, Any]] = [
        {"type": ""},
        {"type": "Message", "ref": "r1", "id": None},
        {"type": "x-tick", "model_config": 1, "copy": "ü", "frame": {"type": "message"}},
    ]
    async with service.join("ann") as ann:
        for frame in frames:
            assert await send(service, frame) == 202
            assert await ann.next_frame("the frame") == frame


@pytest.mark.parametrize("user", [{}, {"user": "ann"}])
async def test_a_frame_has_a_room_and_a_largest_size(
    service: Service, user: dict[str, str]
) -> None:
    assert await send(service, {"type": "x-tick", "n": "x" * 60_000}, **user) == 202
    assert await send(service, {"type": "x-tick", "n": "x" * 70_000}, **user) == 413
    body = {"frame": TICK, **user}
    answer = await service.call("POST", "/rooms/nowhere/frames", headers=KEY, json=body)
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]


async def test_a_caller_is_told_if_a_frame_reaches_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, service.manager.backend.bus, "send")
    assert await send(service, TICK) == 503
    assert await send(service, TICK, user="ann") == 503
    monkeypatch.undo()


async def test_the_manager_signs_tokens(service: Service) -> None:
    token = await service.manager.token("lobby", "ann")
    async with service.connect(token=token) as ann:
        await ann.expect("welcome", user="ann")
    token = await service.manager.token("lobby", "ann", 60, publish=False)
    async with service.connect(token=token) as ann:
        await ann.expect("welcome", user="ann")
        await ann.say("hello")
        await ann.expect_error("refused")


async def test_only_in_a_room_that_exists_something_is_done(service: Service) -> None:
    manager, frame = service.manager, OwnFrame.model_validate(TICK)
    for call in (
        manager.broadcast("nowhere", frame),
        manager.send_to_user("nowhere", "ann", frame),
        manager.close_user("nowhere", "ann", Close.REMOVED),
        manager.remove_user("nowhere", "ann"),
        manager.token("nowhere", "ann"),
    ):
        with pytest.raises(RoomNotFoundError, match="nowhere"):
            await call
