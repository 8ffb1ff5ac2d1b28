"""What a handler of the owner's sees and says, over a real socket."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Literal

import pytest
import uvicorn
from pydantic import BaseModel, Field

from {{cookiecutter.__package}}.rooms import (
    Client,
    Close,
    CloseConnection,
    FromClient,
    JoinRequest,
    Publication,
    Refused,
    RoomHandler,
    ToClient,
    UnavailableError,
    on,
)
from {{cookiecutter.__package}}.rooms import (
    Service as Made,
)
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.run import uvicorn_config
from {{cookiecutter.__package}}.server.socket_protocol import SocketProtocol

from ..serving import Start
from ..waiting import within
from . import server
from .client import Client as WireClient
from .counts import since, told
from .service import KEY, Service

Handled = Callable[..., AbstractAsyncContextManager[Service]]


class Ask(FromClient):
    type: Literal["ask"] = "ask"
    what: str


class Tell(FromClient):
    type: Literal["tell"] = "tell"
    whom: str


class Told(ToClient):
    type: Literal["told"] = "told"
    what: str


class Answers(RoomHandler):
    """Answers in every way that there is."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.heard: list[str] = []
        self.left = asyncio.Event()

    @on(Ask)
    async def ask(self, client: Client, frame: Ask) -> Told | None:
        self.heard.append(frame.what)
        match frame.what:
            case "wait":
                await self.may_go_on.wait()
                await client.broadcast(Told(what="waited"))
                assert await client.publish("waited") is not None or client.user != "ann"
            case "refuse":
                raise Refused("You do not own this", reason="not-owner")
            case "away":
                raise UnavailableError("The database is away")
            case "fail":
                raise RuntimeError("a mistake of the owner's")
            case "leave":
                raise CloseConnection(Close.REMOVED)
            case "again":
                return Told(what="again")
        return None

    @on(Tell)
    async def tell(self, client: Client, frame: Tell) -> Told | None:
        match frame.whom:
            case "others":
                await client.broadcast(Told(what="others"))
            case "all":
                await client.broadcast(Told(what="all"), to_self=True)
            case "me":
                await client.send(Told(what="me"))
            case "end":
                client.close(Close.REMOVED)
                await client.send(Told(what="too late"))
            case "claims":
                assert client.id
                return Told(what=f"{client.claims['sub']}")
            case "text":
                await client.send("text")  # type: ignore[arg-type]
            case "answer":
                return "text"  # type: ignore[return-value]
            case "later":
                client.spawn(self._later(client))
                return Told(what="now")
        return None

    async def disconnected(self, client: Client, *, last: bool) -> None:
        self.heard.append(f"{client.user} left, last: {last}")
        if client.user != "quiet":
            await client.broadcast(Told(what="gone"))
        self.left.set()

    async def _later(self, client: Client) -> None:
        await client.send(Told(what="later"))


@pytest.fixture
def handled(start: Start, make_manager: Callable[..., ConnectionManager]) -> Handled:
    """Serve a handler."""

    def serve(*handlers: RoomHandler, **settings: object) -> AbstractAsyncContextManager[Service]:
        return start(make_manager(service=Made(handlers=handlers), **settings))

    return serve


async def test_a_frame_with_a_ref_is_answered_with_it(handled: Handled) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="again", ref="r1")
        await ann.expect("told", what="again", ref="r1")
        await ann.send(type="ask", what="nothing", ref="r2")
        await ann.expect("done", ref="r2")
        await ann.send(type="ask", what="refuse", ref="r3")
        await ann.expect_error(
            "refused", ref="r3", reason="not-owner", detail="You do not own this"
        )
        await ann.send(type="ask", what="away", ref="r4")
        await ann.expect_error("unavailable", ref="r4", detail="The database is away")
        await ann.send(type="ask", ref="r5")
        await ann.expect_error("invalid-message", ref="r5")
        await ann.send(ref="r6")
        await ann.expect_error("invalid-message", ref="r6")
        await ann.send_raw('{"type": "ask", "ref": "r7", "what": 1' + 5_000 * "0" + "}")
        await ann.expect_error("invalid-message", ref="r7")


