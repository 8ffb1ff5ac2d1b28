"""Who may come in, by token, as a guest, and for how long."""

import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import jwt
import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.frames import PROTOCOL

from ..clock import ManualClock
from ..configs import SECRET_KEY
from .conftest import Start
from .service import Service


def signed(claims: dict[str, Any], key: str = SECRET_KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm)


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


GOOD = {"sub": "ann", "room": "lobby", "exp": 4_000_000_000}


async def test_a_token_is_taken_from_a_subprotocol_which_is_not_echoed(service: Service) -> None:
    async with service.connect(token=service.token("ann")) as ann:
        assert ann.socket.subprotocol == PROTOCOL
        await ann.expect("welcome", user="ann")


async def test_a_token_is_taken_from_a_header(service: Service) -> None:
    header = {"Authorization": f"Bearer {service.token('ann')}"}
    async with service.connect(subprotocols=None, additional_headers=header) as ann:
        assert ann.socket.subprotocol is None
        await ann.expect("welcome", user="ann")


async def test_a_protocol_that_is_not_spoken_is_not_selected(service: Service) -> None:
    async with service.connect(subprotocols=["rooms.v0"]) as guest:
        assert guest.socket.subprotocol is None
        await guest.expect("welcome")


async def test_a_guest_gets_a_name_of_its_own(service: Service) -> None:
    async with service.connect() as one:
        names = [(await one.expect("welcome"))["user"]]
        async with service.connect() as other:
            names.append((await other.expect("welcome"))["user"])
            await one.expect("joined", user=names[1])
        await one.expect("left", user=names[1])
    assert names[0] != names[1]
    assert all(name.startswith("guest-") for name in names)


async def test_where_guests_are_not_allowed_a_token_is_required(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with start(make_manager(guests=False)) as service:
        async with service.connect() as guest:
            await guest.expect_close(Close.TOKEN_REQUIRED)
        async with service.join("ann"):
            pass


async def test_a_token_opens_a_room_that_has_a_password(service: Service) -> None:
    await service.manager.create_room("cellar", password="sesame")
    async with service.join("ann", "cellar"):
        pass


@pytest.mark.parametrize(
    "token",
    [
        "..",
        "a.b.c",
        "x" * 4_000,
        signed(GOOD, key="another key, which is of more than 32 bytes"),
        signed(GOOD, key=SECRET_KEY * 2, algorithm="HS512"),
        unsigned(GOOD),
        signed({"sub": "ann", "room": "lobby"}),
        signed({"room": "lobby", "exp": GOOD["exp"]}),
        signed({"sub": "ann", "exp": GOOD["exp"]}),
        signed({**GOOD, "sub": ""}),
        signed({**GOOD, "sub": "a" * 65}),
        signed({**GOOD, "sub": "a\nb"}),
        signed({**GOOD, "exp": "4000000000"}),
        signed({**GOOD, "exp": 10**400}),
        signed({**GOOD, "aud": "somebody else"}),
    ],
)
async def test_a_token_that_is_not_ours_is_invalid(service: Service, token: str) -> None:
    header = {"Authorization": f"Bearer {token}"}
    async with service.connect(subprotocols=None, additional_headers=header) as client:
        await client.expect_close(Close.TOKEN_INVALID)


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({**GOOD, "aud": "somebody else"}, "InvalidAudienceError"),
        ({**GOOD, "sub": "a\nb"}, "`sub` is no name of a user"),
    ],
)
async def test_the_log_says_what_is_wrong_with_a_token_and_nothing_of_it(
    claims: dict[str, Any], fault: str, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = signed(claims)
    async with service.connect(token=token) as client:
        await client.expect_close(Close.TOKEN_INVALID)
    assert f"A token is invalid: {fault}" in caplog.text
    assert token not in caplog.text


async def test_a_token_expires_while_connected(service: Service, clock: ManualClock) -> None:
    async with service.connect(token=service.token("ann", ttl=30)) as ann:
        await ann.expect("welcome")
        clock.advance(29)
        await ann.expect_nothing()
        clock.advance(1)
        await ann.expect_close(Close.TOKEN_EXPIRED)


async def test_a_refresh_just_before_the_end_keeps_the_connection(
    service: Service, clock: ManualClock
) -> None:
    async with service.connect(token=service.token("ann", ttl=30)) as ann:
        await ann.expect("welcome")
        clock.advance(29)
        await ann.send(type="refresh", token=service.token("ann", ttl=30))
        await ann.expect_nothing()
        clock.advance(29)
        await ann.expect_nothing()
        clock.advance(1)
        await ann.expect_close(Close.TOKEN_EXPIRED)


async def test_a_refresh_with_a_token_of_another_changes_nothing(
    service: Service, clock: ManualClock
) -> None:
    async with service.connect(token=service.token("ann", ttl=30)) as ann:
        await ann.expect("welcome")
        expired = service.token("ann", ttl=1)
        clock.advance(2)
        for token in (
            expired,
            service.token("bea"),
            service.token("ann", "attic"),
            signed(GOOD, key="another key, which is of more than 32 bytes"),
            "\N{SNOWMAN}",
        ):
            await ann.send(type="refresh", token=token)
            await ann.expect_error("invalid-token")
        clock.advance(28)
        await ann.expect_close(Close.TOKEN_EXPIRED)


async def test_no_timer_is_left_when_a_client_leaves(service: Service, clock: ManualClock) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="refresh", token=service.token("ann"))
        await ann.expect_nothing()
        assert clock.pending == 1
        await service.manager.remove_user("lobby", "ann")
        await ann.expect_close(Close.REMOVED)
        assert clock.pending == 0


async def test_a_guest_stays_without_end(service: Service, clock: ManualClock) -> None:
    async with service.connect() as guest:
        await guest.expect("welcome")
        clock.advance(1_000_000)
        await guest.expect_nothing()


async def test_the_limit_on_messages_is_a_rate(
    start: Start, make_manager: Callable[..., ConnectionManager], clock: ManualClock
) -> None:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(start(make_manager(messages_per_second=4)))
        ann = await stack.enter_async_context(service.join("ann"))
        for _ in range(3):
            for number in range(4):
                await ann.say(number)
                await ann.expect_message(number)
            clock.advance(1)
        for number in range(5):
            await ann.say(number)
        for number in range(4):
            await ann.expect_message(number)
        await ann.expect_close(Close.TOO_MANY_MESSAGES, retry_after=1)
