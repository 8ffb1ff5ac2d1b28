"""What was said lately: for those who enter, and for trusted callers."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import JsonValue

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager

from ..serving import Start
from .service import KEY, Service

MESSAGES = "/rooms/lobby/messages"
MakeManager = Callable[..., ConnectionManager]


async def say(service: Service, *bodies: JsonValue) -> list[str]:
    """Publish messages, and return their positions."""
    return [await service.manager.publish("lobby", body, "ann") for body in bodies]


async def read(service: Service, **query: object) -> dict[str, Any]:
    """Read messages as a trusted caller does."""
    answer = await service.call("GET", MESSAGES, headers=KEY, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bodies(found: dict[str, Any]) -> list[object]:
    """The bodies of the messages that were read."""
    return [message["body"] for message in found["messages"]]


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("0", []),
        ("1", [4]),
        ("3", [2, 3, 4]),
        ("0000000002", [3, 4]),
        ("99", [0, 1, 2, 3, 4]),
        ("9" * 5_000, [0, 1, 2, 3, 4]),
    ],
)
async def test_a_newcomer_gets_the_last_messages(
    service: Service, last: str, told: list[int]
) -> None:
    await say(service, *range(5))
    async with service.connect(path=f"/ws/lobby?last={last}") as guest:
        welcome = await guest.expect("welcome", recovered=None)
        await say(service, "live")
        frames = [await guest.expect_message(body) for body in [*told, "live"]]
        assert welcome["position"] not in {frame["position"] for frame in frames}
        # Whoever comes back to the welcome's position gets the same messages.
        again = await read(service, after=welcome["position"])
        assert bodies(again) == [*told, "live"]
        assert again["recovered"] is True


@pytest.mark.parametrize("last", ["", "-1", "x", "1.5", "%D9%A3"])
async def test_a_number_that_is_none_asks_for_nothing(service: Service, last: str) -> None:
    await say(service, "said")
    async with service.connect(path=f"/ws/lobby?last={last}") as guest:
        await guest.expect("welcome")
        await guest.expect_nothing()


async def test_no_more_are_told_than_the_log_keeps(start: Start, make_manager: MakeManager) -> None:
    async with start(make_manager(history=3)) as service:
        await say(service, *range(5))
        async with service.connect(path="/ws/lobby?last=5") as guest:
            await guest.expect("welcome")
            for body in (2, 3, 4):
                await guest.expect_message(body)
            await guest.expect_nothing()
        assert bodies(await read(service)) == [2, 3, 4]


async def test_who_cannot_be_told_what_was_missed_gets_the_last_messages(
    start: Start, make_manager: MakeManager
) -> None:
    async with start(make_manager(history=3)) as service:
        first, *_ = await say(service, *range(5))
        for after, recovered, told in ((first, False, [3, 4]), ("nonsense", False, [3, 4])):
            async with service.connect(path=f"/ws/lobby?after={after}&last=2") as guest:
                await guest.expect("welcome", recovered=recovered)
                for body in told:
                    await guest.expect_message(body)
                await guest.expect_nothing()


async def test_who_is_told_what_was_missed_gets_no_more(service: Service) -> None:
    *_, seen, _ = await say(service, *range(5))
    async with service.connect(path=f"/ws/lobby?after={seen}&last=5") as guest:
        await guest.expect("welcome", recovered=True, position=seen)
        await guest.expect_message(4)
        await guest.expect_nothing()


async def test_a_trusted_caller_reads_on_from_a_position(service: Service) -> None:
    positions = await say(service, *range(60))
    latest = await read(service)
    assert bodies(latest) == list(range(10, 60))
    assert (latest["position"], latest["recovered"]) == (positions[-1], None)
    found = await read(service, after=positions[0], limit=2)
    assert (bodies(found), found["position"]) == ([1, 2], positions[2])
    assert found["recovered"] is True
    assert found["messages"][0].keys() == {"type", "position", "from", "body", "at"}
    rest = await read(service, after=found["position"], limit=1_000)
    assert bodies(rest) == list(range(3, 60))
    end = await read(service, after=positions[-1])
    assert end == {"messages": [], "position": positions[-1], "recovered": True}
    assert (await read(service, after="nonsense", limit=1))["recovered"] is False


async def test_large_messages_are_read_whole(service: Service) -> None:
    await say(service, *("x" * 60_000 for _ in range(5)))
    assert [len(str(body)) for body in bodies(await read(service, limit=4))] == [60_000] * 4


async def test_a_room_in_which_nothing_was_said_has_a_position(service: Service) -> None:
    found = await read(service)
    assert (found["messages"], found["recovered"]) == ([], None)
    await say(service, "first")
    assert bodies(await read(service)) == ["first"]
    # Whoever read on from there missed nothing.
    later = await read(service, after=found["position"])
    assert (bodies(later), later["recovered"]) == (["first"], True)


async def test_members_are_named_to_a_trusted_caller(service: Service) -> None:
    path = "/rooms/lobby/members"
    assert (await service.call("GET", path, headers=KEY)).json() == {"members": []}
    async with service.join("cas") as cas, service.join("ann"):
        await cas.expect("joined", user="ann")
        answer = await service.call("GET", path, headers=KEY)
        assert answer.json() == {"members": ["ann", "cas"]}


@pytest.mark.parametrize("path", ["members", "messages"])
async def test_reading_takes_the_key_and_a_room_that_is_there(service: Service, path: str) -> None:
    assert (await service.call("GET", f"/rooms/lobby/{path}")).status_code == 401
    assert (await service.call("GET", f"/rooms/nowhere/{path}", headers=KEY)).status_code == 404


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x"])
async def test_a_limit_out_of_range_is_refused(service: Service, limit: str) -> None:
    answer = await service.call("GET", MESSAGES, headers=KEY, params={"limit": limit})
    assert answer.status_code == 422
    assert "limit" in answer.json()["detail"]


async def test_a_message_that_is_published_again_is_said_once(service: Service) -> None:
    async with service.join("ann") as ann:
        call: dict[str, Any] = {"headers": KEY, "json": {"body": "once", "id": "m1"}}
        answers = [await service.call("POST", MESSAGES, **call) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        await ann.expect("message", body="once", id="m1")
        await ann.expect_nothing()


async def test_a_ping_with_a_ref_is_answered_in_its_place(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.say("before")
        await ann.send(type="ping", ref="p1")
        await ann.expect_message("before")
        assert await ann.next_frame("the answer") == {"type": "pong", "ref": "p1"}
        await ann.send(type="ping", ref="x" * 65)
        await ann.expect_error("invalid-message")


async def test_an_error_bears_the_ref_of_what_it_refuses(service: Service) -> None:
    async with service.join("ann") as ann:
        await ann.send(type="nonsense", ref="r1")
        error = await ann.expect_error("invalid-message", ref="r1")
        assert "id" not in error
        await ann.send(type="refresh", token="none", ref="r2")
        await ann.expect_error("invalid-token", ref="r2")
        for ref in (7, None, "x" * 65, "\ud800"):
            await ann.send(type="nonsense", ref=ref)
            assert "ref" not in await ann.expect_error("invalid-message")
