"""Authenticators: which one counts, what an identity opens, and how it is renewed."""

import json

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
from {{cookiecutter.__package}}.server.handshake import read_handshake

from ..clock import ManualClock
from ..fakes import Socket, Vouching, identifying, inside

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


async def test_a_connection_that_ends_during_a_refresh_leaves_no_timer(
    attic: ConnectionManager, clock: ManualClock
) -> None:
    class Slow(Vouching):
        async def refresh(self, token: str, room: str) -> Identity | None:
            manager.end(connection, Close.REMOVED)
            return Identity("ann", expires=clock.time() + 30)

    manager = identifying(attic, Slow(ANN))
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
