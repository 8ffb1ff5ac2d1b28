"""Frames that hold several messages, a line each."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from {{cookiecutter.__package}}.rooms.closes import Close
from {{cookiecutter.__package}}.rooms.handshake import LINES_PROTOCOL, PROTOCOL
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from .conftest import Start
from .service import Endpoint, Service

MESSAGES = 40


@pytest.fixture(autouse=True)
def subprotocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer lines, and nothing else."""
    monkeypatch.setattr(Endpoint, "subprotocol", LINES_PROTOCOL)


def lines(*messages: dict[str, Any]) -> str:
    return "\n".join(json.dumps(message) for message in messages)


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ([LINES_PROTOCOL, PROTOCOL], LINES_PROTOCOL),
        ([PROTOCOL, LINES_PROTOCOL], PROTOCOL),
        (["rooms.v2", LINES_PROTOCOL], LINES_PROTOCOL),
        (["rooms.v2"], None),
    ],
)
async def test_the_first_of_ours_is_selected(
    service: Service, offered: list[str], selected: str | None
) -> None:
    async with service.connect(subprotocols=offered) as guest:
        assert guest.socket.subprotocol == selected
        await guest.expect("welcome")


async def test_a_frame_holds_several_messages_both_ways(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(messages_per_second=0)) as service,
        service.join("ann") as ann,
        service.join("bea") as bea,
    ):
        await ann.expect("joined", user="bea")
        said = [{"type": "message", "body": f"a\nline {number}"} for number in range(MESSAGES)]
        await ann.send_raw(lines(*said))
        for message in said:
            receipt = await ann.expect_message(message["body"], "ann")
            assert await bea.expect_message(message["body"], "ann") == receipt


async def test_each_line_is_refused_by_itself(service: Service) -> None:
    async with service.join("ann") as ann:
        good = lines({"type": "message", "body": "good"})
        await ann.send_raw(f"{good}\nno frame\n\n{good}")
        await ann.expect_message("good")
        await ann.expect_error("invalid-message")
        await ann.expect_error("invalid-message")
        await ann.expect_message("good")


async def test_an_answer_comes_after_what_was_said(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send_raw(lines({"type": "message", "body": 1}, {"type": "ping"}))
        await ann.expect_message(1)
        await ann.expect("pong")


async def test_a_close_comes_after_what_was_said(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(messages_per_second=3)) as service,
        service.join("ann") as ann,
    ):
        await ann.send_raw(lines(*[{"type": "message", "body": 1}] * 4))
        for _ in range(3):
            await ann.expect_message(1)
        await ann.expect_close(Close.TOO_MANY_MESSAGES)


async def test_each_line_counts_against_the_rate(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with (
        start(make_manager(messages_per_second=5)) as service,
        service.join("ann") as ann,
    ):
        await ann.send_raw(lines(*[{"type": "ping"}] * 7))
        for _ in range(5):
            await ann.expect("pong")
        await ann.expect_close(Close.TOO_MANY_MESSAGES)


async def test_without_lines_a_newline_divides_nothing(service: Service) -> None:
    async with service.connect(subprotocols=[PROTOCOL]) as guest:
        await guest.expect("welcome")
        await guest.send_raw(lines({"type": "ping"}, {"type": "ping"}))
        await guest.expect_error("invalid-message")
