"""Clients that present a token of the identity provider."""

import asyncio
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from {{cookiecutter.__package}}.rooms.auth.provider import ProviderKeys, fetch
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..clock import ManualClock
from ..serving import Start
from ..waiting import LIMIT_SECONDS
from .provider import GOOD, Provider, make_key, providing, sign
from .service import Service

HOUR = 3600


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with providing(provider):
        yield provider


@pytest.fixture
async def service(
    provider: Provider, start: Start, make_manager: Callable[..., ConnectionManager]
) -> AsyncIterator[Service]:
    """A service whose settings name the provider."""
    async with start(make_manager(**provider.settings)) as running:
        yield running


async def expect_admitted(service: Service, token: str, user: str = "ann") -> None:
    async with service.connect(token=token) as client:
        await client.expect("welcome", user=user)


async def expect_refused(service: Service, token: str, close: Close) -> None:
    async with service.connect(token=token) as client:
        await client.expect_close(close)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_the_provider_admits_its_user(
    service: Service, provider: Provider, algorithm: str
) -> None:
    provider.keys.append(make_key(algorithm, algorithm).public)
    for _ in range(3):
        await expect_admitted(service, sign(algorithm, algorithm))
    assert provider.asked == 1, "the keys are kept"


async def test_the_services_own_tokens_stay_valid(service: Service, provider: Provider) -> None:
    async with service.join("bea"):
        pass
    assert provider.asked == 0


async def test_without_the_settings_a_provider_admits_nobody(
    start: Start, manager: ConnectionManager
) -> None:
    async with start(manager) as service:
        await expect_refused(service, sign(), Close.TOKEN_INVALID)


@pytest.mark.parametrize(
    ("claims", "close"),
    [
        ({"iss": None}, Close.TOKEN_INVALID),
        ({"iss": "https://id.example.org/"}, Close.TOKEN_INVALID),
        ({"aud": None}, Close.TOKEN_INVALID),
        ({"aud": "mail"}, Close.TOKEN_INVALID),
        ({"aud": ["mail", "room"]}, Close.TOKEN_INVALID),
        ({"aud": 7}, Close.TOKEN_INVALID),
        ({"sub": None}, Close.TOKEN_INVALID),
        ({"sub": "ann\n"}, Close.TOKEN_INVALID),
        ({"sub": 7}, Close.TOKEN_INVALID),
        ({"exp": None}, Close.TOKEN_INVALID),
        ({"exp": "soon"}, Close.TOKEN_INVALID),
        ({"exp": 1}, Close.TOKEN_EXPIRED),
        ({"nbf": 3_999_999_999}, Close.TOKEN_INVALID),
        ({"rooms": None}, Close.WRONG_ROOM),
        ({"rooms": ["attic", 7, ["lobby"]]}, Close.WRONG_ROOM),
        ({"rooms": "lobby"}, Close.WRONG_ROOM),
        ({"rooms": "*"}, Close.WRONG_ROOM),
    ],
)
async def test_a_token_that_does_not_fit_is_refused(
    service: Service, claims: dict[str, Any], close: Close
) -> None:
    await expect_refused(service, sign(**claims), close)


@pytest.mark.parametrize(
    "claims", [{"aud": ["mail", "rooms"]}, {"iat": 0}, {"jti": 7}, {"rooms": ["attic", "lobby"]}]
)
async def test_a_token_that_fits_is_accepted(service: Service, claims: dict[str, Any]) -> None:
    await expect_admitted(service, sign(**claims))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_a_providers_token_is_valid_10_seconds_before_its_time(
    service: Service, clock: ManualClock, claim: str
) -> None:
    token = sign(**{claim: clock.time() + 11})
    await expect_refused(service, token, Close.TOKEN_INVALID)
    clock.advance(1)
    await expect_admitted(service, token)


