"""Sockets of a session close when their user's right has ended: at once if Django tells of it."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib import import_module

import pytest
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test import Client as Browser
from django.utils.timezone import now

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.auth.identities import Identity
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.rooms.tuning import Tuning
from {{cookiecutter.__package}}.web.sessions import SessionUsers

from ..serving import Start
from .service import Service

# Whether users still have their right is asked as soon as it can be, or when Django tells.
IMPATIENT = Tuning(check_seconds=3600, identity_seconds=0.05)
PATIENT = Tuning(check_seconds=3600, identity_seconds=3600)


@pytest.fixture
def tuning() -> Tuning:
    return IMPATIENT


@pytest.fixture
async def service(
    start: Start, make_manager: Callable[..., ConnectionManager], tuning: Tuning
) -> AsyncIterator[Service]:
    async with start(make_manager(tuning=tuning)) as running:
        yield running


@database_sync_to_async
def log_in(username: str) -> dict[str, str]:
    """Make a user, and a session of it; the header that presents it."""
    browser = Browser()
    browser.force_login(User.objects.get_or_create(username=username)[0])
    return {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


def key_of(header: dict[str, str]) -> str:
    return header["Cookie"].partition("=")[2]


def of_user(**changes: object) -> Callable[[str], object]:
    """Change Ann without a word to anybody, as another program might."""
    return lambda _: User.objects.filter(username="ann").update(**changes)


def of_session(**changes: object) -> Callable[[str], object]:
    return lambda key: Session.objects.filter(session_key=key).update(**changes)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(of_user(is_active=False), id="deactivated"),
        pytest.param(of_user(password="another"), id="password"),
        pytest.param(of_user(username="anna"), id="renamed"),
        pytest.param(lambda key: Session.objects.filter(pk=key).delete(), id="session-deleted"),
        pytest.param(of_session(expire_date=now() - timedelta(seconds=1)), id="session-expired"),
    ],
)
async def test_a_socket_closes_when_its_users_right_has_ended(
    service: Service, end: Callable[[str], object]
) -> None:
    headers = await log_in("ann")
    async with service.connect(additional_headers=await log_in("bea")) as bea:
        await bea.expect("welcome", user="bea")
        async with service.connect(additional_headers=headers) as ann:
            await ann.expect("welcome", user="ann")
            await bea.expect("joined", user="ann")
            await database_sync_to_async(end)(key_of(headers))
            await ann.expect_close(Close.REMOVED)
        await bea.expect("left", user="ann")


def by_django(**changes: object) -> Callable[[User], object]:
    """Change a user as the admin does."""

    def change(user: User) -> None:
        for name, value in changes.items():
            setattr(user, name, value)
        user.save()

    return change


@pytest.mark.parametrize("tuning", [PATIENT])
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(by_django(is_active=False), id="deactivated"),
        pytest.param(by_django(password="another"), id="password"),
        pytest.param(by_django(username="anna"), id="renamed"),
        pytest.param(User.delete, id="deleted"),
    ],
)
async def test_a_socket_closes_at_once_when_django_tells_that_its_users_right_has_ended(
    service: Service, end: Callable[[User], object]
) -> None:
    async with service.connect(additional_headers=await log_in("ann")) as ann:
        await ann.expect("welcome", user="ann")
        user = await User.objects.aget(username="ann")
        # Of this it tells too.
        await database_sync_to_async(by_django(first_name="Ann"))(user)
        await ann.say("still here")
        await ann.expect_message("still here", "ann")
        await database_sync_to_async(end)(user)
        await ann.expect_close(Close.REMOVED)


async def identify(username: str, session: SessionBase | None = None) -> Identity:
    user, _ = await User.objects.aget_or_create(username=username)
    handshake = Handshake(extra={"user": user, "session": session})
    identity = await SessionUsers().authenticate(handshake, "lobby")
    assert identity
    return identity


@pytest.mark.usefixtures("database")
async def test_all_users_and_sessions_are_looked_up_at_once() -> None:
    queries: list[str] = []

    def count(execute: Callable[..., object], sql: str, *more: object) -> object:
        queries.append(sql)
        return execute(sql, *more)

    def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
        if count not in connection.execute_wrappers:
            connection.execute_wrappers.append(count)

    identities = [await identify(f"user {number}", await make_session()) for number in range(10)]
    connection_created.connect(watch)
    for some in (identities[:1], identities):
        queries.clear()
        assert await SessionUsers().still_holds(some) == [True] * len(some)
        asked = [one for one in queries if one.startswith("SELECT")]
        assert len(asked) == 2, asked
    connection_created.disconnect(watch)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("engine", ["db", "cached_db", "cache"])
async def test_a_session_is_looked_up_where_it_is_kept(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SESSION_ENGINE", f"django.contrib.sessions.backends.{engine}")
    session, users = await make_session(), SessionUsers()
    identities = [await identify("ann", session), await identify("ann")]
    assert await users.still_holds(identities) == [True, True]
    await session.aflush()
    assert await users.still_holds(identities) == [False, True]


async def make_session() -> SessionBase:
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore()
    session["a"] = "value"
    await session.asave()
    return session
