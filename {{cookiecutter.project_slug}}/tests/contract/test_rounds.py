"""Frames that are told within one round of the event loop, and so written at once."""

from collections.abc import Callable

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..serving import Start
from .client import Frame
from .service import Service

MESSAGES = 40


def message(body: object) -> Frame:
    return {"type": "message", "body": body}


async def test_messages_of_one_round_reach_every_member_once_and_in_order(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(messages_per_second=0)) as service,
        service.join("ann") as ann,
        service.join("bea") as bea,
    ):
        await ann.expect("joined", user="bea")
        ann.send_at_once(*map(message, range(MESSAGES)))
        for number in range(MESSAGES):
            receipt = await ann.expect_message(number, "ann")
            assert await bea.expect_message(number, "ann") == receipt


async def test_an_answer_between_two_messages_keeps_its_place(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        ann.send_at_once(message(1), {"type": "ping"}, message(2), {"type": "no such"})
        await ann.expect_message(1)
        await ann.expect("pong")
        await ann.expect_message(2)
        await ann.expect_error("invalid-message")
        await bea.expect_message(1)
        await bea.expect_message(2)


async def test_a_close_comes_after_the_messages_of_its_round(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(messages_per_second=3)) as service,
        service.join("bea") as bea,
        service.join("ann") as ann,
    ):
        await bea.expect("joined", user="ann")
        ann.send_at_once(*map(message, range(4)))
        for number in range(3):
            await ann.expect_message(number)
            await bea.expect_message(number)
        await ann.expect_close(Close.TOO_MANY_MESSAGES)
        await bea.expect("left", user="ann")


async def test_a_newline_in_a_frame_divides_nothing(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send_raw('{"type":"ping"}\n{"type":"ping"}')
        await ann.expect_error("invalid-message")