def forged(header: dict[str, Any], secret: bytes | None = None) -> str:
    """Write a token with any header; signed with HMAC, or by nothing."""
    parts = [json.dumps(part).encode() for part in (header, GOOD)]
    head = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret, head, "sha256") if secret else b""
    return b".".join([head, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", None, ["RS256"]])
async def test_a_token_that_nobody_signed_is_invalid(service: Service, algorithm: object) -> None:
    for token in (forged({"alg": algorithm, "kid": "one"}), forged({"kid": "one"})):
        await expect_refused(service, token, Close.TOKEN_INVALID)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
async def test_a_token_that_is_signed_with_the_public_key_as_a_secret_is_invalid(
    service: Service, encoding: Encoding
) -> None:
    public = make_key("one").private.public_key()
    secret = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    token = forged({"alg": "HS256", "kid": "one"}, secret)
    await expect_refused(service, token, Close.TOKEN_INVALID)


async def test_a_token_that_another_signed_is_invalid(service: Service) -> None:
    await expect_refused(service, sign("one", "RS256", make_key("theirs")), Close.TOKEN_INVALID)


async def test_the_key_says_how_a_token_is_signed(service: Service, provider: Provider) -> None:
    provider.keys.append(make_key("curve", "ES256").public)
    for kid, algorithm in (("one", "ES256"), ("curve", "RS256"), ("one", "EdDSA")):
        other = make_key(f"another {algorithm}", algorithm)
        await expect_refused(service, sign(kid, algorithm, other), Close.TOKEN_INVALID)
    for algorithm in ("RS512", "PS256"):
        await expect_refused(service, sign("one", algorithm, make_key("one")), Close.TOKEN_INVALID)
    await expect_admitted(service, sign("curve", "ES256"))


async def test_keys_for_another_purpose_are_not_used(service: Service, provider: Provider) -> None:
    encrypting = {**make_key("encrypting").public, "use": "enc"}
    named = {**make_key("named").public, "alg": "RS512"}
    secret = {"kty": "oct", "kid": "secret", "k": urlsafe_b64encode(b"k" * 32).decode()}
    curve = make_key("curve", "ES384").public
    provider.keys += [encrypting, named, secret, curve, {"kty": "new"}]
    provider.keys.append({**make_key("signing").public, "use": "sig", "alg": "RS256"})
    tokens = [
        sign("encrypting"),
        sign("named"),
        forged({"alg": "HS256", "kid": "secret"}, b"k" * 32),
    ]
    tokens.append(sign("curve", "ES384"))
    for token in tokens:
        await expect_refused(service, token, Close.TOKEN_INVALID)
    await expect_admitted(service, sign("signing"))


async def test_a_provider_need_not_name_its_only_key(service: Service, provider: Provider) -> None:
    key = make_key("one")
    provider.keys = [{name: value for name, value in key.public.items() if name != "kid"}]
    await expect_admitted(service, jwt.encode(GOOD, key.private, "RS256"))


async def test_a_refresh_takes_a_token_of_the_provider(
    service: Service, clock: ManualClock
) -> None:
    async with service.connect(token=sign(exp=clock.time() + 30)) as ann:
        await ann.expect("welcome")
        clock.advance(29)
        await ann.send(type="refresh", token=sign(exp=clock.time() + 30))
        for token in (service.token("ann"), sign(sub="bea"), sign(rooms=["attic"]), "\N{SNOWMAN}"):
            await ann.send(type="refresh", token=token)
            await ann.expect_error("invalid-token")
        clock.advance(29)
        await ann.expect_nothing()
        clock.advance(1)
        await ann.expect_close(Close.TOKEN_EXPIRED)


async def test_a_client_with_an_own_token_refreshes_by_an_own_token(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="refresh", token=sign())
        await ann.expect_error("invalid-token")


async def test_the_listed_rooms_are_open_whether_locked_or_not(service: Service) -> None:
    await service.manager.create_room("cellar", password="sesame")
    for rooms, opened in ((["cellar"], {"cellar"}), (["*"], {"lobby", "cellar"}), ([], set())):
        for room in ("lobby", "cellar"):
            async with service.connect(room, sign(rooms=rooms)) as ann:
                if room in opened:
                    await ann.expect("welcome", user="ann")
                else:
                    await ann.expect_close(Close.WRONG_ROOM)


async def test_the_claim_of_rooms_has_the_name_of_the_setting(
    provider: Provider, start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    claim = "https://example.org/rooms"
    async with start(make_manager(**provider.settings, jwt_rooms_claim=claim)) as service:
        await expect_admitted(service, sign(rooms=None, **{claim: ["lobby"]}))
        await expect_refused(service, sign(), Close.WRONG_ROOM)


async def test_a_reader_of_the_providers_is_refused_to_speak(service: Service) -> None:
    async with service.connect(token=sign(publish=False)) as ann:
        await ann.expect("welcome")
        await ann.say("hello")
        await ann.expect_error("refused")


async def test_a_new_key_is_fetched_once_for_all_who_present_it(
    service: Service, provider: Provider, clock: ManualClock
) -> None:
    await expect_admitted(service, sign())
    clock.advance(1)
    provider.keys = [make_key("two").public]
    provider.go_on.clear()
    async with AsyncExitStack() as stack:
        coming = [service.connect(token=sign("two")) for _ in range(3)]
        clients = [await stack.enter_async_context(one) for one in coming]
        provider.go_on.set()
        for client in clients:
            await client.expect("welcome", user="ann")
    assert provider.asked == 2
    await expect_refused(service, sign("one"), Close.TOKEN_INVALID)


async def test_unknown_keys_are_asked_for_every_30_seconds_at_most(
    service: Service, provider: Provider, clock: ManualClock
) -> None:
    await expect_admitted(service, sign())
    clock.advance(1)
    for seconds, asked in ((0, 2), (29, 2), (1, 3)):
        clock.advance(seconds)
        for kid in ("unknown", "unknown too"):
            await expect_refused(service, sign(kid, "RS256", make_key("one")), Close.TOKEN_INVALID)
        assert provider.asked == asked
    await expect_admitted(service, sign())


async def test_while_unknown_keys_are_asked_for_known_ones_wait_for_nothing(
    service: Service, provider: Provider, clock: ManualClock
) -> None:
    await expect_admitted(service, sign())
    clock.advance(1)
    provider.go_on.clear()
    unknown = sign("unknown", "RS256", make_key("one"))
    async with service.connect(token=unknown) as client:
        await expect_admitted(service, sign())
        provider.go_on.set()
        await client.expect_close(Close.TOKEN_INVALID)


async def test_keys_are_kept_for_an_hour(
    service: Service, provider: Provider, clock: ManualClock
) -> None:
    await expect_admitted(service, sign())
    provider.keys = [make_key("two").public]
    clock.advance(HOUR - 1)
    await expect_admitted(service, sign())
    assert provider.asked == 1
    clock.advance(1)
    await expect_refused(service, sign(), Close.TOKEN_INVALID)
    assert provider.asked == 2


async def test_while_the_provider_is_away_its_keys_stay_valid(
    service: Service, provider: Provider, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await expect_admitted(service, sign())
    provider.status = 503
    clock.advance(HOUR - 1)
    await expect_admitted(service, sign())
    # Nobody knows whether the provider has this one by now.
    for _ in range(2):
        await expect_refused(service, sign("two"), Close.INTERNAL_ERROR)
    assert provider.asked == 2
    assert (await service.call("GET", "/readyz")).status_code == 200
    assert [one.getMessage() for one in caplog.records if "Out of reach" in one.message] == [
        "Out of reach: KeysError(\"JWKS_URL: <HTTPError 503: 'Service Unavailable'>\")"
    ] * 2
    caplog.clear()


async def test_without_a_key_the_providers_users_come_back_later(
    service: Service, provider: Provider, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    provider.status = 503
    for _ in range(3):
        await expect_refused(service, sign(), Close.INTERNAL_ERROR)
    assert provider.asked == 1, "one second has to pass"
    async with service.join("bea"):
        """Others are admitted meanwhile."""
    provider.status = 200
    clock.advance(1)
    await expect_admitted(service, sign())
    caplog.clear()


async def test_a_refresh_ends_the_connection_while_no_key_is_at_hand(
    service: Service, provider: Provider, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with service.connect(token=sign()) as ann:
        await ann.expect("welcome")
        provider.status = 503
        clock.advance(HOUR)
        await ann.send(type="refresh", token=sign())
        await ann.expect_close(Close.INTERNAL_ERROR)
    caplog.clear()


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, None, "404"),
        (302, None, "302"),
        (200, b"<html>", "JSONDecodeError"),
        (200, b"\xff", "UnicodeDecodeError"),
        (200, b"[]", "AttributeError"),
        (200, b"{}", "did not contain any keys"),
        (200, b'{"keys": [{"kty": "new"}]}', "usable keys"),
        pytest.param(200, b" " * 262_145, "more than 262144 bytes", id="large"),
    ],
)
async def test_an_answer_that_holds_no_keys_is_told_in_the_log(
    provider: Provider, clock: ManualClock, status: int, body: bytes | None, told: str
) -> None:
    keys = ProviderKeys(provider.url, clock)
    provider.status, provider.body = status, body
    # A redirect is not followed.
    provider.headers["Location"] = "/elsewhere"
    with pytest.raises(UnavailableError) as error:
        await keys.find("one")
    assert told in repr(error.value.__cause__)
    assert provider.asked == 1


async def test_a_provider_that_does_not_answer_is_waited_for_no_longer(
    provider: Provider, clock: ManualClock
) -> None:
    provider.go_on.clear()
    keys = ProviderKeys(provider.url, clock)
    keys.seconds = 0.1
    with pytest.raises(UnavailableError) as error:
        await keys.find("one")
    assert "TimeoutError" in repr(error.value.__cause__)


async def test_an_answer_that_does_not_end_is_read_no_longer() -> None:
    class Dripping(Provider):
        def answer(self, request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.end_headers()
            while True:
                request.wfile.write(b" ")
                time.sleep(0.01)

    dripping = Dripping()
    with providing(dripping), pytest.raises(TimeoutError):
        await asyncio.to_thread(fetch, dripping.url, 0.2)


async def test_a_fetch_that_is_cut_off_makes_no_token_invalid(clock: ManualClock) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> bytes:
        go_on.wait(LIMIT_SECONDS)
        return json.dumps({"keys": [make_key("one").public]}).encode()

    keys = ProviderKeys("", clock, slow)
    first = asyncio.create_task(keys.find("one"))
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()
    with pytest.raises(UnavailableError):
        await keys.find("one")
    clock.advance(1)
    assert await keys.find("one")