async def test_a_frame_without_a_ref_is_answered_only_if_there_is_something_to_tell(
    handled: Handled,
) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="nothing")
        await ann.send(type="ask", what="again")
        assert "ref" not in await ann.expect("told", what="again")
        await ann.expect_nothing()


async def test_what_is_told_reaches_those_who_are_meant(handled: Handled) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        async with service.join("bea") as bea:
            await ann.expect("joined", user="bea")
            await ann.send(type="tell", whom="others")
            await bea.expect("told", what="others")
            await ann.send(type="tell", whom="all")
            for client in (ann, bea):
                await client.expect("told", what="all")
            await ann.send(type="tell", whom="me")
            await ann.expect("told", what="me")
            await bea.expect_nothing()
        await ann.expect("left", user="bea")
        await ann.expect("told", what="gone")


async def test_what_is_spawned_begins_behind_the_answer(handled: Handled) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="tell", whom="later")
        await ann.expect("told", what="now")
        await ann.expect("told", what="later")


async def test_a_mistake_ends_one_connection(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with handled(Answers()) as service, service.join("bea") as bea:
        async with service.join("ann") as ann:
            await bea.expect("joined", user="ann")
            await ann.send(type="ask", what="fail")
            await ann.expect_close(Close.INTERNAL_ERROR)
        await bea.expect("left", user="ann")
        await bea.expect("told", what="gone")
        await bea.say("still here")
        await bea.expect_message("still here")
    assert "a mistake of the owner's" in caplog.text
    caplog.clear()


async def test_a_handler_may_close_the_connection(handled: Handled) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="leave")
        await ann.expect_close(Close.REMOVED)


async def test_a_handler_may_close_and_then_says_nothing(handled: Handled) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="tell", whom="claims")
        await ann.expect("told", what="ann")
        await ann.send(type="tell", whom="end")
        await ann.expect_close(Close.REMOVED)


@pytest.mark.parametrize("whom", ["text", "answer"])
async def test_what_is_no_frame_to_clients_is_not_sent(
    whom: str, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with handled(Answers()) as service, service.join("ann") as ann:
        await ann.send(type="tell", whom=whom)
        await ann.expect_close(Close.INTERNAL_ERROR)
    assert "no frame to clients" in caplog.text
    caplog.clear()


class Team(RoomHandler):
    """Is for some rooms, and has a rule that calls the one that comes with the service."""

    rooms = ("team-*", "crew")

    async def authorize(self, request: JoinRequest) -> None:
        """Let everybody in."""

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        return replace(await super().before_publish(message, client), body="by a team")


class Echo(RoomHandler):
    """Says what a client asks it to, if its own rule has nothing against it."""

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        if message.body == "no":
            raise Refused("Not this word")
        return message

    @on(Ask)
    async def ask(self, client: Client, frame: Ask) -> None:
        await client.publish(frame.what)


async def test_the_first_handler_that_takes_a_room_has_it(handled: Handled) -> None:
    # One without `rooms` comes last, wherever it stands.
    async with handled(Echo(), Team()) as service:
        for room, said in [("team-red", "by a team"), ("lobby", "hello")]:
            async with service.join("ann", room) as ann:
                await ann.say("hello")
                await ann.expect_message(said)


async def test_a_rule_holds_for_what_a_handler_says(handled: Handled) -> None:
    async with handled(Echo()) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="yes")
        await ann.expect_message("yes", "ann")
        await ann.send(type="ask", what="no", ref="r1")
        await ann.expect_error("refused", ref="r1", detail="Not this word")


