"""What happens around a close: what waits, what comes at once, who else notices."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from {{cookiecutter.__package}}.rooms.backends.interfaces import Room
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Removed, RoomDeleted
from {{cookiecutter.__package}}.server import handshake
from {{cookiecutter.__package}}.server.middleware import Receive, Scope, Send

from ..clock import ManualClock
from ..configs import make_config
from ..serving import Start
from ..waiting import within
from .counts import since, told
from .server import serve
from .service import Endpoint, Service


async def test_what_waits_arrives_before_the_close(service: Service) -> None:
    async with service.join("ann") as ann:
        for number in range(100):
            await service.manager.publish("lobby", number, "bea")
        await service.manager.close_room("lobby")
        for number in range(100):
            await ann.expect_message(number)
        await ann.expect_close(Close.ROOM_CLOSED)


async def test_what_waits_arrives_before_the_last_words(
    service: Service, clock: ManualClock
) -> None:
    async with service.connect(token=service.token("ann", ttl=30)) as ann:
        await ann.expect("welcome")
        await service.manager.publish("lobby", "still in time", "bea")
        clock.advance(30)
        await ann.expect_message("still in time")
        await ann.expect_close(Close.TOKEN_EXPIRED)


async def test_of_two_closes_at_once_the_first_counts(service: Service) -> None:
    async with service.join("ann") as ann:
        for event in (Removed(user="ann"), RoomDeleted()):
            await service.manager.backend.bus.send("lobby", event)
        await ann.expect_close(Close.REMOVED)


async def test_a_store_that_is_slow_holds_up_nobody_else(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    get = service.manager.store.get

    async def slow_get(name: str) -> Room | None:
        asked.set()
        await go_on.wait()
        return await get(name)

    async with service.join("ann") as ann:
        with monkeypatch.context() as patched:
            patched.setattr(service.manager.store, "get", slow_get)
            async with service.connect() as guest:
                await within("the store to be asked", asked.wait())
                await ann.expect_nothing()
                go_on.set()
                await guest.expect("welcome")
                await ann.expect("joined")


async def test_a_close_from_both_sides_at_once_is_one_close(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        removing = service.manager.backend.bus.send("lobby", Removed(user="bea"))
        await asyncio.gather(bea.socket.close(), removing)
        await ann.expect("left", user="bea")
        bea.vanished = True


async def test_after_the_close_frame_nothing_is_sent(service: Service) -> None:
    """Looked at on the wire, as a client library would not show it."""
    async with service.join("bea") as bea, service.handshake() as (reader, writer):
        await within("the handshake", reader.readuntil(b"\r\n\r\n"))
        guest = (await bea.expect("joined"))["user"]
        await service.manager.remove_user("lobby", guest)
        for number in range(10):
            await service.manager.publish("lobby", number, "bea")
        for _ in range(11):
            await bea.next_frame("a message, or that the guest left")
        opcodes: list[int] = []
        while opcodes[-1:] != [8]:
            opcode, length = await within("a frame", reader.readexactly(2))
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2), "big")
            await reader.readexactly(length)
            opcodes.append(opcode & 0x0F)
        # A masked close frame, empty, is the client's answer.
        writer.write(b"\x88\x80\x00\x00\x00\x00")
        assert await within("the end", reader.read()) == b""
        assert opcodes == [1, 8], "a welcome and a close"


async def test_a_client_that_vanishes_without_a_close_frame_leaves(service: Service) -> None:
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        bea.vanish()
        await ann.expect("left", user="bea")
        await ann.say("still here")
        await ann.expect_message("still here", "ann")


async def test_a_failing_handler_ends_its_own_connection_only(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("a secret detail")

    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        with monkeypatch.context() as patched:
            patched.setattr(service.manager.backend.log, "append", broken)
            await bea.say("hello")
            await bea.expect_close(Close.INTERNAL_ERROR)
        await ann.expect("left", user="bea")
        await ann.say("hello")
        await ann.expect_message("hello", "ann")
    assert "a secret detail" in caplog.text
    assert "Traceback" in caplog.text
    caplog.clear()


async def test_a_failure_while_coming_in_is_told_too(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: str) -> None:
        raise OSError("the store is out of reach")

    monkeypatch.setattr(service.manager.store, "get", broken)
    async with service.connect() as client:
        await client.expect_close(Close.INTERNAL_ERROR)
    assert "the store is out of reach" in caplog.text
    caplog.clear()


async def test_a_failing_adapter_is_told_of_as_any_failure(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    before = told()
    async with service.join("ann") as ann, service.join("bea") as bea:
        await ann.expect("joined", user="bea")
        with monkeypatch.context() as patched:
            patched.setattr(service.manager, "receive", broken)
            await bea.say("hello")
            await bea.expect_close(Close.INTERNAL_ERROR)
        await ann.expect("left", user="bea")
        assert since(before)["INTERNAL_ERROR"] == 1
    (line,) = [one for one in caplog.records if getattr(one, "row", "") == "INTERNAL_ERROR"]
    assert vars(line)["user"] == "bea"
    assert "a mistake" in caplog.text
    caplog.clear()


async def test_a_failure_before_the_manager_knows_of_a_socket_is_recorded_too(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> str:
        raise RuntimeError("a mistake")

    before = told()
    monkeypatch.setattr(handshake, "read_headers", broken)
    async with service.connect() as client:
        await client.expect_close(Close.INTERNAL_ERROR)
    assert since(before)["INTERNAL_ERROR"] == 1
    (line,) = [vars(one) for one in caplog.records if hasattr(one, "row")]
    assert (line["row"], line["room"]) == ("INTERNAL_ERROR", "lobby")
    assert "a mistake" in caplog.text
    caplog.clear()


async def test_a_reader_that_stalls_ends_and_the_others_notice_nothing(
    start: Start, make_manager: Callable[..., ConnectionManager]
) -> None:
    manager = make_manager(outbox_bytes=300_000)
    async with start(manager) as service, AsyncExitStack() as stack:
        healthy = [await stack.enter_async_context(service.join(name)) for name in ("ann", "bea")]
        await healthy[0].expect("joined", user="bea")
        # Its library holds no more than one message, so the rest waits in the system's buffers.
        stalled = await stack.enter_async_context(service.join("sly", max_queue=1))
        for client in healthy:
            await client.expect("joined", user="sly")
        published = 0
        while "sly" in (await manager.backend.presence.members("lobby")).members:
            assert published < 1_000, "a reader that takes nothing is still in the room"
            said = manager.publish("lobby", [published, "x" * 60_000], "dot")
            await within("a message to be published, which waits for no reader", said)
            for client in healthy:
                frame = await client.expect("message")
                assert frame["body"][0] == published
            published += 1
        for client in healthy:
            await client.expect("left", user="sly")
        # It wakes up: what was on its way, in order, then the reason.
        backlog = await stalled.expect_backlog(Close.READS_TOO_SLOWLY)
        seen = [frame["body"][0] for frame in backlog]
        assert seen == list(range(len(seen)))
        assert len(seen) < published


async def test_a_stop_leaves_a_handshake_without_an_answer(service: Service) -> None:
    entered = asyncio.Event()

    async def hesitating(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        else:
            await receive()
            entered.set()
            await receive()

    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(hesitating, make_config()))
        async with Endpoint(address, service.tokens).handshake() as (reader, _):
            await within("the handshake", entered.wait())
            await stack.aclose()
            assert await within("the end", reader.read()) == b""
