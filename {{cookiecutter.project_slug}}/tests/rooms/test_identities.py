"""Authenticators: which one counts, what an identity opens, and how it is renewed."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.auth.identities import (
    Authenticator,
    Guests,
    Identity,
)
from {{cookiecutter.__package}}.rooms.connections.connection import Connection
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.tuning import Tuning
from {{cookiecutter.__package}}.server.handshake import read_handshake

from ..clock import ManualClock
from ..fakes import Socket, Vouching, identifying, inside
from ..waiting import within

ANN, BEA = Identity("ann"), Identity("bea")


async def come(
    manager: ConnectionManager, room: str = "attic", handshake: Handshake | None = None
) -> tuple[Socket, Connection]:
    """Come into a room, up to the welcome or the close."""
    socket = Socket()
    connection = await manager.connect(room, socket.transport, handshake or Handshake())
    await connection.drained()
    return socket, connection


@pytest.fixture
async def attic(manager: ConnectionManager) -> ConnectionManager:
    """A manager with an open and a locked room."""
    await manager.create_room("attic")
    await manager.create_room("cellar", password="sesame")
    return manager


@pytest.mark.parametrize(
    ("authenticators", "user"),
    [
        ([Vouching(None), Vouching(ANN), Vouching(BEA)], "ann"),
        ([Vouching(BEA), Guests(allowed=True)], "bea"),
        ([Guests(allowed=False), Vouching(ANN)], "ann"),
    ],
)
async def test_the_first_authenticator_that_knows_a_client_counts(
    attic: ConnectionManager, authenticators: list[Authenticator], user: str
) -> None:
    manager = identifying(attic, *authenticators)
    _, connection = await come(manager)
    assert connection.user == user
    await manager.disconnect(connection)


@pytest.mark.parametrize(
    ("identity", "attic_ends", "cellar_ends"),
    [
        (ANN, None, Close.TOKEN_REQUIRED),
        (Identity("guest-1", guest=True), None, Close.TOKEN_REQUIRED),
        (Identity("ann", rooms=("cellar",)), Close.WRONG_ROOM, None),
        (Identity("ann", rooms=("attic", "cellar")), None, None),
        (Identity("ann", rooms=()), Close.WRONG_ROOM, Close.WRONG_ROOM),
        (Identity("ann", expires=0), Close.TOKEN_EXPIRED, Close.TOKEN_REQUIRED),
        (None, Close.TOKEN_REQUIRED, Close.TOKEN_REQUIRED),
    ],
)
async def test_an_identity_opens_rooms_by_name_or_all_without_a_password(
    attic: ConnectionManager,
    identity: Identity | None,
    attic_ends: Close | None,
    cellar_ends: Close | None,
) -> None:
    manager = identifying(attic, Vouching(identity))
    for room, ends in (("attic", attic_ends), ("cellar", cellar_ends)):
        _, connection = await come(manager, room)
        assert connection.closed_with is ends
        await manager.disconnect(connection)


async def test_a_token_that_no_authenticator_knows_is_invalid(attic: ConnectionManager) -> None:
    manager = identifying(attic, Guests(allowed=True))
    for token, ends in (("theirs", Close.TOKEN_INVALID), (None, None)):
        _, connection = await come(manager, handshake=Handshake(token=token))
        assert connection.closed_with is ends
        await manager.disconnect(connection)


async def test_an_authenticator_that_fails_closes_that_connection(
    attic: ConnectionManager, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Vouching):
        async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
            raise RuntimeError("no provider")

    manager = identifying(attic, Failing(None))
    _, connection = await come(manager)
    assert connection.closed_with is Close.INTERNAL_ERROR
    assert "no provider" in caplog.text
    await manager.disconnect(connection)


async def test_an_authenticator_sees_the_handshake_and_the_room(attic: ConnectionManager) -> None:
    scope = {
        "headers": [(b"cookie", b"a=1"), (b"x-seen", b"one"), (b"x-seen", b"two")],
        "query_string": b"after=1-2&invite=yes&invite=no&empty=",
        "client": ("203.0.113.7", 1),
    }
    vouching = Vouching(ANN)
    manager = identifying(attic, vouching)
    _, connection = await come(manager, handshake=read_handshake(scope, user="a user of theirs"))
    seen, room = vouching.seen
    assert room == "attic"
    assert (seen.token, seen.unusable_token, seen.after) == (None, False, "1-2")
    assert seen.query == {"after": "1-2", "invite": "yes", "empty": ""}
    assert seen.headers == {"cookie": "a=1", "x-seen": "one, two"}
    assert seen.address == "203.0.113.7"
    assert seen.extra == {"user": "a user of theirs"}
    await manager.disconnect(connection)


REFRESH = json.dumps({"type": "refresh", "token": "a new one"})


@pytest.mark.parametrize(
    ("renewed", "told"),
    [
        (None, "no token to refresh"),
        (BEA, "another user"),
        (Identity("ann", rooms=("cellar",)), "another room"),
        (Identity("ann", expires=0), "expired"),
    ],
)
async def test_a_refresh_that_does_not_fit_changes_nothing(
    attic: ConnectionManager, renewed: Identity | None, told: str
) -> None:
    manager = identifying(attic, Vouching(ANN, renewed))
    socket, connection = await come(manager)
    await manager.receive(connection, REFRESH)
    await connection.drained()
    error = json.loads(socket.frames[-1])
    assert (error["type"], error["code"]) == ("error", "invalid-token")
    assert told in error["detail"]
    assert connection.admission.identity is ANN
    await manager.disconnect(connection)


async def test_the_claims_of_a_refreshed_identity_count(attic: ConnectionManager) -> None:
    renewed = Identity("ann", claims={"role": "speaker"})
    manager = identifying(attic, Vouching(Identity("ann", claims={"role": "reader"}), renewed))
    _, connection = await come(manager)
    await manager.receive(connection, REFRESH)
    assert connection.admission.identity.claims == {"role": "speaker"}
    await manager.disconnect(connection)


@pytest.mark.parametrize("user", ["ann", "bea"])
async def test_a_connection_that_ends_during_a_refresh_leaves_no_timer(
    user: str, attic: ConnectionManager, clock: ManualClock
) -> None:
    class Slow(Vouching):
        async def refresh(self, token: str, room: str) -> Identity | None:
            manager.end(connection, Close.REMOVED)
            return Identity(user, expires=clock.time() + 30)

    manager = identifying(attic, Slow(Identity("ann", expires=clock.time() + 60)))
    _, connection = await come(manager)
    await manager.receive(connection, REFRESH)
    assert clock.pending == 0
    await manager.disconnect(connection)


async def test_only_the_connections_of_a_session_end_with_it(attic: ConnectionManager) -> None:
    class Sessions(Vouching):
        async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
            return Identity("ann", session=handshake.extra["session"])

    manager = identifying(attic, Sessions(None))
    async with (
        inside(manager, Handshake(extra={"session": "one"})) as one,
        inside(manager, Handshake(extra={"session": "other"})) as other,
    ):
        await manager.end_session("one")
        await one.expect_close(Close.REMOVED)
        await manager.publish("attic", "hello", "bea")
        await other.expect("hello")


# Asks at once which identities still hold, or never.
IMPATIENT = Tuning(check_seconds=3600, identity_seconds=0.01)
PATIENT = Tuning(check_seconds=3600, identity_seconds=3600)
REVOKED = Handshake(extra={"user": "bea"})


class Revoking(Vouching):
    """Tells Bea's identities no longer hold; `asked` has what it was asked."""

    def __init__(self) -> None:
        super().__init__(None, ANN)
        self.asked: asyncio.Queue[Sequence[Identity]] = asyncio.Queue()

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        user = handshake.extra.get("user", "ann")
        return Identity(user, account=f"account of {user}")

    async def still_holds(self, identities: Sequence[Identity]) -> Sequence[bool]:
        self.asked.put_nowait(identities)
        return [one.user != "bea" for one in identities]