async def test_while_a_handler_waits_pings_are_answered_and_frames_wait_in_order(
    handled: Handled,
) -> None:
    handler = Answers()
    async with (
        handled(handler) as service,
        service.join("ann") as ann,
        service.join("quiet") as bea,
    ):
        await ann.expect("joined", user="quiet")
        await ann.send(type="ask", what="wait")
        for number in range(5):
            await ann.send(type="ask", what=f"{number}")
        await ann.say("said behind it")
        await ann.send(type="ping")
        await ann.expect("pong")
        await ann.send(type="ping", ref="p1")
        # Others are served meanwhile.
        await bea.send(type="ask", what="again", ref="r1")
        await bea.expect("told", ref="r1")
        assert handler.heard == ["wait", "again"]
        handler.may_go_on.set()
        await bea.expect("told", what="waited")
        for client in (ann, bea):
            await client.expect_message("waited")
            await client.expect_message("said behind it")
        await ann.expect("pong", ref="p1")
        assert handler.heard[2:] == ["0", "1", "2", "3", "4"]


async def test_what_a_client_said_is_handled_before_it_is_told_to_have_left(
    handled: Handled,
) -> None:
    handler = Answers()
    async with handled(handler) as service, service.join("bea") as bea:
        async with service.join("ann") as ann:
            await bea.expect("joined", user="ann")
            await ann.send(type="ask", what="wait")
            for _ in range(10):
                await ann.send(type="tell", whom="others")
            await ann.send(type="ping")
            # All of it was read: on some systems, what is unread goes with the connection.
            await ann.expect("pong")
            ann.vanish()
        handler.may_go_on.set()
        await bea.expect("told", what="waited")
        await bea.expect_message("waited", "ann")
        for _ in range(10):
            await bea.expect("told", what="others")
        await bea.expect("left", user="ann")
        await bea.expect("told", what="gone")


FAULTS = {
    "binary": Close.BINARY_FRAME,
    "utf8": Close.INVALID_UTF8,
    "too-many": Close.TOO_MANY_MESSAGES,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_who_is_closed_for_what_it_sent_was_heard_before(
    fault: str, handled: Handled
) -> None:
    handler = Answers()
    async with handled(handler) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="wait")
        await ann.say("said")
        if fault == "binary":
            await ann.send_raw(b"\0")
        elif fault == "utf8":
            await ann.socket.send(b"\xff", text=True)
        else:
            for _ in range(30):
                await ann.send(type="tell", whom="others")
        await ann.say("too late")
        # No client can tell when the fault was read.
        await asyncio.sleep(0.2)
        handler.may_go_on.set()
        await ann.expect_message("waited")
        await ann.expect_message("said")
        await ann.expect_close(FAULTS[fault])
        assert "too late" not in handler.heard


async def test_a_close_for_a_fault_waits_for_a_handler_only_so_long(
    handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketProtocol, "close_seconds", 0.3)
    handler = Answers()
    before = told()
    async with handled(handler) as service, service.join("bea") as bea:
        async with service.join("ann") as ann:
            await bea.expect("joined", user="ann")
            await ann.send(type="ask", what="wait")
            await ann.socket.send(b"\xff", text=True)
            await ann.expect_close(Close.INVALID_UTF8)
        handler.may_go_on.set()
        await bea.expect("told", what="waited")
        await bea.expect_message("waited", "ann")
        await bea.expect("left", user="ann")
        await bea.expect("told", what="gone")
    assert since(before)["INVALID_UTF8"] == 1


async def test_a_removal_ends_the_membership_at_once_and_what_waits(handled: Handled) -> None:
    handler = Answers()
    async with handled(handler) as service, service.join("bea") as bea:
        async with service.join("cat") as cat:
            await bea.expect("joined", user="cat")
            await cat.send(type="ask", what="wait")
            await cat.send(type="tell", whom="others")
            await cat.send(type="ping")
            await cat.expect("pong")
            await service.manager.remove_user("lobby", "cat")
            await cat.expect_close(Close.REMOVED)
            await bea.expect("left", user="cat")
            handler.may_go_on.set()
        # Of what the running handler told, nothing is said.
        await bea.expect("told", what="gone")
        assert handler.heard == ["wait", "cat left, last: True"]


