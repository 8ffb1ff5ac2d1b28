"""Who tries to get in, or to look like another; docs/threats.md has the whole list."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from {{cookiecutter.__package}}.rooms.auth.throttle import WINDOW_SECONDS
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from ..clock import ManualClock
from ..processes import PROCESS_TIMEOUT, serving
from ..serving import Start
from ..waiting import within
from .service import KEY, Endpoint, Service

CELLAR = "/rooms/cellar/tokens"
SCRIPT = "<img src=x onerror=alert(1)>"


def test_each_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", Path("docs/threats.md").read_text(encoding="utf-8")))
    written = "".join(path.read_text(encoding="utf-8") for path in Path("tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", written))
    assert named
    assert named <= there, f"not there: {named - there}"


FEW_GUESSES = 2


@pytest.fixture
def manager(make_manager: Callable[..., ConnectionManager]) -> ConnectionManager:
    return make_manager(tuning=Tuning(guesses=FEW_GUESSES))


async def guess(service: Endpoint, password: str, path: str = CELLAR, **headers: str) -> int:
    """Ask for a token with this password; the status of the answer."""
    body = {"user": "ann", "password": password}
    return (await service.call("POST", path, headers=headers, json=body)).status_code


async def test_passwords_cannot_be_guessed(service: Service, clock: ManualClock) -> None:
    for room in ("cellar", "attic"):
        await service.manager.create_room(room, password="sesame")
    # All at once: none slips through while another is still checked.
    at_once = [guess(service, f"wrong {number}") for number in range(2 * FEW_GUESSES)]
    assert sorted(await asyncio.gather(*at_once)) == [403] * FEW_GUESSES + [429] * FEW_GUESSES
    body = {"user": "ann", "password": "sesame"}
    refused = await service.call("POST", CELLAR, json=body)
    assert refused.status_code == 429
    assert refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) == WINDOW_SECONDS
    assert await guess(service, "", Authorization=KEY["Authorization"]) == 201
    assert await guess(service, "sesame", "/rooms/attic/tokens") == 201
    # As a proxy tells it, on this machine as by default.
    assert await guess(service, "sesame", **{"X-Forwarded-For": "203.0.113.7"}) == 201
    clock.advance(WINDOW_SECONDS)
    assert await guess(service, "sesame") == 201


async def test_who_knows_the_password_may_ask_again_and_again(service: Service) -> None:
    await service.manager.create_room("cellar", password="sesame")
    for _ in range(FEW_GUESSES + 1):
        assert await guess(service, "sesame") == 201


async def test_callers_without_a_key_learn_of_no_room(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with start(make_manager(guests=False)) as service:
        paths = [f"/rooms/{room}/tokens" for room in ("lobby", "nowhere")]
        answers = [await service.call("POST", path, json={"user": "ann"}) for path in paths]
        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].text == answers[1].text
        assert (await service.call("GET", "/rooms", headers=KEY)).status_code == 405


@pytest.mark.parametrize("user", ["a\nb", "\x1b[31mann", "ann\u202e", "an\u200bn", "a\u2028b"])
async def test_a_name_that_deceives_the_eye_or_a_terminal_is_refused(
    service: Service, user: str
) -> None:
    answer = await service.call("POST", "/rooms/lobby/tokens", json={"user": user})
    assert answer.status_code == 422
    async with service.connect(token=service.token(user)) as client:
        await client.expect_close(Close.TOKEN_INVALID)


async def test_markup_in_a_name_stays_text(service: Service) -> None:
    async with service.join(SCRIPT) as one:
        await one.say(SCRIPT)
        await one.expect_message(SCRIPT, SCRIPT)
    for accepted in ("application/json", "text/html"):
        answer = await service.call("GET", f"/nowhere/{SCRIPT}", headers={"Accept": accepted})
        assert answer.status_code == 404
        is_json = answer.headers["Content-Type"].startswith("application/json")
        assert is_json or "<img" not in answer.text


async def test_a_token_without_a_foreseeable_end_is_still_taken_back(service: Service) -> None:
    async with service.connect(token=service.token("ann", ttl=1e300)) as ann:
        await ann.expect("welcome", user="ann")
        await service.manager.remove_user("lobby", "ann")
        await ann.expect_close(Close.REMOVED)


def nested(depth: int) -> str:
    header = '{"alg":"HS256","x":' + "[" * depth + "]" * depth + "}"
    return urlsafe_b64encode(header.encode()).decode().rstrip("=") + ".e30.AAAA"


@pytest.mark.parametrize("token", ["x" * 60_000, "." * 60_000, nested(20_000)])
async def test_a_token_is_read_at_no_cost(service: Service, token: str) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="refresh", token=token)
        await ann.expect_error("invalid-token")


async def test_a_token_nested_too_deep_is_invalid(service: Service) -> None:
    header = {"Authorization": f"Bearer {nested(2_500)}"}
    async with service.connect(subprotocols=None, additional_headers=header) as client:
        await client.expect_close(Close.TOKEN_INVALID)


TRICKS = [
    "//rooms",
    "/rooms//tokens",
    "/rooms/lobby/../lobby/tokens",
    "/rooms/%2e%2e/tokens",
    "/rooms/lobby/tokens/",
    "/rooms/LOBBY/tokens",
    "/rooms/lobby%00/tokens",
    "/rooms/l%C3%B6bby/tokens",
    "/rooms/%FF%FE/tokens",
    f"/rooms/{'x' * 8_000}/tokens",
    "/static/..%2fconfig.py",
    "/static/%2e%2e%2fconfig.py",
    "/static//etc/passwd",
    "/static/%00",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_of_tricks_leads_nowhere(service: Service, method: str) -> None:
    host, _, port = service.address.partition(":")
    for path in TRICKS:
        reader, writer = await asyncio.open_connection(host, int(port))
        body = '{"user": "ann"}'
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answered = await within("an answer", reader.read())
        writer.close()
        assert re.match(rb"HTTP/1.1 40[45] ", answered), answered[:100]
        assert b'"detail"' in answered


@PROCESS_TIMEOUT
async def test_nobody_writes_a_line_of_the_log_or_reads_a_secret_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path, ROOMS="lobby") as (process, service):
        token = service.token("ann")
        async with service.connect(token=token) as ann:
            await ann.expect("welcome")
        for path in ("/rooms/%0AERROR:%20forged", "/rooms/%1B%5B31mforged", "/?x=%0D%0Aforged"):
            await service.call("GET", path)
        async with service.connect("%0AERROR:%20forged") as client:
            await client.expect_close(Close.ROOM_NOT_FOUND)
        # Where there is an admin, it logs what comes without its cookie.
        await service.call("POST", "/admin/%0DERROR:%20forged%1B%5B31mforged")
        await service.call("POST", "/rooms", headers=KEY, json={"name": "c", "password": "sesame"})
        await guess(service, "sesame!", "/rooms/c/tokens")
        process.stop()
        await process.ended()
    # Of the access log, which goes elsewhere than the errors, too.
    printed = process.printed + capfd.readouterr().out
    assert "/rooms/" in printed
    for line in printed.splitlines():
        assert not line.startswith(("ERROR: forged", "forged")), line
    for never in ("\x1b[31mforged", token, "sesame"):
        assert never not in printed