async def test_a_connection_closes_when_its_identity_no_longer_holds(
    attic: ConnectionManager,
) -> None:
    revoking = Revoking()
    manager = identifying(attic, Guests(allowed=False), revoking, tuning=IMPATIENT)
    async with inside(manager, Handshake()) as ann, inside(manager, REVOKED) as bea:
        await manager.start()
        await bea.expect_close(Close.REMOVED)
        first, second = [await within("a question", revoking.asked.get()) for _ in range(2)]
        assert sorted(one.user for one in first) == ["ann", "bea"]
        assert [one.user for one in second] == ["ann"]
        await manager.publish("attic", "hello", "cid")
        await ann.expect("hello")
    await manager.stop()


async def test_the_identities_of_an_account_that_changed_are_asked_about_at_once(
    attic: ConnectionManager,
) -> None:
    revoking = Revoking()
    manager = identifying(attic, Guests(allowed=False), revoking, tuning=PATIENT)
    async with inside(manager, Handshake()) as ann, inside(manager, REVOKED) as bea:
        await manager.start()
        for user in ("ann", "cid", "ann"):
            await manager.account_changed(f"account of {user}")
            await asyncio.sleep(0)
        assert [one.user for one in await within("a question", revoking.asked.get())] == ["ann"]
        for _ in range(2):
            await manager.account_changed("account of bea")
        await bea.expect_close(Close.REMOVED)
        assert [one.user for one in revoking.asked.get_nowait()] == ["bea"]
        assert revoking.asked.empty()
        await manager.publish("attic", "hello", "cid")
        await ann.expect("hello")
    await manager.stop()


async def test_identities_of_guests_and_of_own_tokens_hold(manager: ConnectionManager) -> None:
    assert await manager.tokens.still_holds([ANN, BEA]) == [True, True]
    assert await Guests(allowed=True).still_holds([ANN]) == [True]


@pytest.mark.parametrize("answer", [RuntimeError("no database"), []])
async def test_while_nobody_can_tell_whether_an_identity_holds_its_connection_stays(
    attic: ConnectionManager, answer: Exception | list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Revoking):
        failing = True

        async def still_holds(self, identities: Sequence[Identity]) -> Sequence[bool]:
            holds = await super().still_holds(identities)
            if self.failing and isinstance(answer, Exception):
                raise answer
            return answer if self.failing and isinstance(answer, list) else holds

    failing = Failing()
    manager = identifying(attic, failing, tuning=IMPATIENT)
    async with inside(manager, REVOKED) as bea:
        await manager.start()
        for _ in range(2):
            await within("a question", failing.asked.get())
        assert bea.closed is None
        assert "which identities still hold" in caplog.text
        failing.failing = False
        await bea.expect_close(Close.REMOVED)
    await manager.stop()


async def test_an_identity_that_was_renewed_meanwhile_holds(attic: ConnectionManager) -> None:
    class Slow(Revoking):
        async def still_holds(self, identities: Sequence[Identity]) -> Sequence[bool]:
            await manager.receive(connection, REFRESH)
            self.asked.put_nowait(identities)
            return [one is ANN for one in identities]

    slow = Slow()
    manager = identifying(attic, slow, tuning=IMPATIENT)
    _, connection = await come(manager)
    await manager.start()
    for _ in range(2):
        await within("a question", slow.asked.get())
    assert not connection.ending
    await manager.disconnect(connection)
    await manager.stop()
