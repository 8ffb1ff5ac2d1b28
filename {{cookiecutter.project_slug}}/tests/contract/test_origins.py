"""Which pages may connect and call, and under which names the service answers."""

import logging
import re
from collections.abc import Callable

import pytest

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from ..serving import Start
from ..waiting import within
from .service import KEY, Service

ORIGINS = (
    "https://www.example.org, https://*.example.com:8443, capacitor://localhost, null, "
    "https://GRÖSSE.example"
)
ALLOWED = [
    "https://www.example.org",
    "https://a.example.com:8443",
    "capacitor://localhost",
    "null",
    "https://xn--grsse-kua.example",
]
OTHERS = [
    "http://www.example.org",
    "https://example.com:8443",
    "https://a.b.example.com:8443",
    "https://a.example.com",
    "https://evil.example",
    "https://a.example.com.evil.example:8443",
    "capacitor://other",
    "file://",
]
TOKENS = "/rooms/lobby/tokens"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
HANDSHAKE = (
    "GET /ws/lobby HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MakeManager = Callable[..., ConnectionManager]


@pytest.mark.parametrize("origin", ALLOWED)
async def test_a_page_of_an_allowed_origin_connects_and_calls(
    start: Start, make_manager: MakeManager, origin: str
) -> None:
    async with start(make_manager(allowed_origins=ORIGINS)) as service:
        async with service.connect(origin=origin) as client:
            await client.expect("welcome")
        headers = {"Origin": origin}
        asked = await service.call("OPTIONS", TOKENS, headers={**headers, **PREFLIGHT})
        assert asked.status_code == 200
        assert asked.headers[ALLOW_ORIGIN] == origin
        assert asked.headers["Access-Control-Allow-Methods"] == "POST"
        assert asked.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        answer = await service.call("POST", TOKENS, headers=headers, json={"user": "ann"})
        assert answer.status_code == 201
        assert answer.headers[ALLOW_ORIGIN] == origin
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", OTHERS)
async def test_a_page_of_another_origin_neither_connects_nor_calls(
    start: Start, make_manager: MakeManager, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with start(make_manager(allowed_origins=ORIGINS)) as service:
        await service.expect_denied(403, origin=origin)
        for method, path in (("POST", TOKENS), ("POST", "/rooms"), ("DELETE", "/rooms/lobby")):
            headers = {"Origin": origin, **KEY}
            answer = await service.call(method, path, headers=headers, json={"user": "ann"})
            assert answer.status_code == 403
            assert answer.json()["detail"]
            assert ALLOW_ORIGIN not in answer.headers
        asked = await service.call("OPTIONS", TOKENS, headers={"Origin": origin, **PREFLIGHT})
        assert ALLOW_ORIGIN not in asked.headers
        assert (await service.call("GET", "/healthz", headers={"Origin": origin})).is_success
    assert f"ALLOWED_ORIGINS has no '{origin}'" in caplog.text


async def test_the_services_own_pages_connect_and_call(service: Service) -> None:
    origin = f"http://{service.address}"
    async with service.connect(origin=origin) as client:
        await client.expect("welcome")
    answer = await service.call("POST", TOKENS, headers={"Origin": origin}, json={"user": "ann"})
    assert answer.status_code == 201
    assert ALLOW_ORIGIN not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_an_origin_that_comes_twice_is_refused(service: Service, method: str) -> None:
    origin = ("Origin", f"http://{service.address}")
    answer = await service.call(method, "/readyz", headers=[origin, origin])
    assert answer.status_code == 400
    assert ALLOW_ORIGIN not in answer.headers


async def test_every_origin_is_allowed_by_an_asterisk(
    start: Start, make_manager: MakeManager
) -> None:
    async with start(make_manager(allowed_origins="*")) as service:
        for origin in (*ALLOWED, *OTHERS):
            async with service.connect(origin=origin) as client:
                await client.expect("welcome")
            answer = await service.call("GET", "/asyncapi.json", headers={"Origin": origin})
            assert answer.headers[ALLOW_ORIGIN] == origin


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/rooms", 405),
        ("POST", "/rooms", 401),
        ("POST", TOKENS, 422),
        ("POST", "/rooms/nowhere/tokens", 404),
        ("OPTIONS", TOKENS, 405),
        ("PUT", "/static/rooms.js", 405),
    ],
)
async def test_errors_can_be_read_by_pages_of_allowed_origins(
    start: Start, make_manager: MakeManager, method: str, path: str, status: int
) -> None:
    origin = "https://www.example.org"
    async with start(make_manager(allowed_origins=origin)) as service:
        body = {"user": "ann"} if "nowhere" in path else None
        answer = await service.call(method, path, headers={"Origin": origin}, json=body)
        assert (answer.status_code, answer.headers[ALLOW_ORIGIN]) == (status, origin)
        assert answer.json()["detail"]
        denied = await service.expect_denied(404, path="/ws/a/b", origin=origin)
        assert denied[ALLOW_ORIGIN] == origin
        large = await service.call(
            "POST", TOKENS, headers={"Origin": origin}, content=b"x" * 2_000_000
        )
        assert (large.status_code, large.headers[ALLOW_ORIGIN]) == (413, origin)


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/metrics", "/docs/socket", "/static/rooms.js", "/static/nothing"]
)
async def test_every_answer_names_its_origin_once(
    start: Start, make_manager: MakeManager, path: str
) -> None:
    async with start(make_manager(allowed_origins=ORIGINS)) as service:
        for origin, named in ((ALLOWED[0], [ALLOWED[0]]), (OTHERS[0], [])):
            answer = await service.call("GET", path, headers={"Origin": origin})
            assert answer.headers.get_list(ALLOW_ORIGIN) == named


