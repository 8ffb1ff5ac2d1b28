"""Who may come in, by token, as a guest, and for how long."""

import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import jwt
import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.frames import PROTOCOL

from ..clock import ManualClock
from ..configs import SECRET_KEY
from ..serving import Start
from .client import Client
from .service import Service


def signed(claims: dict[str, Any], key: str = SECRET_KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm)


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


GOOD = {"sub": "ann", "room": "lobby", "exp": 4_000_000_000}
ANN, BEA = signed(GOOD), signed({**GOOD, "sub": "bea"})


async def test_a_token_is_taken_from_a_subprotocol_which_is_not_echoed(service: Service) -> None:
    async with service.connect(token=service.token("ann")) as ann:
        assert ann.socket.subprotocol == PROTOCOL
        await ann.expect("welcome", user="ann")


async def test_a_token_is_taken_from_a_header(service: Service) -> None:
    header = {"Authorization": f"Bearer {service.token('ann')}"}
    async with service.connect(subprotocols=None, additional_headers=header) as ann:
        assert ann.socket.subprotocol is None
        await ann.expect("welcome", user="ann")


@pytest.mark.parametrize(
    ("offered", "headers"),
    [
        ([], [f"bearer  {ANN} "]),
        ([f"bearer.{ANN}", f"bearer.{ANN}"], []),
        ([f"bearer.{ANN}"], [f"Bearer {ANN}"]),
    ],
)
async def test_the_same_token_given_in_several_ways_is_one_token(
    service: Service, offered: list[str], headers: list[str]
) -> None:
    async with presenting(service, offered, headers) as ann:
        await ann.expect("welcome", user="ann")


@pytest.mark.parametrize(
    ("offered", "headers"),
    [
        ([], [""]),
        ([], ["Bearer"]),
        ([], ["Bearer "]),
        ([], [ANN]),
        ([], [f"Basic {ANN}"]),
        ([], [f"Bearer {ANN} {ANN}"]),
        ([], [f"Bearer {ANN}", f"Bearer {ANN}"]),
        ([], [f"Bearer {ANN}", ""]),
        (["bearer."], []),
        (["bearer.", f"bearer.{ANN}"], []),
        ([f"bearer.{ANN}", f"bearer.{BEA}"], []),
        ([f"bearer.{ANN}"], [f"Bearer {BEA}"]),
        ([f"bearer.{ANN}"], ["Basic YTpi"]),
        (["bearer."], [f"Bearer {ANN}"]),
    ],
)
async def test_an_unusable_token_is_never_taken_as_absent(
    service: Service, offered: list[str], headers: list[str]
) -> None:
    async with presenting(service, offered, headers) as client:
        assert client.socket.subprotocol == PROTOCOL
        await client.expect_close(Close.TOKEN_INVALID)


async def test_a_room_that_is_not_there_is_told_before_an_unusable_token(service: Service) -> None:
    async with presenting(service, ["bearer."], [], "nowhere") as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)


def presenting(
    service: Service, offered: list[str], headers: list[str], room: str = "lobby"
) -> AbstractAsyncContextManager[Client]:
    """Connect with these further subprotocols and `Authorization` headers."""
    return service.connect(
        room,
        subprotocols=[PROTOCOL, *offered],
        additional_headers=[("Authorization", value) for value in headers],
    )


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
        signed({**GOOD, "nbf": "1"}),
        signed({**GOOD, "iat": None}),
        signed({**GOOD, "publish": "false"}),
    ],
)
async def test_a_token_that_is_not_ours_is_invalid(service: Service, token: str) -> None:
    header = {"Authorization": f"Bearer {token}"}
    async with service.connect(subprotocols=None, additional_headers=header) as client:
        await client.expect_close(Close.TOKEN_INVALID)


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"sub": "ann", "room": "lobby"}, "MissingRequiredClaimError"),
        ({**GOOD, "sub": "a\nb"}, "`sub` is no name of a user"),
        ({**GOOD, "exp": "1"}, "`exp`, `iat` or `nbf` is no number"),
        ({**GOOD, "iat": 3_999_999_999}, "`iat` or `nbf` is in the future"),
        ({**GOOD, "publish": None}, "`publish` is neither true nor false"),
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


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_a_token_is_good_10_seconds_before_its_time_as_clocks_differ(
    service: Service, clock: ManualClock, claim: str
) -> None:
    token = signed({**GOOD, claim: clock.time() + 15})
    for seconds, good in ((0, False), (4, False), (1, True), (100, True)):
        clock.advance(seconds)
        async with service.connect(token=token) as ann:
            if good:
                await ann.expect("welcome", user="ann")
            else:
                await ann.expect_close(Close.TOKEN_INVALID)


async def test_a_token_is_never_good_after_its_end(service: Service, clock: ManualClock) -> None:
    token = signed({**GOOD, "exp": clock.time() + 1})
    async with service.connect(token=token) as ann:
        await ann.expect("welcome", user="ann")
    clock.advance(1)
    async with service.connect(token=token) as late:
        await late.expect_close(Close.TOKEN_EXPIRED)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else"},
        {"aud": 7},
        {"iss": "somebody else"},
        {"jti": 7},
        {"roles": ["admin"], "name": None},
        {"iat": 0, "nbf": 0.5, "publish": True},
    ],
)
async def test_claims_that_the_service_does_not_know_are_no_fault(
    service: Service, claims: dict[str, Any]
) -> None:
    async with service.connect(token=signed({**GOOD, **claims})) as ann:
        await ann.expect("welcome", user="ann")


async def test_a_reader_is_refused_to_speak(service: Service) -> None:
    async with service.connect(token=signed({**GOOD, "publish": False})) as ann:
        await ann.expect("welcome", user="ann")
        async with service.join("bea") as bea:
            await ann.expect("joined", user="bea")
            await ann.say("hello", id="m1")
            await ann.expect_error("refused", id="m1")
            await ann.say("hello")
            assert "id" not in await ann.expect_error("refused")
            await bea.say("still heard")
            for client in (ann, bea):
                await client.expect_message("still heard", "bea")


async def test_whether_a_client_may_speak_follows_its_newest_token(service: Service) -> None:
    reader = signed({**GOOD, "publish": False})
    async with service.connect(token=reader) as ann:
        await ann.expect("welcome", user="ann")
        await ann.send(type="refresh", token=ANN)
        await ann.say("hello")
        await ann.expect_message("hello", "ann")
        await ann.send(type="refresh", token=reader)
        await ann.say("hello again", id="m2")
        await ann.expect_error("refused", id="m2")


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


async def test_a_guest_has_no_token_to_refresh(service: Service) -> None:
    async with service.connect() as guest:
        name = (await guest.expect("welcome"))["user"]
        await guest.send(type="refresh", token=service.token(name))
        await guest.expect_error("invalid-token")


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