async def test_a_stop_waits_for_a_handler_no_longer_than_it_may(handled: Handled) -> None:
    handler = Answers()
    async with handled(handler, drain_seconds=1) as service:
        async with service.join("ann") as ann:
            await ann.send(type="ask", what="wait")
            await ann.send(type="ping")
            await ann.expect("pong")
            await within("the drain", service.manager.drain())
            await ann.expect_close(Close.SERVICE_RESTART)
        await within("`disconnected`", handler.left.wait())


async def test_frames_are_counted_as_they_arrive(handled: Handled) -> None:
    handler = Answers()
    async with handled(handler, messages_per_second=5) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="wait")
        for _ in range(4):
            await ann.send(type="ask", what="nothing")
        await ann.send(type="ping")
        handler.may_go_on.set()
        await ann.expect_message("waited")
        await ann.expect_close(Close.TOO_MANY_MESSAGES)


class Secretive(RoomHandler[str]):
    """Lets only those in who know the word, and only some speak."""

    async def authorize(self, request: JoinRequest) -> str:
        if request.query.get("word") != "sesame" and not request.claims.get("known"):
            raise Refused("Say the word")
        return "speaker" if request.user != "cat" else "reader"

    async def before_publish(self, message: Publication, client: Client[str] | None) -> Publication:
        if client is not None and client.state != "speaker":
            raise Refused("Only speakers may speak", reason="reader")
        if message.body == "close":
            raise CloseConnection(Close.NOT_ALLOWED)
        if message.body == "fail":
            raise RuntimeError("a mistake of the owner's")
        if message.body == "who":
            told = f"trusted: {message.trusted}, for a user: {message.for_user}"
            return Publication(**{**vars(message), "body": told})
        if message.body == "no":
            raise Refused("Not this word", reason="word")
        return message


def knowing(room: str = "lobby") -> dict[str, str]:
    return {"path": f"/ws/{room}?word=sesame"}


async def test_a_rule_decides_who_may_enter(handled: Handled) -> None:
    async with handled(Secretive()) as service:
        async with service.connect(token=service.token("ann")) as ann:
            await ann.expect_close(Close.NOT_ALLOWED)
        async with service.join("ann", **knowing()) as ann:
            await ann.say("hello")
            await ann.expect_message("hello")


async def test_a_rule_decides_what_is_said_whoever_says_it(handled: Handled) -> None:
    async with handled(Secretive()) as service, service.join("cat", **knowing()) as cat:
        await cat.say("hello", id="m1")
        await cat.expect_error("refused", id="m1", reason="reader")
        for body, status in [("no", 403), ("close", 403), ("yes", 202)]:
            answer = await service.call(
                "POST", "/rooms/lobby/messages", headers=KEY, json={"body": body}
            )
            assert answer.status_code == status
        await cat.expect_message("yes")
        with pytest.raises(Refused, match="Not this word"):
            await service.manager.publish("lobby", "no", "cron")


async def test_a_refusal_by_http_has_the_reason(handled: Handled) -> None:
    async with handled(Secretive()) as service:
        answer = await service.call(
            "POST", "/rooms/lobby/messages", headers=KEY, json={"body": "no"}
        )
        assert answer.json() == {"detail": "Not this word", "reason": "word"}


async def test_a_rule_may_change_what_is_said_and_knows_who_says_it(handled: Handled) -> None:
    async with handled(Secretive()) as service, service.join("ann", **knowing()) as ann:
        await ann.say("who")
        await ann.expect_message("trusted: False, for a user: False", "ann")
        await service.manager.publish("lobby", "who", "bea")
        await ann.expect_message("trusted: True, for a user: True", "bea")
        await service.call("POST", "/rooms/lobby/messages", headers=KEY, json={"body": "who"})
        await ann.expect_message("trusted: True, for a user: False", "service")


async def test_a_rule_may_close_the_connection_of_who_speaks(handled: Handled) -> None:
    async with handled(Secretive()) as service, service.join("ann", **knowing()) as ann:
        await ann.say("close")
        await ann.expect_close(Close.NOT_ALLOWED)


