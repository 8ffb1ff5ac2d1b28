"""Clients that were away come back with `after`, and miss nothing or are told so."""

import asyncio
from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..serving import Start
from .client import Client
from .service import KEY, Service

NONSENSE = ["", "0", "nonsense", "0-0", "-", "0000000000000-00000000000x", "9" * 5_000, "%00", "é"]


def path(after: str) -> str:
    return f"/ws/lobby?after={after}"


async def position_of(client: Client, body: object) -> str:
    """Read a message; its position."""
    position: str = (await client.expect_message(body))["position"]
    return position


async def test_what_was_missed_follows_the_welcome_in_order(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("seen")
        seen = await position_of(ann, "seen")
        missed = []
        for number in range(3):
            await ann.say(number, id=f"m{number}")
            missed.append(await ann.expect_message(number))
        async with service.connect(path=path(seen), token=service.token("bea")) as bea:
            await bea.expect("welcome", recovered=True, position=seen)
            for frame in missed:
                assert await bea.next_frame("what was missed") == frame
            await ann.expect("joined", user="bea")
            await ann.say("live")
            await bea.expect_message("live", "ann")
            await ann.expect_message("live", "ann")


async def test_who_missed_nothing_is_told_so(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("seen")
        seen = await position_of(ann, "seen")
    async with service.connect(path=path(seen)) as guest:
        await guest.expect("welcome", recovered=True, position=seen)
        await guest.expect_nothing()


async def test_one_may_come_back_to_where_the_welcome_was(service: Service) -> None:
    async with service.connect() as guest:
        start = (await guest.expect("welcome", recovered=None))["position"]
    await service.manager.publish("lobby", "missed", "ann")
    async with service.connect(path=path(start)) as guest:
        await guest.expect("welcome", recovered=True)
        await guest.expect_message("missed", "ann")


@pytest.mark.parametrize("after", NONSENSE)
async def test_a_position_that_never_was_one_is_told(service: Service, after: str) -> None:
    await service.manager.publish("lobby", "said before", "ann")
    newest = await service.manager.publish("lobby", "said before", "ann")
    async with service.connect(path=path(after)) as guest:
        await guest.expect("welcome", recovered=False, position=newest)
        await guest.expect_nothing()


async def test_a_position_that_is_still_to_come_is_told(service: Service) -> None:
    newest = await service.manager.publish("lobby", "hello", "ann")
    later = f"{newest[:-1]}{int(newest[-1]) + 1}"
    async with service.connect(path=path(later)) as guest:
        await guest.expect("welcome", recovered=False, position=newest)
        await guest.expect_nothing()


async def test_a_position_of_an_earlier_room_of_that_name_is_told(service: Service) -> None:
    async with service.join("ann") as ann:
        for number in range(2):
            await ann.say(number)
            old = await position_of(ann, number)
        await service.manager.close_room("lobby")
        await ann.expect_close(Close.ROOM_CLOSED)
    await service.manager.create_room("lobby")
    for number in range(5):
        await service.manager.publish("lobby", number, "bea")
    async with service.connect(path=path(old)) as guest:
        await guest.expect("welcome", recovered=False)
        await guest.expect_nothing()


async def test_recovery_is_never_in_part(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    manager = make_manager(history=3)
    async with start(manager) as service:
        seen = [await manager.publish("lobby", number, "ann") for number in range(5)]
        async with service.connect(path=path(seen[1])) as guest:
            await guest.expect("welcome", recovered=True)
            for number in range(2, 5):
                await guest.expect_message(number)
            await guest.expect_nothing()
        async with service.connect(path=path(seen[0])) as guest:
            await guest.expect("welcome", recovered=False, position=seen[4])
            await guest.expect_nothing()


async def test_more_than_may_wait_at_once_is_recovered_too(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    """Three pages of a log, of which an outbox takes ten messages, while more are said."""
    manager = make_manager(outbox_bytes=10_000)
    async with start(manager) as service:
        first = await manager.publish("lobby", "first", "ann")
        for number in range(270):
            await manager.publish("lobby", [number, "x" * 900], "ann")
        token = service.token("bea")
        async with service.connect(path=path(first), token=token, max_queue=1) as bea:
            await bea.expect("welcome", recovered=True)
            for number in range(300):
                if number < 30:
                    await manager.publish("lobby", [270 + number, "x" * 900], "ann")
                frame = await bea.expect("message")
                assert frame["body"][0] == number
            await bea.expect_nothing()


async def test_what_is_said_while_somebody_comes_back_is_heard_once(service: Service) -> None:
    """Twenty times, with whatever interleaving there is."""

    async def speak() -> None:
        for number in range(50):
            await service.manager.publish("lobby", number, "ann")
            await asyncio.sleep(0)

    for _ in range(20):
        seen = await service.manager.publish("lobby", "start", "ann")
        speaking = asyncio.create_task(speak())
        async with service.connect(path=path(seen), token=service.token("bea")) as bea:
            await bea.expect("welcome", recovered=True)
            for number in range(50):
                await bea.expect_message(number, "ann")
            await bea.expect_nothing()
        await speaking


async def test_an_id_counts_once_over_a_reconnect(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("hello", id="m1")
        seen = await position_of(ann, "hello")
    async with service.connect(path=path(seen), token=service.token("ann")) as ann:
        await ann.expect("welcome", recovered=True)
        await ann.say("hello again", id="m1")
        await ann.expect_nothing()
        await ann.say("something else", id="m2")
        await ann.expect_message("something else", "ann")


async def test_a_message_by_http_is_a_message(service: Service) -> None:
    async with service.join("ann") as ann:
        call = {"headers": KEY, "json": {"body": {"n": 1}, "from": "cron"}}
        answer = await service.call("POST", "/rooms/lobby/messages", **call)
        assert answer.status_code == 202
        position = answer.json()["position"]
        await ann.expect("message", body={"n": 1}, position=position, **{"from": "cron"})
        answer = await service.call("POST", "/rooms/lobby/messages", headers=KEY, json={"body": 2})
        await ann.expect_message(2, "service")
    async with service.connect(path=path(position)) as guest:
        await guest.expect("welcome", recovered=True)
        await guest.expect_message(2)
