"""The HTTP calls."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import pytest

from {{cookiecutter.__package}}.rooms import (
    Client,
    Publication,
    RoomHandler,
)
from {{cookiecutter.__package}}.rooms import (
    Service as Made,
)
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.server.handshake import bearer_token

from ..configs import API_KEY
from ..serving import Start
from ..waiting import within
from .service import KEY, Service


async def test_the_page_is_html(service: Service) -> None:
    answer = await service.call("GET", "/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_health(service: Service) -> None:
    answer = await service.call("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/rooms/lobby/members/", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/asyncapi.json", 200),
        ("GET", "/static/rooms.js", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/rooms", 401),
    ],
)
async def test_every_answer_forbids_sniffing_and_framing(
    service: Service, method: str, path: str, status: int
) -> None:
    answer = await service.call(method, path)
    assert answer.status_code == status
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/metrics", "/asyncapi.json", "/docs/socket"]
)
async def test_what_answers_get_answers_head(service: Service, path: str) -> None:
    answer = await service.call("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")
    got = await service.call("GET", path)
    assert answer.headers["Content-Type"] == got.headers["Content-Type"]


async def test_a_draining_process_is_not_ready_but_alive(service: Service) -> None:
    assert (await service.call("GET", "/readyz")).status_code == 200
    await service.manager.drain()
    assert (await service.call("GET", "/readyz")).status_code == 503
    assert (await service.call("GET", "/healthz")).status_code == 200


async def test_a_draining_process_sends_newcomers_away(service: Service) -> None:
    await service.manager.drain()
    async with service.connect() as client:
        await client.expect_close(Close.SERVICE_RESTART)


async def test_a_room_is_created_and_deleted(service: Service) -> None:
    answer = await service.call("POST", "/rooms", headers=KEY, json={"name": "attic"})
    assert (answer.status_code, answer.json()) == (201, {"name": "attic"})
    async with service.join("ann", "attic") as ann:
        answer = await service.call("DELETE", "/rooms/attic", headers=KEY)
        assert (answer.status_code, answer.content) == (204, b"")
        await ann.expect_close(Close.ROOM_CLOSED)
    async with service.connect("attic") as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)


async def test_a_room_of_the_same_name_is_another_room(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("old", id="m1")
        old = (await ann.expect_message("old"))["position"]
        await service.call("DELETE", "/rooms/lobby", headers=KEY)
        await ann.expect_close(Close.ROOM_CLOSED)
    await service.call("POST", "/rooms", headers=KEY, json={"name": "lobby"})
    async with service.join("ann") as ann:
        await ann.say("new", id="m1")
        assert (await ann.expect_message("new"))["position"] > old


async def test_a_room_keeps_what_it_was_created_with(service: Service) -> None:
    room = {"name": "closet", "password": "sesame", "capacity": 1, "presence": False}
    assert (await service.call("POST", "/rooms", headers=KEY, json=room)).status_code == 201
    async with service.connect("closet") as client:
        await client.expect_close(Close.TOKEN_REQUIRED)
    async with service.connect("closet", service.token("ann", "closet")) as ann:
        assert "members" not in await ann.expect("welcome")
        async with service.connect("closet", service.token("bea", "closet")) as bea:
            await bea.expect_close(Close.ROOM_FULL)


async def test_a_name_is_taken_once(service: Service) -> None:
    answer = await service.call("POST", "/rooms", headers=KEY, json={"name": "lobby"})
    assert answer.status_code == 409
    assert "lobby" in answer.json()["detail"]


async def test_a_token_is_good_for_the_socket(service: Service) -> None:
    answer = await service.call("POST", "/rooms/lobby/tokens", json={"user": "ann", "ttl": 60})
    assert answer.status_code == 201
    assert answer.json().keys() == {"token", "expires_in"}
    assert answer.json()["expires_in"] == 60
    async with service.connect(token=answer.json()["token"]) as ann:
        await ann.expect("welcome", user="ann")


@pytest.mark.parametrize(
    ("password", "headers", "status"),
    [
        ({}, {}, 403),
        ({"password": "wrong"}, {}, 403),
        ({"password": "sesame"}, {}, 201),
        ({}, KEY, 201),
    ],
)
async def test_a_password_is_asked_of_all_but_trusted_callers(
    service: Service, password: dict[str, str], headers: dict[str, str], status: int
) -> None:
    await service.manager.create_room("cellar", password="sesame")
    answer = await service.call(
        "POST", "/rooms/cellar/tokens", headers=headers, json={"user": "ann", **password}
    )
    assert answer.status_code == status


async def test_where_guests_are_not_allowed_tokens_need_the_key(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    async with start(make_manager(guests=False)) as service:
        path, body = "/rooms/lobby/tokens", {"user": "ann"}
        assert (await service.call("POST", path, json=body)).status_code == 401
        assert (await service.call("POST", path, json=body, headers=KEY)).status_code == 201


async def test_a_trusted_caller_gets_a_token_that_only_reads(service: Service) -> None:
    path, body = "/rooms/lobby/tokens", {"user": "ann", "publish": False}
    answer = await service.call("POST", path, json=body)
    assert answer.status_code == 422
    assert "publish" in answer.json()["detail"]
    answer = await service.call("POST", path, json=body, headers=KEY)
    assert answer.status_code == 201
    async with service.connect(token=answer.json()["token"]) as ann:
        await ann.expect("welcome", user="ann")
        await ann.say("hello", id="m1")
        await ann.expect_error("refused", id="m1")
    answer = await service.call("POST", path, json={"user": "ann", "publish": True})
    async with service.connect(token=answer.json()["token"]) as ann:
        await ann.expect("welcome", user="ann")
        await ann.say("hello")
        await ann.expect_message("hello", "ann")


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["Bearer"],
        ["Basic YTpi"],
        [API_KEY],
        [KEY["Authorization"], KEY["Authorization"]],
        [KEY["Authorization"], "Bearer wrong"],
        ["", KEY["Authorization"]],
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/rooms/lobby/tokens"), ("GET", "/metrics"), ("POST", "/rooms")]
)
async def test_an_unusable_authorization_is_never_taken_as_absent(
    service: Service, method: str, path: str, values: list[str]
) -> None:
    headers = [("Authorization", value) for value in values]
    body = {"user": "ann", "name": "attic"}
    answer = await service.call(method, path, headers=headers, json=body)
    assert answer.status_code == 401
    assert "API key" in answer.json()["detail"]


CALLS_WITH_KEY = [("POST", "/rooms"), ("DELETE", "/rooms/lobby")]


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_KEY)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic YTpi", "Bearer \xfc"])
async def test_without_the_key_nothing_is_done(
    service: Service, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = await service.call(method, path, headers=headers, json={"name": "attic"})
    assert answer.status_code == 401
    assert "API key" in answer.json()["detail"]
    assert await service.manager.store.get("lobby")
    assert not await service.manager.store.get("attic")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer key", "key"),
        ("bearer  key ", "key"),
        ("Bearer kÃ\xa0", "kÃ\xa0"),
        ("Bearer my key", ""),
        ("Bearer my\tkey", ""),
        ("Bearer key, Bearer key", ""),
        ("Basic key", ""),
        ("Bearer", ""),
    ],
)
def test_a_token_is_the_one_word_behind_bearer(header: str, token: str) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize("api_key", [None, ""])
@pytest.mark.parametrize(("method", "path"), CALLS_WITH_KEY)
async def test_without_a_key_in_the_settings_nobody_is_trusted(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    method: str,
    path: str,
    api_key: str | None,
) -> None:
    async with start(make_manager(api_key=api_key)) as service:
        for given in (None, KEY["Authorization"], "Bearer None", "Bearer", "Basic YTpi"):
            headers = {} if given is None else {"Authorization": given}
            answer = await service.call(method, path, headers=headers, json={"name": "attic"})
            assert answer.status_code == 401


@pytest.mark.parametrize("room", ["nowhere", "LOBBY", "x" * 100, "%C3%BC", "a%2Fb", "lobby/"])
async def test_a_room_that_is_not_there_is_not_found(service: Service, room: str) -> None:
    for method, path, body in [
        ("DELETE", f"/rooms/{room}", None),
        ("POST", f"/rooms/{room}/tokens", {"user": "ann"}),
    ]:
        answer = await service.call(method, path, headers=KEY, json=body)
        assert answer.status_code == 404
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/rooms", {}, "name"),
        ("/rooms", {"name": "UPPER"}, "a-z 0-9"),
        ("/rooms", {"name": ""}, "a-z 0-9"),
        ("/rooms", {"name": "x" * 65}, "64"),
        ("/rooms", {"name": 7}, "name"),
        ("/rooms", {"name": "attic", "capacity": 0}, "capacity"),
        ("/rooms", {"name": "attic", "capacity": 10**30}, "capacity"),
        ("/rooms", {"name": "attic", "capacity": "5"}, "capacity"),
        ("/rooms", {"name": "attic", "presence": "no"}, "presence"),
        ("/rooms", {"name": "attic", "password": "x" * 2_000}, "password"),
        ("/rooms", {"name": "attic", "password": ""}, "password"),
        ("/rooms", {"name": "attic", "presence": "maybe"}, "presence"),
        ("/rooms/lobby/tokens", {}, "user"),
        ("/rooms/lobby/tokens", {"user": ""}, "64 printable"),
        ("/rooms/lobby/tokens", {"user": "a\nb"}, "64 printable"),
        ("/rooms/lobby/tokens", {"user": "."}, "not . or .."),
        ("/rooms/lobby/tokens", {"user": ".."}, "not . or .."),
        ("/rooms/lobby/tokens", {"user": "a" * 65}, "64 printable"),
        ("/rooms/lobby/tokens", {"user": "ann", "ttl": 0}, "ttl"),
        ("/rooms/lobby/tokens", {"user": "ann", "ttl": 10**9}, "ttl"),
        ("/rooms/lobby/tokens", {"user": "ann", "ttl": True}, "ttl"),
        ("/rooms/lobby/tokens", {"user": "ann", "publish": 0}, "publish"),
        ("/rooms/lobby/tokens", {"user": "ann", "publish": "maybe"}, "publish"),
        ("/rooms", {"name": "attic", "pasword": "sesame"}, "pasword"),
        ("/rooms/lobby/tokens", {"user": "ann", "is_staff": True}, "is_staff"),
        ("/rooms/lobby/messages", {"body": "hello", "sender": "ann"}, "sender"),
        ("/rooms/lobby/frames", {"frame": {"type": "x-tick"}, "room": "attic"}, "room"),
    ],
)
async def test_a_body_with_other_fields_is_refused_by_name(
    service: Service, path: str, body: dict[str, Any], named: str
) -> None:
    answer = await service.call("POST", path, headers=KEY, json=body)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"null", b"[" * 5_000, b'"\\ud800"']
)
async def test_a_body_that_is_no_object_is_refused(service: Service, content: bytes) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    answer = await service.call("POST", "/rooms", headers=headers, content=content)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(service: Service) -> None:
    answer = await service.call("POST", "/rooms", headers=KEY, content=b" " * 2_000_000)
    assert answer.status_code == 413
    assert answer.json()["detail"]


async def test_a_body_without_a_length_is_read_no_further_than_allowed(service: Service) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100_000
        yield b'{"name": "attic"}'

    answer = await service.call("POST", "/rooms", headers=KEY, content=chunks())
    assert answer.status_code == 413
    assert not await service.manager.store.get("attic")


async def test_a_text_that_no_encoding_has_is_refused(service: Service) -> None:
    body = b'{"user": "ann", "password": "\\ud800"}'
    await service.manager.create_room("cellar", password="sesame")
    answer = await service.call("POST", "/rooms/cellar/tokens", content=body)
    assert answer.status_code == 422


@pytest.mark.parametrize("in_objects", [False, True])
async def test_a_body_is_nested_as_deep_as_it_can_be_read_again(
    service: Service, *, in_objects: bool
) -> None:
    body: object = 1
    for depth in range(1, 260):
        body = {"a": body} if in_objects else [body]
        # From 255 on pydantic writes none, and reads none from 256 on.
        if depth not in {198, 199, 200, 255, 256}:
            continue
        said = {"messages": {"body": body}, "frames": {"frame": {"type": "x-deep", "a": body}}}
        for call, content in said.items():
            answer = await service.call("POST", f"/rooms/lobby/{call}", headers=KEY, json=content)
            assert answer.status_code == (202 if depth <= 199 else 422)
            assert answer.is_success or answer.json()["detail"]
    kept = (await service.call("GET", "/rooms/lobby/messages", headers=KEY)).json()
    assert len(kept["messages"]) == 2
    async with service.connect(token=service.token("ann"), path="/ws/lobby?last=1") as ann:
        await ann.expect("welcome")
        deepest = await ann.expect("message", body=kept["messages"][1]["body"])
        await ann.say(deepest["body"])
        await ann.expect("message", body=deepest["body"])
        await ann.say([deepest["body"]], id="m1")
        await ann.expect_error("invalid-message", id="m1")


async def test_a_body_may_be_as_wide_as_fits(service: Service) -> None:
    content = b'{"body": [' + b"[]," * 1_000 + b"[]]}"
    answer = await service.call("POST", "/rooms/lobby/messages", headers=KEY, content=content)
    assert answer.status_code == 202


@pytest.mark.parametrize("count", [1_500, 16_000])
async def test_parameters_that_no_call_has_are_passed_over(service: Service, count: int) -> None:
    path = "/rooms/lobby/messages?limit=1&" + "&" * count + "a&" * (count // 2)
    answer = await service.call("GET", path, headers=KEY)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", ['"\\ud800"', '["\\ud800"]', '{"\\ud800": 1}'])
async def test_a_message_that_no_encoding_has_is_refused(service: Service, body: str) -> None:
    path, content = "/rooms/lobby/messages", '{"body": ' + body + "}"
    answer = await service.call("POST", path, headers=KEY, content=content)
    assert answer.status_code == 422
    assert "surrogate" in answer.json()["detail"]


async def test_who_may_not_call_is_told_only_that(service: Service) -> None:
    answer = await service.call("POST", "/rooms", content=b"{")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_failure_is_told_without_its_reason(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: str) -> bool:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(service.manager.store, "delete", broken)
    answer = await service.call("DELETE", "/rooms/lobby", headers=KEY)
    assert answer.status_code == 500
    assert answer.json()["detail"]
    assert "secret" not in answer.text
    assert "a secret detail" in caplog.text
    caplog.clear()


async def test_a_failure_is_answered_like_any_error_and_logged_once(
    start: Start, make_manager: Callable[..., ConnectionManager], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(RoomHandler):
        async def before_publish(self, message: Publication, client: Client | None) -> Publication:
            raise RuntimeError("a secret detail")

    origin = "https://www.example.org"
    body, key = '{"body":1}', KEY["Authorization"]
    lines = ["POST /rooms/lobby/messages HTTP/1.1", "Host: a", f"Authorization: {key}"]
    lines += [f"Origin: {origin}", f"Content-Length: {len(body)}", "", body]
    following = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    manager = make_manager(service=Made(handlers=[Broken()]), allowed_origins=origin)
    request = "\r\n".join(lines) + following
    async with start(manager) as service, service.opened(request) as (reader, _):
        answers = (await within("the answers", reader.read())).decode().lower()
    first, *more = answers.split("http/1.1 ")[1:]
    assert first.startswith("500 ")
    assert '{"detail": "internal server error"}' in first
    for header in (
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        f"access-control-allow-origin: {origin}",
    ):
        assert first.count(header) == 1
    stays = [answer[:3] for answer in more] == ["200"]
    assert ("connection: close" in first) != stays
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "a secret detail"
    ]
    caplog.clear()


async def test_a_path_and_a_method_that_are_not_there(service: Service) -> None:
    for method, path, status in [
        ("GET", "/nowhere", 404),
        ("GET", "/static/nowhere", 404),
        ("PUT", "/rooms", 405),
        ("PUT", "/", 405),
        ("PUT", "/static/rooms.js", 405),
    ]:
        answer = await service.call(method, path)
        assert answer.status_code == status
        assert answer.json()["detail"]


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=5-2", "bytes=x", "x"])
async def test_a_range_that_a_file_lacks_is_no_failure(service: Service, asked: str) -> None:
    answer = await service.call("GET", "/static/rooms.js", headers={"Range": asked})
    assert answer.status_code in {200, 416}
    assert answer.is_success or answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"body": 1, "from": ""}, 422),
        ({"body": 1, "from": "a\nb"}, 422),
        ({"body": 1, "from": 7}, 422),
        ({"body": "x" * 70_000}, 413),
        ({"body": "x" * 60_000}, 202),
        ({"body": None}, 202),
    ],
)
async def test_what_may_be_said_by_http(
    service: Service, body: dict[str, Any], status: int
) -> None:
    answer = await service.call("POST", "/rooms/lobby/messages", headers=KEY, json=body)
    assert answer.status_code == status
    assert ("detail" in answer.json()) == (status != 202)


@pytest.mark.parametrize(
    "types",
    [
        [],
        ["text/plain"],
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data"],
        ["text/plain", "application/json"],
    ],
)
async def test_a_body_is_json_whatever_its_content_type(service: Service, types: list[str]) -> None:
    path, headers = "/rooms/lobby/messages", [*KEY.items(), *(("Content-Type", t) for t in types)]
    answer = await service.call("POST", path, headers=headers, content=b'{"body":1}')
    assert answer.status_code == 202


async def test_only_to_a_room_that_is_there_something_is_said(service: Service) -> None:
    answer = await service.call("POST", "/rooms/nowhere/messages", headers=KEY, json={"body": 1})
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]


async def test_a_member_is_removed_by_http(service: Service) -> None:
    for user in ("ann", "a/b ü%2f"):
        path = f"/rooms/lobby/members/{quote(user, safe='')}"
        assert (await service.call("DELETE", path, headers=KEY)).status_code == 204
        async with service.join(user) as one, service.join(user) as other:
            answer = await service.call("DELETE", path, headers=KEY)
            assert (answer.status_code, answer.content) == (204, b"")
            await one.expect_close(Close.REMOVED)
            await other.expect_close(Close.REMOVED)
        assert (await service.call("DELETE", path, headers=KEY)).status_code == 204
    assert (await service.call("DELETE", "/rooms/x/members/ann", headers=KEY)).status_code == 404


@pytest.mark.parametrize(
    ("user", "status"),
    [("", 404), ("%0A", 404), ("ann%0A", 404), ("..", 204), ("%2E%2E", 204), ("../../lobby/", 204)],
)
async def test_a_path_that_names_no_member_closes_nobody(
    service: Service, user: str, status: int
) -> None:
    request = f"DELETE /rooms/lobby/members/{user} HTTP/1.1\r\nHost: a\r\n"
    async with service.join("ann") as ann:
        # Without a client library, which may resolve the dots before it sends the path.
        trusted = f"{request}Authorization: Bearer {API_KEY}\r\n\r\n"
        async with service.opened(trusted) as (reader, _):
            line = await within("the answer", reader.readline())
        assert int(line.split()[1]) == status
        await ann.say("hello")
        await ann.expect_message("hello")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/rooms/lobby/messages"),
        ("POST", "/rooms/lobby/frames"),
        ("DELETE", "/rooms/lobby/members/ann"),
    ],
)
async def test_who_has_no_key_neither_speaks_nor_removes(
    service: Service, method: str, path: str
) -> None:
    async with service.join("ann"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            body = {"body": 1, "frame": {"type": "x-tick"}}
            answer = await service.call(method, path, headers=headers, json=body)
            assert answer.status_code == 401