async def test_a_rule_that_fails_ends_the_connection(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with handled(Secretive()) as service, service.join("ann", **knowing()) as ann:
        await ann.say("fail")
        await ann.expect_close(Close.INTERNAL_ERROR)
    assert "a mistake of the owner's" in caplog.text
    caplog.clear()


class Watches(RoomHandler):
    """Writes down what happens."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()

    async def connected(self, client: Client, *, first: bool) -> None:
        await client.send(Told(what="welcome"))
        self.events.put_nowait(f"{client.user} came, first: {first}")

    async def disconnected(self, client: Client, *, last: bool) -> None:
        self.events.put_nowait(f"{client.user} left, last: {last}")

    async def opened(self, room: str) -> None:
        self.events.put_nowait(f"{room} opened")
        self.spawn(self._tick(room), room=room)

    async def emptied(self, room: str) -> None:
        self.events.put_nowait(f"{room} emptied")

    async def published(self, message: Publication) -> None:
        assert message.position
        self.events.put_nowait(f"{message.user} said {message.body}")

    async def expect(self, *events: str) -> None:
        for event in events:
            assert await within(event, self.events.get()) == event

    async def _tick(self, room: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.events.put_nowait(f"{room} ticked")


async def test_coming_and_going_is_told_once_for_each_connection(handled: Handled) -> None:
    watch = Watches()
    async with handled(watch) as service:
        async with service.join("ann") as ann:
            await ann.expect("told", what="welcome")
            async with service.join("ann") as tab:
                await tab.expect("told", what="welcome")
                await watch.expect(
                    "lobby opened", "ann came, first: True", "ann came, first: False"
                )
            await watch.expect("ann left, last: False")
            await ann.say("hello")
            await ann.expect_message("hello")
            await watch.expect("ann said hello")
        await watch.expect("ann left, last: True", "lobby ticked", "lobby emptied")
        async with service.join("ann") as ann:
            await ann.expect("told", what="welcome")
            await watch.expect("lobby opened", "ann came, first: True")


async def test_a_greeting_comes_before_what_was_missed(handled: Handled) -> None:
    async with handled(Watches()) as service, service.join("ann") as ann:
        await ann.expect("told", what="welcome")
        position = await service.manager.publish("lobby", "seen", "cron")
        await ann.expect_message("seen")
        await service.manager.publish("lobby", "missed", "cron")
        await ann.expect_message("missed")
        path = f"/ws/lobby?after={position}"
        async with service.connect(path=path, token=service.token("bea")) as bea:
            await bea.expect("welcome", recovered=True)
            await bea.expect("told", what="welcome")
            await bea.expect_message("missed")
            await ann.expect("joined", user="bea")


async def test_a_message_that_is_sent_again_is_published_once(handled: Handled) -> None:
    watch = Watches()
    async with handled(watch) as service, service.join("ann") as ann:
        await ann.expect("told", what="welcome")
        await watch.expect("lobby opened", "ann came, first: True")
        for _ in range(2):
            await ann.say("hello", id="m1")
        await ann.say("next")
        for body in ("hello", "next"):
            await ann.expect_message(body)
            await watch.expect(f"ann said {body}")


class Fails(RoomHandler):
    """Fails in one hook."""

    def __init__(self, hook: str) -> None:
        self._hook = hook

    def _fail(self, hook: str) -> None:
        if hook == self._hook:
            raise RuntimeError(f"a mistake in {hook}")

    async def authorize(self, request: JoinRequest) -> None:
        self._fail("authorize")

    async def connected(self, client: Client, *, first: bool) -> None:
        self._fail("connected")

    async def disconnected(self, client: Client, *, last: bool) -> None:
        self._fail("disconnected")

    async def opened(self, room: str) -> None:
        self._fail("opened")

    async def emptied(self, room: str) -> None:
        self._fail("emptied")

    async def published(self, message: Publication) -> None:
        self._fail("published")


@pytest.mark.parametrize("hook", ["authorize", "connected", "opened"])
async def test_a_mistake_on_the_way_in_ends_the_connection(
    hook: str, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with handled(Fails(hook)) as service, service.connect(token=service.token("ann")) as ann:
        if hook != "authorize":
            await ann.expect("welcome")
        await ann.expect_close(Close.INTERNAL_ERROR)
    assert f"a mistake in {hook}" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("hook", ["published", "disconnected", "emptied"])
async def test_a_mistake_behind_the_fact_is_logged_and_ends_nothing(
    hook: str, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with handled(Fails(hook)) as service:
        for _ in range(2):
            async with service.join("ann") as ann:
                await ann.say("hello")
                await ann.expect_message("hello")
    assert f"a mistake in {hook}" in caplog.text
    caplog.clear()


class Text(BaseModel):
    text: str


class Loud(RoomHandler[None, Text | int]):
    """Has bodies of a type."""

    async def before_publish(
        self, message: Publication[Text | int], client: Client | None
    ) -> Publication[Text | int]:
        if isinstance(message.body, Text):
            return replace(message, body=Text(text=message.body.text.upper()))
        return message


async def test_bodies_may_have_a_type(handled: Handled) -> None:
    async with handled(Loud()) as service, service.join("ann") as ann:
        await ann.say({"text": "hello"})
        await ann.expect_message({"text": "HELLO"})
        await ann.say(1)
        await ann.expect_message(1)
        await ann.say({"text": 1}, id="m1")
        await ann.expect_error("invalid-message", id="m1")
        for body, status in [({"text": "by HTTP"}, 202), ("no text", 422)]:
            answer = await service.call(
                "POST", "/rooms/lobby/messages", headers=KEY, json={"body": body}
            )
            assert answer.status_code == status
        await ann.expect_message({"text": "BY HTTP"}, "service")


class Reply(BaseModel):
    to: str = Field(alias="in-reply-to")


class Replies(RoomHandler[None, Reply]):
    """Publishes models."""

    @on(Ask)
    async def ask(self, client: Client, frame: Ask) -> None:
        await client.publish(Reply.model_validate({"in-reply-to": frame.what}))


async def test_a_body_goes_out_under_the_names_by_which_it_came_in(handled: Handled) -> None:
    async with handled(Replies()) as service, service.join("ann") as ann:
        await ann.say({"in-reply-to": "m1"})
        await ann.expect_message({"in-reply-to": "m1"})
        await ann.send(type="ask", what="m2")
        await ann.expect_message({"in-reply-to": "m2"})
        reply = Reply.model_validate({"in-reply-to": "m3"})
        positions = {
            await service.manager.publish("lobby", reply, user="bea", id="r1") for _ in range(2)
        }
        told = await ann.expect_message({"in-reply-to": "m3"}, "bea")
        assert (told["id"], {told["position"]}) == ("r1", positions)


async def test_a_flood_behind_a_handler_that_waits_is_bounded_and_nothing_is_lost(
    handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*args: Any, **more: Any) -> uvicorn.Config:
        settings = uvicorn_config(*args, **more)
        settings.ws_ping_interval, settings.ws_ping_timeout = 0.1, 0.5
        return settings

    monkeypatch.setattr(server, "uvicorn_config", impatient)
    handler = Answers()
    limits = {"outbox_bytes": 4_096, "messages_per_second": 1_000}
    async with handled(handler, **limits) as service, service.join("ann") as ann:
        await ann.send(type="ask", what="wait")
        what = [f"{number}:{'x' * 50_000}" for number in range(100)]
        sending = asyncio.create_task(send_all(ann, what))
        # Longer than a client has to answer a ping.
        await asyncio.sleep(0.8)
        assert not sending.done(), "all was read while nothing was handled"
        handler.may_go_on.set()
        await within("what is sent", sending)
        await ann.expect_message("waited")
        await ann.send(type="ping", ref="p1")
        await ann.expect("pong", ref="p1")
        assert handler.heard == ["wait", *what]


async def send_all(client: WireClient, what: list[str]) -> None:
    for one in what:
        await client.send(type="ask", what=one)


class Counted(FromClient):
    type: Literal["counted"] = "counted"


class Renewed(RoomHandler[int]):
    """Counts how often a client was asked for."""

    async def authorize(self, request: JoinRequest) -> int:
        if request.claims.get("banned"):
            raise Refused("You are banned")
        return 1

    async def refreshed(self, client: Client[int], request: JoinRequest) -> int:
        return client.state + await self.authorize(request)

    @on(Counted)
    async def count(self, client: Client[int], frame: Counted) -> Told:
        return Told(what=f"{client.state}")


async def test_a_new_token_is_asked_for_again(handled: Handled) -> None:
    async with handled(Renewed()) as service, service.join("ann") as ann:
        await ann.send(type="refresh", token=service.token("ann"))
        await ann.send(type="counted")
        await ann.expect("told", what="2")
        banned = service.token("ann", banned=True)
        await ann.send(type="refresh", token=banned)
        await ann.expect_close(Close.NOT_ALLOWED)


async def test_without_a_rule_who_may_enter_a_state_is_none(handled: Handled) -> None:
    class Open(RoomHandler):
        @on(Counted)
        async def count(self, client: Client, frame: Counted) -> Told:
            return Told(what=f"{client.state}")

    async with handled(Open()) as service, service.join("ann") as ann:
        await ann.send(type="counted")
        await ann.expect("told", what="None")
        await ann.send(type="refresh", token=service.token("ann"))
        await ann.send(type="counted")
        await ann.expect("told", what="None")


async def test_a_part_that_starts_speaks_to_the_rooms_of_the_settings(handled: Handled) -> None:
    class Early(RoomHandler):
        async def start(self) -> None:
            await self.manager.publish("lobby", "I am up", "service")

    async with handled(Early()) as service, service.join("ann", path="/ws/lobby?last=1") as ann:
        await ann.expect_message("I am up", "service")


async def test_a_body_that_no_rule_changed_may_be_as_large_as_a_frame(handled: Handled) -> None:
    """Written anew, these numbers take more bytes than the client used."""

    class Agrees(RoomHandler):
        async def before_publish(self, message: Publication, client: Client | None) -> Publication:
            return message

    text = '{"type":"message","body":[1e5,1e5,1e5]}'
    serving = handled(Agrees(), max_message_bytes=len(text))
    async with serving as service, service.join("ann") as ann:
        await ann.send_raw(text)
        await ann.expect_message([100_000, 100_000, 100_000], "ann")


async def test_a_body_that_a_rule_makes_too_large_in_place_is_refused(handled: Handled) -> None:
    class Adds(RoomHandler):
        async def before_publish(self, message: Publication, client: Client | None) -> Publication:
            assert isinstance(message.body, list)
            message.body.append("x" * 100)
            return message

    async with handled(Adds(), max_message_bytes=100) as service, service.join("ann") as ann:
        await ann.say([], id="m1")
        await ann.expect_error("refused", id="m1")


async def test_parts_are_started_in_order_and_stopped_in_reverse(
    make_manager: Callable[..., ConnectionManager], caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        async def start(self) -> None:
            events.append(f"{self.name} started")
            if self.name == "bad":
                raise RuntimeError("it can't start")

        async def stop(self) -> None:
            events.append(f"{self.name} stopped")

    class Owner(RoomHandler):
        async def start(self) -> None:
            assert self.manager.resource(Part).name == "one"
            events.append("handler started")

        async def stop(self) -> None:
            events.append("handler stopped")
            raise RuntimeError("it can't stop")

    good = Made(handlers=[Owner()], resources=[Part("one"), Part("two")])
    manager = make_manager(service=good)
    async with manager:
        assert not manager.serving
        assert isinstance(manager.handler(Owner), Owner)
        with pytest.raises(LookupError, match="Answers"):
            manager.handler(Answers)
    started = ["one started", "two started", "handler started"]
    assert events == [*started, "handler stopped", "two stopped", "one stopped"]
    assert "Owner failed to stop" in caplog.text
    events.clear()
    manager = make_manager(service=Made(resources=[Part("one"), Part("bad"), Part("never")]))
    with pytest.raises(RuntimeError, match="can't start"):
        await manager.start()
    assert events == ["one started", "bad started", "one stopped"]
    caplog.clear()
