"""What members say and hear."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..serving import Start
from .service import Service


async def test_a_message_reaches_everyone_and_its_sender(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        await ann.say({"text": "hello", "n": [1, 2.5, None, True]}, id="m1")
        body = {"text": "hello", "n": [1, 2.5, None, True]}
        receipt = await ann.expect("message", body=body, id="m1", **{"from": "ann"})
        assert await bea.expect_message(body, "ann") == receipt
        assert receipt.keys() == {"type", "position", "from", "body", "at", "id"}
        assert datetime.fromisoformat(receipt["at"]).utcoffset() == timedelta(0)


async def test_a_message_without_id_has_none(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say(None)
        assert "id" not in await ann.expect_message(None, "ann")


async def test_the_welcome_tells_where_one_is(service: Service) -> None:
    async with service.join("ann") as ann, service.connect(token=service.token("bea")) as bea:
        welcome = await bea.next_frame("the welcome")
        position = welcome.pop("position")
        assert welcome == {
            "type": "welcome",
            "room": "lobby",
            "user": "bea",
            "members": ["ann", "bea"],
            "recovered": None,
        }
        await ann.expect("joined", user="bea")
        await ann.say("one")
        assert (await ann.expect_message("one"))["position"] > position
        await bea.expect_message("one", "ann")


async def test_positions_only_grow_and_a_newcomer_gets_the_newest(service: Service) -> None:
    async with service.join("ann") as ann:
        positions = []
        for number in range(12):
            await ann.say(number)
            positions.append((await ann.expect_message(number))["position"])
        assert positions == sorted(set(positions))
        async with service.connect(token=service.token("bea")) as bea:
            welcome = await bea.expect("welcome", position=positions[-1])
            assert welcome["recovered"] is None
            await ann.expect("joined", user="bea")


async def test_all_members_see_the_same_order(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    manager = make_manager(messages_per_second=0)
    async with start(manager) as service, service.join("ann") as ann:
        async with service.join("bea") as bea:
            await ann.expect("joined", user="bea")
            await asyncio.gather(
                *(client.say(number) for number in range(50) for client in (ann, bea))
            )
            heard = [[await one.expect("message") for _ in range(100)] for one in (ann, bea)]
        assert heard[0] == heard[1]


async def test_the_same_id_is_said_once(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        await ann.say("first", id="m1")
        await ann.say("again", id="m1")
        await bea.say("my own", id="m1")
        for client in (ann, bea):
            await client.expect_message("first", "ann")
            await client.expect_message("my own", "bea")


async def test_joined_and_left_tell_of_users_not_of_connections(service: Service) -> None:
    async with service.join("ann") as ann:
        async with service.join("bea"):
            await ann.expect("joined", user="bea")
            async with service.join("bea"):
                await ann.expect_nothing()
            await ann.expect_nothing()
        await ann.expect("left", user="bea")


async def test_a_room_without_presence_tells_of_nobody(service: Service) -> None:
    await service.manager.create_room("stadium", presence=False)
    async with service.connect("stadium", service.token("ann", "stadium")) as ann:
        assert "members" not in await ann.expect("welcome")
        async with service.connect("stadium") as guest:
            await guest.expect("welcome")
            await guest.say("hello")
            await guest.expect_message("hello")
        await ann.expect_message("hello")
        # The guest has left, of which nobody is told; what is said later comes first.
        await ann.say("alone")
        await ann.expect_message("alone")


async def test_rooms_do_not_hear_each_other(service: Service) -> None:
    await service.manager.create_room("attic")
    async with service.join("ann") as ann, service.join("bea", "attic") as bea:
        await ann.say("hello")
        await ann.expect_message("hello")
        await bea.expect_nothing()


async def test_a_ping_is_answered(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="ping")
        assert await ann.next_frame("the pong") == {"type": "pong"}


async def test_a_seat_is_free_again_when_its_holder_leaves(service: Service) -> None:
    await service.manager.create_room("closet", capacity=1)
    async with service.join("ann", "closet"), service.join("ann", "closet"):
        pass
    async with service.join("bea", "closet"):
        pass


async def test_rooms_take_as_many_as_the_settings_say(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(start(make_manager(room_capacity=1)))
        await stack.enter_async_context(service.join("ann"))
        guest = await stack.enter_async_context(service.connect())
        await guest.expect_close(Close.ROOM_FULL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type": "shout"}',
        '{"type": []}',
        '{"type": "message"}',
        '{"type": "message", "body": NaN}',
        '{"type": "message", "body": [1e999]}',
        '{"type": "message", "body": "\\ud800"}',
        '{"type": "message", "body": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"type": "message", "body": 1} x',
        '{"type": "message", "body": 1, "id": 7}',
        '{"type": "refresh"}',
    ],
)
async def test_a_frame_that_is_none_is_answered_and_the_connection_stays(
    service: Service, text: str
) -> None:
    async with service.join("ann") as ann:
        await ann.send_raw(text)
        await ann.expect_error("invalid-message")


async def test_an_error_names_the_message_and_what_was_wrong(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="message", id="m1")
        error = await ann.expect_error("invalid-message", id="m1")
        assert "body" in error["detail"]
        await ann.say("x", id="i" * 65)
        error = await ann.expect_error("invalid-message")
        assert "id" in error["detail"]
        assert "64" in error["detail"]
