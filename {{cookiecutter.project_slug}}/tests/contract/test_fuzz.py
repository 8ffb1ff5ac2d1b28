"""Whatever a client sends, it gets what the contract says.

`uv run pytest --hypothesis-profile=deep` tries a thousand of each.
"""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

from ..serving import Start
from .service import KEY, Service

# All examples of one test together; each wait in them has its own, shorter limit.
pytestmark = pytest.mark.timeout(600)

# All that UTF-8 can encode: Hypothesis would take two seconds to find them out.
CHARACTERS = st.characters(exclude_categories=["Cs"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(CHARACTERS, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(CHARACTERS, max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
TYPES = st.sampled_from(["message", "refresh", "ping", "welcome", "left", "jwt-expired", ""])
FRAMES = st.fixed_dictionaries(
    {"type": TYPES | JSON}, optional={"body": JSON, "id": JSON, "token": JSON, "after": JSON}
).map(json.dumps)
TEXTS = st.text(CHARACTERS) | JSON.map(json.dumps) | FRAMES
ANYTHING = TEXTS | st.binary()
USERS = (f"user-{number}" for number in itertools.count())


@pytest.fixture
async def unlimited(
    make_manager: Callable[..., ConnectionManager], start: Start
) -> AsyncIterator[Service]:
    async with start(make_manager(messages_per_second=0)) as running:
        yield running


@given(frames=st.lists(ANYTHING, max_size=10))
async def test_any_frames_in_any_order(frames: list[str | bytes], unlimited: Service) -> None:
    # An `id` of an example before is none that this user has given.
    async with unlimited.join(next(USERS)) as client:
        given_ids = set()
        for frame in frames:
            await client.send_raw(frame)
            if isinstance(frame, bytes):
                await client.expect_close(Close.BINARY_FRAME)
                return
            await client.send(type="ping", ref="behind it")
            answer = await client.next_frame("an answer")
            if answer == {"type": "pong", "ref": "behind it"}:
                # It is not said twice.
                assert json.loads(frame)["id"] in given_ids
                continue
            assert answer["type"] in {"message", "pong", "error"}
            if answer["type"] == "message":
                assert answer["body"] == json.loads(frame)["body"]
                given_ids |= {answer["id"]} if "id" in answer else set()
            await client.expect("pong", ref="behind it")


@given(chunks=st.lists(st.binary(max_size=200), max_size=5))
async def test_any_bytes_on_the_wire(chunks: list[bytes], service: Service) -> None:
    async with service.join("ann") as ann:
        async with service.join("bea") as bea:
            await ann.expect("joined", user="bea")
            for chunk in chunks:
                bea.socket.transport.write(chunk)
            bea.vanish()
        await ann.expect("left", user="bea")


def written(bodies: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return bodies.map(lambda body: json.dumps(body).encode())


PATHS = ["/rooms", "/rooms/lobby", "/rooms/lobby/tokens", "/healthz", "/readyz", "/", "/nowhere"]
ROOMS = st.fixed_dictionaries(
    {"name": st.text(CHARACTERS, max_size=70) | JSON},
    optional={"password": JSON, "capacity": JSON, "presence": JSON},
)
TOKENS = st.fixed_dictionaries(
    {"user": st.text(CHARACTERS, max_size=70) | JSON}, optional={"password": JSON, "ttl": JSON}
)
CALLS = st.one_of(
    st.tuples(
        st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
        st.sampled_from(PATHS),
        st.binary(max_size=200) | written(JSON),
    ),
    st.tuples(st.just("POST"), st.just("/rooms"), written(ROOMS)),
    st.tuples(st.just("POST"), st.just("/rooms/lobby/tokens"), written(TOKENS)),
)


@given(call=CALLS)
async def test_any_http_call(call: tuple[str, str, bytes], service: Service) -> None:
    method, path, body = call
    headers = {**KEY, "Content-Type": "application/json"}
    answer = await service.call(method, path, headers=headers, content=body)
    assert answer.status_code in {200, 201, 202, 204, 403, 404, 405, 409, 422}
    if answer.status_code >= 400:
        assert answer.json()["detail"]


@given(name=st.binary(min_size=1, max_size=80))
async def test_any_room_in_a_path(name: bytes, service: Service) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in name)
    answer = await service.call("DELETE", f"/rooms/X{quoted}", headers=KEY)
    assert answer.status_code == 404
    async with service.connect(f"X{quoted}".replace("%2F", "")) as client:
        await client.expect_close(Close.ROOM_NOT_FOUND)