HANDSHAKE_LINES = [
    "Sec-WebSocket-Version: 8",
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13",
    "Sec-WebSocket-Version:",
    "Sec-WebSocket-Key: short",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Key:",
]
HEAD_LINES = [
    "Host: b",
    "Content-Length: -1",
    "Content-Length: 1\r\nContent-Length: 1",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked\r\nContent-Length: 1",
    "X: a\r\n b",
    f"X: {'x' * 33_000}",
]


def refused_requests() -> list[str]:
    """Return requests that are refused before the application; `ORIGIN` stands for header lines."""
    requests = []
    for line in HANDSHAKE_LINES:
        lines = HANDSHAKE.format("a").splitlines()
        kept = [one for one in lines if one and not one.startswith(line.partition(":")[0])]
        requests.append("\r\n".join([*kept, line, "ORIGIN", ""]))
    start = "POST /rooms HTTP/1.1\r\n"
    for line in HEAD_LINES:
        head = f"{start}Host: a\r\n"
        requests += [f"{head}{line}\r\nORIGIN\r\n", f"{head}ORIGIN{line}\r\n\r\n"]
    targets = ("/é", "x y")
    requests += [f"GET {target} HTTP/1.1\r\nHost: a\r\nORIGIN\r\n" for target in targets]
    return [*requests, f"{start}ORIGIN\r\n"]


@pytest.mark.parametrize("refused", refused_requests())
async def test_a_refusal_of_the_server_can_be_read_by_pages_of_allowed_origins(
    start: Start,
    make_manager: MakeManager,
    caplog: pytest.LogCaptureFixture,
    refused: str,
) -> None:
    origin = "https://www.example.org"
    line, other = f"Origin: {origin}\r\n", "Origin: https://evil.example\r\n"
    async with start(make_manager(allowed_origins=origin)) as service:
        for lines, allowed in ((line, [origin]), (other, []), ("", []), (line * 2, [])):
            async with service.opened(refused.replace("ORIGIN", lines)) as (reader, _):
                head = (await within("the head", reader.readuntil(b"\r\n\r\n"))).decode()
            assert head.startswith("HTTP/1.1 400 ")
            assert re.findall(r"(?i)access-control-allow-origin: (.*)\r", head) == allowed
            assert re.findall(r"(?i)\nvary: (.*)\r", head) == ["Origin"]
    caplog.clear()


@pytest.mark.parametrize("text", ["GET x y HTTP/1.1\r\nOrigin: https://a\r\n\r\n", "\0\r\n\r\n"])
async def test_a_refusal_says_nothing_of_origins_where_no_other_is_allowed(
    service: Service, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    async with service.opened(text) as (reader, _):
        head = (await within("the head", reader.readuntil(b"\r\n\r\n"))).decode().lower()
    assert head.startswith("http/1.1 400 ")
    assert "vary" not in head
    assert "access-control" not in head
    caplog.clear()


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("www.example.org", True),
        ("WWW.Example.org:8000", True),
        ("a.example.com", True),
        ("example.com", True),
        ("[::1]:8000", True),
        ("example.org", False),
        ("www.example.org.evil.example", False),
        ("notexample.com", False),
        ("127.0.0.1", False),
    ],
)
async def test_the_service_answers_under_its_names_only(
    start: Start, make_manager: MakeManager, host: str, *, served: bool
) -> None:
    manager = make_manager(allowed_hosts="www.example.org, .Example.com, [::1]")
    async with start(manager) as service:
        headers = {"Host": host}
        page = await service.call("GET", "/", headers=headers)
        token = await service.call("POST", TOKENS, headers=headers, json={"user": "ann"})
        statuses = [page.status_code, token.status_code]
        assert statuses == ([200, 201] if served else [400, 400])
        for probe in ("/healthz", "/readyz", "/metrics"):
            assert (await service.call("GET", probe, headers=headers)).is_success
        async with service.opened(HANDSHAKE.format(host)) as (reader, _):
            line = await within("the answer", reader.readline())
            assert line.split()[1] == (b"101" if served else b"400")


@pytest.mark.parametrize("host", ["a_b:8000", "x:", "a%20b", "a~b", "[1.2]"])
async def test_any_host_is_served_unless_the_names_are_set(service: Service, host: str) -> None:
    for path in ("/", "/readyz", "/metrics", "/rooms/lobby/members"):
        answer = await service.call("GET", path, headers={"Host": host, **KEY})
        assert answer.status_code == 200
