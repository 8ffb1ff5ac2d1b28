"""What a process does when its engine fails it: nothing is lost, and nobody waits for ever."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import JsonValue

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.connections.transport import Send, Transport
from {{cookiecutter.__package}}.rooms.delivery.fanout import Fanout
from {{cookiecutter.__package}}.rooms.errors import UnavailableError
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol import frames
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.protocol.events import Entry
from {{cookiecutter.__package}}.rooms.tuning import Tuning

from ..fakes import QUIET, Listener, fail, inside, intercept, members, slow_down
from ..waiting import within


@pytest.fixture
def tuning() -> Tuning:
    """How the manager of these tests is tuned; a test may ask for something else."""
    return QUIET


@pytest.fixture
async def attic(
    make_manager: Callable[..., ConnectionManager], tuning: Tuning
) -> ConnectionManager:
    """A manager with the room of these tests."""
    manager = make_manager(tuning=tuning)
    await manager.create_room("attic")
    return manager


async def say_elsewhere(manager: ConnectionManager, body: JsonValue) -> Entry:
    """Append a message as another process does, whose bell does not arrive."""
    text = frames.encode_payload("bea", body, "now", None)
    with pytest.MonkeyPatch.context() as patched:
        intercept(patched, manager, lambda *_: None)
        position = (await manager.backend.log.append("attic", text)).position
    return Entry(epoch=position.epoch, offset=position.offset, text=text)


async def test_what_no_bell_can_tell_of_is_read_from_the_log(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(attic, Handshake()) as ann:
        with monkeypatch.context() as patched:
            intercept(patched, attic, lambda *_: None)
            await say_elsewhere(attic, "missed")
            await attic.publish("attic", "hello", "bea")
            await ann.expect("missed")
            await ann.expect("hello")


@pytest.mark.parametrize("tuning", [Tuning(bell_seconds=0.01)])
async def test_a_repeated_message_whose_bell_was_missed_is_read_from_the_log(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(attic, Handshake()) as ann:
        with monkeypatch.context() as patched:
            intercept(patched, attic, lambda *_: None)
            text = frames.encode_payload("bea", "hello", "now", "m1")
            await attic.backend.log.append("attic", text, "bea\nm1")
        await attic.publish("attic", "other words", "bea", "m1")
        await ann.expect("hello")


async def test_what_is_told_to_nobody_is_logged(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(monkeypatch, attic.backend.bus, "send")
    await attic.end_session("of ann")
    assert "could not be told of 'session-ended'" in caplog.text


@pytest.mark.parametrize("tuning", [Tuning(bell_seconds=0.01)])
async def test_what_cannot_be_read_now_is_read_soon(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(attic, Handshake()) as ann:
        await attic.start()
        await say_elsewhere(attic, "missed")
        with monkeypatch.context() as patched:
            intercept(patched, attic, lambda *_: None)
            fail(patched, attic.backend.log, "read")
            await attic.publish("attic", "hello", "bea")
        # Sooner than the next check.
        await within("the message", ann.expect("missed"), 3)
        await ann.expect("hello")


async def test_a_gap_that_cannot_be_read_is_looked_at_again(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(attic, Handshake()) as ann:
        with monkeypatch.context() as patched:
            failed = fail(patched, attic.backend.log, "read")
            await say_elsewhere(attic, "missed")
            await attic.backend.bus.send("attic", await say_elsewhere(attic, "hello"))
            await within("the gap to be read", failed.wait())
        # There is no check that would find it.
        await within("the message", ann.expect("missed"), 3)
        await ann.expect("hello")


async def test_a_room_whose_log_is_lost_ends_for_all_who_knew_it(
    attic: ConnectionManager, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside(attic, Handshake()) as ann:
        await attic.backend.log.delete("attic")
        with pytest.raises(UnavailableError):
            await attic.publish("attic", "hello", "bea")
        await ann.expect_close(Close.SERVICE_RESTART)
    assert "is lost in part" in caplog.text


async def test_who_could_not_be_let_out_is_let_out_later(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        async with inside(attic, Handshake()):
            fail(patched, attic.backend.presence, "leave")
        assert await members(attic) != []
    await attic.check()
    assert await members(attic) == []


@pytest.mark.parametrize("error", [UnavailableError(), RuntimeError("broken")])
async def test_a_room_that_cannot_be_opened_is_opened_for_the_next(
    error: Exception,
    attic: ConnectionManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        fail(patched, attic.backend.bus, "subscribe", error)
        async with inside(attic, Handshake()) as ann:
            await ann.expect_close(Close.INTERNAL_ERROR)
    assert "The room 'attic' c" in caplog.text
    async with inside(attic, Handshake()) as bea:
        await attic.publish("attic", "hello", "ann")
        await bea.expect("hello")


async def test_what_is_said_while_a_room_fails_to_open_is_kept(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waited = asyncio.Event()

    async def late(*_: object) -> bool:
        waited.set()
        return False

    with monkeypatch.context() as patched:
        fail(patched, attic.backend.bus, "subscribe")
        entered, go_on = slow_down(patched, attic.backend.bus, "subscribe")
        patched.setattr(Fanout, "reached", late)
        listener = Listener()
        coming = asyncio.create_task(attic.connect("attic", listener.transport))
        await within("the room to be opened", entered.wait())
        saying = asyncio.create_task(attic.publish("attic", "hello", "bea"))
        await within("the message to wait for the room", waited.wait())
        go_on.set()
        position = await within("the position", saying)
        await attic.disconnect(await coming)
    async with inside(attic, Handshake(after=position)) as ann:
        assert f'"position":"{position}","recovered":true' in ann.frames[0]
    assert "is lost in part" not in caplog.text


@pytest.mark.parametrize("tuning", [Tuning(check_seconds=0.01)])
async def test_the_keeper_outlives_an_error(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reached = asyncio.Event()
    with monkeypatch.context() as patched:
        failed = fail(patched, attic.store, "existing", RuntimeError("broken"))
        await attic.start()
        await within("a check", failed.wait())
    assert "RuntimeError: broken" in caplog.text

    async def existing(names: set[str]) -> set[str]:
        reached.set()
        return names

    monkeypatch.setattr(attic.store, "existing", existing)
    await within("the next check", reached.wait())


@pytest.mark.parametrize("tuning", [Tuning(page=2)])
async def test_what_a_check_finds_may_be_more_than_a_page(attic: ConnectionManager) -> None:
    async with inside(attic, Handshake()) as ann:
        for number in range(5):
            await say_elsewhere(attic, number)
        await attic.check()
        for number in range(5):
            await ann.expect(number)


async def come_in_late(
    manager: ConnectionManager,
    monkeypatch: pytest.MonkeyPatch,
    bodies: list[str],
    send: Send | None = None,
) -> Listener:
    """Come in while these are said, between the look at the log and the welcome."""
    await manager.create_room("attic")
    async with inside(manager, Handshake()) as there:
        entered, go_on = asyncio.Event(), asyncio.Event()
        read = manager.backend.log.read

        async def slow(*args: Any) -> object:
            page = await read(*args)
            entered.set()
            await go_on.wait()
            return page

        monkeypatch.setattr(manager.backend.log, "read", slow)
        late = Listener()
        transport = Transport(send or late.send, late.close)
        coming = asyncio.create_task(manager.connect("attic", transport))
        await within("the look at the log", entered.wait())
        for body in bodies:
            await manager.publish("attic", body, "bea")
            await there.expect(body)
        go_on.set()
        connection = await within("the newcomer", coming)
        await late.expect_close(Close.READS_TOO_SLOWLY)
        await manager.disconnect(connection)
    return late


async def test_who_comes_in_so_slowly_that_the_log_forgets_is_told(
    make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = make_manager(history=4, outbox_bytes=500)
    late = await come_in_late(manager, monkeypatch, ["x" * 100] * 10)
    assert late.bodies.empty()


async def test_who_takes_not_even_the_welcome_reads_too_slowly(
    make_manager: Callable[..., ConnectionManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(_: str) -> None:
        await asyncio.Event().wait()

    manager = make_manager(outbox_bytes=500, tuning=Tuning(stalled_seconds=0.1))
    await come_in_late(manager, monkeypatch, ["x" * 100] * 2, send)


async def test_a_room_may_be_told_twice_to_be_gone(attic: ConnectionManager) -> None:
    async with inside(attic, Handshake()) as ann:
        for _ in range(2):
            await attic.room_deleted("attic")
        await ann.expect_close(Close.ROOM_CLOSED)
    async with inside(attic, Handshake()) as bea:
        await attic.publish("attic", "hello", "ann")
        await bea.expect("hello")


async def test_a_room_may_go_while_it_is_compared(
    attic: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(attic, Handshake()) as ann:
        entered, go_on = slow_down(monkeypatch, attic.backend.log, "read")
        checking = asyncio.create_task(attic.check())
        await within("the look at the log", entered.wait())
        await attic.room_deleted("attic")
        await ann.expect_close(Close.ROOM_CLOSED)
        go_on.set()
        await within("the check", checking)
    async with inside(attic, Handshake()) as bea:
        await attic.publish("attic", "hello", "ann")
        await bea.expect("hello")
