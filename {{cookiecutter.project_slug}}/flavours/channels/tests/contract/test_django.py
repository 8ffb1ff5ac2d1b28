"""What Django adds to the contract: users by session, and rooms changed in the admin."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.layers import channel_layers
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from {{cookiecutter.__package}}.rooms.auth.handshake import Handshake
from {{cookiecutter.__package}}.rooms.auth.identities import Identity
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.web import sync
from {{cookiecutter.__package}}.web.layer import group_of, say
from {{cookiecutter.__package}}.web.manager import get_manager
from {{cookiecutter.__package}}.web.models import Room
from {{cookiecutter.__package}}.web.sessions import SessionUsers

from ..processes import PROCESS_TIMEOUT, run_to_end, serving, started
from ..redis_server import RedisServer
from ..serving import Start
from ..waiting import until
from .counts import read, since, told
from .service import KEY, Service

pytestmark = PROCESS_TIMEOUT
MANAGE = (sys.executable, "-m", "manage")
RUNSERVER = (*MANAGE, "runserver", "127.0.0.1:0")


@pytest.fixture
async def own_service(start: Start, database: None) -> AsyncIterator[Service]:
    """A service around the manager of this process, which the admin's views use too."""
    get_manager.cache_clear()
    async with start(get_manager()) as running:
        yield running
    get_manager.cache_clear()


@database_sync_to_async
def log_in(username: str, *, staff: bool = False) -> Browser:
    """Make a user, and a browser in which it is logged in."""
    user = User.objects.create_user(username, is_staff=staff, is_superuser=staff)
    browser = Browser()
    browser.force_login(user)
    return browser


def cookie(browser: Browser) -> dict[str, str]:
    return {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


async def test_a_user_with_a_session_needs_no_token(service: Service) -> None:
    browser = await log_in("ann")
    async with service.connect(additional_headers=cookie(browser)) as ann:
        await ann.expect("welcome", user="ann")


async def test_a_user_with_a_session_needs_a_token_for_a_locked_room(service: Service) -> None:
    await service.manager.create_room("cellar", password="sesame")
    browser = await log_in("ann")
    async with service.connect("cellar", additional_headers=cookie(browser)) as ann:
        await ann.expect_close(Close.TOKEN_REQUIRED)


async def test_a_token_counts_more_than_a_session(service: Service) -> None:
    browser = await log_in("ann")
    token = service.token("bea")
    async with service.connect(token=token, additional_headers=cookie(browser)) as bea:
        await bea.expect("welcome", user="bea")


async def test_a_user_whose_name_no_room_takes_is_let_in_under_no_other(service: Service) -> None:
    browser = await log_in("a" * 100)
    async with service.connect(additional_headers=cookie(browser)) as client:
        await client.expect_close(Close.TOKEN_REQUIRED)
    async with service.connect(
        token=service.token("ann"), additional_headers=cookie(browser)
    ) as ann:
        await ann.expect("welcome", user="ann")


@pytest.mark.usefixtures("database")
async def test_a_session_tells_who_the_user_is_in_django() -> None:
    for name, staff in (("ann", False), ("root", True)):
        user = await database_sync_to_async(User.objects.create_user)(name, is_staff=staff)
        handshake = Handshake(extra={"user": user, "session": None})
        identity = await SessionUsers().authenticate(handshake, "lobby")
        claims = {"id": user.pk, "is_staff": staff}
        assert identity == Identity(name, claims=claims, account=f"{user.pk}")


async def test_an_unusable_token_counts_more_than_a_session(service: Service) -> None:
    headers = {**cookie(await log_in("ann")), "Authorization": "Basic YTpi"}
    async with service.connect(additional_headers=headers) as client:
        await client.expect_close(Close.TOKEN_INVALID)


async def test_a_session_that_is_none_is_a_guest(service: Service) -> None:
    async with service.connect(additional_headers={"Cookie": "sessionid=nonsense"}) as guest:
        assert (await guest.expect("welcome"))["user"].startswith("guest-")


async def test_a_room_made_in_the_admin_takes_clients(own_service: Service) -> None:
    browser = await log_in("root", staff=True)
    form = {"name": "cellar", "new_password": "sesame", "capacity": "", "presence": "on"}
    answer = await database_sync_to_async(browser.post)("/admin/realtime/room/add/", form)
    assert answer.status_code == 302
    async with own_service.connect("cellar") as guest:
        await guest.expect_close(Close.TOKEN_REQUIRED)
    assert await own_service.manager.store.check_password("cellar", "sesame")
    async with own_service.join("ann", "cellar"):
        pass


async def test_a_room_deleted_in_the_admin_closes(own_service: Service) -> None:
    browser = await log_in("root", staff=True)
    lobby = await Room.objects.aget(name="lobby")
    async with own_service.join("ann") as ann:
        answer = await own_service.call(
            "POST",
            f"/admin/realtime/room/{lobby.pk}/delete/",
            data={"post": "yes", "csrfmiddlewaretoken": "t" * 32},
            headers={"Cookie": f"{cookie(browser)['Cookie']}; csrftoken={'t' * 32}"},
        )
        assert answer.status_code == 302, answer.text
        await ann.expect_close(Close.ROOM_CLOSED)


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("none", "application/json"),
    ],
)
async def test_errors_are_pages_to_those_who_prefer_a_page(
    service: Service, accepted: str, kind: str
) -> None:
    answer = await service.call("GET", "/nowhere", headers={"Accept": accepted})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith(kind)


async def test_the_documentation_shows_the_calls(service: Service) -> None:
    answer = await service.call("GET", "/openapi.json")
    assert "/rooms/{room}/tokens" in answer.json()["paths"]
    assert (await service.call("GET", "/docs")).status_code == 200


@pytest.mark.parametrize("option", ["--force-color", "--skip-checks"])
async def test_runserver_serves_sockets_too(tmp_path: Path, option: str) -> None:
    async with serving(tmp_path, [*RUNSERVER, "--noreload", option]) as (process, service):
        async with service.join("ann") as ann:
            process.stop()
            await ann.expect_close(Close.SERVICE_RESTART)
        await process.ended()
    assert "Traceback" not in process.printed


async def test_guests_see_nothing_of_the_admin(
    own_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    ann, root = await log_in("ann"), await log_in("root", staff=True)
    for headers, status in ((None, 302), (cookie(ann), 302), (cookie(root), 200)):
        for path in ("/admin/", "/admin/realtime/room/", "/admin/auth/user/"):
            answer = await own_service.call("GET", path, headers=headers)
            assert answer.status_code == status
            assert status == 200 or answer.headers["Location"].startswith("/admin/login/")
    forged = await own_service.call("POST", "/admin/logout/", headers=cookie(root))
    assert forged.status_code == 403, "a page of another origin could send this"
    caplog.clear()


async def test_in_production_the_admin_insists_on_tls(tmp_path: Path) -> None:
    async with serving(tmp_path, DEBUG="false") as (_, service):
        plain = await service.call("GET", "/admin/login/")
        assert plain.status_code == 301
        assert plain.headers["Location"].startswith("https://")
        # As a proxy tells it that ends TLS.
        headers = {"X-Forwarded-Proto": "https"}
        answer = await service.call("GET", "/admin/login/", headers=headers)
        assert answer.status_code == 200
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert (await service.call("GET", "/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:////nowhere/db.sqlite3", "DATABASE_URL: unable to open database file"),
        ("postgres://a@127.0.0.1:1/b", "DATABASE_URL: Error loading psycopg2 or psycopg module"),
    ],
)
async def test_a_database_that_cannot_be_used_ends_the_start(
    tmp_path: Path, url: str, told: str
) -> None:
    async with started(tmp_path, DATABASE_URL=url) as process:
        assert await process.ended() == 1
    assert process.printed.startswith(told)


async def test_a_logout_closes_the_sockets_of_that_session(own_service: Service) -> None:
    user = await database_sync_to_async(User.objects.create_user)("ann")
    desk, phone = Browser(), Browser()
    for browser in (desk, phone):
        await database_sync_to_async(browser.force_login)(user)
    async with (
        own_service.connect(additional_headers=cookie(desk)) as one,
        own_service.connect(additional_headers=cookie(phone)) as other,
    ):
        for client in (one, other):
            await client.expect("welcome", user="ann")
        await database_sync_to_async(desk.logout)()
        await one.expect_close(Close.REMOVED)
        await other.say("still here")
        await other.expect_message("still here", "ann")


async def test_other_django_code_speaks_by_the_channel_layer(own_service: Service) -> None:
    layer = channel_layers["default"]
    async with own_service.join("ann") as ann:
        await layer.group_send(group_of("lobby"), say("lobby", {"n": 1}, "cron"))
        await ann.expect_message({"n": 1}, "cron")


@pytest.mark.parametrize(
    "wrong",
    [{"body": {1}}, {"from": ""}, {"room": "nowhere"}, {"room": None}, {"id": None, "from": None}],
)
async def test_what_may_not_be_said_is_logged(
    own_service: Service, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def is_logged() -> bool:
        return "is not said" in caplog.text

    layer = channel_layers["default"]
    async with own_service.join("ann") as ann:
        await layer.group_send(group_of("lobby"), {**say("lobby", "hello"), **wrong})
        await layer.group_send(group_of("lobby"), say("lobby", "next"))
        await ann.expect_message("next")
        # Of another room it is found in that room's time.
        await until("the line in the log", is_logged)
    caplog.clear()


async def test_what_no_process_understands_is_passed_over(own_service: Service) -> None:
    layer = channel_layers["default"]
    async with own_service.join("ann") as ann:
        for event in ({"type": "room.event", "kind": "of another release"}, {"no": "type"}):
            await layer.group_send(group_of("lobby"), event)
        further = {**say("lobby", "next"), "of": "another release"}
        await layer.group_send(group_of("lobby"), further)
        await ann.expect_message("next")


async def test_what_is_sent_to_a_group_is_said_by_one_process_alone(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with AsyncExitStack() as stack:
        services = []
        for _ in range(3):
            starting = serving(tmp_path, REDIS_URL=redis_server.url)
            _, service = await stack.enter_async_context(starting)
            services.append(service)
        answer = await services[0].call("POST", "/rooms", headers=KEY, json={"name": "attic"})
        assert answer.status_code == 201
        ann = await stack.enter_async_context(services[0].join("ann"))
        bea = await stack.enter_async_context(services[1].join("bea"))
        await ann.expect("joined", user="bea")
        script = SAID.format(rooms=["lobby", "attic"])
        code, printed = await manage(tmp_path, redis_server.url, "shell", "-c", script)
        assert code == 0, printed
        counts = [read((await one.call("GET", "/metrics")).text) for one in services]
        said = [float(printed.split()[-1]), *(one["rooms_messages_in_total"] for one in counts)]
        assert sorted(said) == [0, 0, 0, 2], "each message is said once"
        for client in (ann, bea):
            await client.expect_message("to lobby")
        # Nobody is there, in no process.
        answer = await services[2].call("GET", "/rooms/attic/messages", headers=KEY)
        assert [one["body"] for one in answer.json()["messages"]] == ["to attic"]


async def test_synchronous_code_publishes(own_service: Service) -> None:
    def view() -> str:
        return sync.publish("lobby", "hello", "a view")

    async with own_service.join("ann") as ann:
        position = await sync_to_async(view)()
        await ann.expect("message", position=position, body="hello")
        for called in (view, lambda: asyncio.run(sync_to_async(view)())):
            # The second from an event loop of its own.
            assert await asyncio.to_thread(called) > position
            await ann.expect_message("hello", "a view")


async def test_a_command_in_another_process_announces(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with serving(tmp_path, REDIS_URL=redis_server.url) as (_, service):
        async with service.join("ann") as ann:
            code, printed = await announce(tmp_path, redis_server.url, "lobby", "dinner is ready")
            assert code == 0, printed
            await ann.expect("message", body="dinner is ready", position=printed.strip())
        code, printed = await announce(tmp_path, redis_server.url, "nowhere", "hello")
        assert code != 0
        assert "nowhere" in printed
    with pytest.raises(CommandError, match="set REDIS_URL"):
        await asyncio.to_thread(call_command, "announce", "lobby", "hello")


GROUP_SEND = """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from {{cookiecutter.__package}}.web.layer import group_of, say

async_to_sync(get_channel_layer().group_send)(group_of("lobby"), say("lobby", "from {}"))
"""


async def test_a_process_that_serves_says_it_for_the_others(
    start: Start,
    make_manager: Callable[..., ConnectionManager],
    redis_server: RedisServer,
    settings: Settings,
) -> None:
    others = [make_manager(redis_url=redis_server.url) for _ in range(2)]
    settings.SERVICE = others[0].config
    get_manager.cache_clear()
    before = told()
    async with (
        start(get_manager()),
        start(others[0]) as one,
        start(others[1]) as other,
        one.join("ann") as ann,
        other.join("bea") as bea,
    ):
        await ann.expect("joined", user="bea")
        await channel_layers["default"].group_send(group_of("lobby"), say("lobby", "hello"))
        for client in (ann, bea):
            await client.expect_message("hello")
    # All three count in one place.
    assert since(before)["rooms_messages_in_total"] == 1
    get_manager.cache_clear()


SAID = """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from {{cookiecutter.__package}}.rooms import metrics
from {{cookiecutter.__package}}.web.layer import group_of, say

for room in {rooms}:
    async_to_sync(get_channel_layer().group_send)(group_of(room), say(room, "to " + room))
[counted] = metrics.MESSAGES_IN.collect()
print(counted.samples[0].value)
"""


async def test_group_send_reaches_the_processes_on_its_own_database(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with (
        serving(tmp_path, REDIS_URL=redis_server.url) as (_, service),
        service.join("ann") as ann,
    ):
        for database in ("1", "0"):
            url = redis_server.url.removesuffix("0") + database
            code, printed = await manage(tmp_path, url, "shell", "-c", GROUP_SEND.format(url))
            assert code == 0, printed
        await ann.expect_message(f"from {redis_server.url}")


async def announce(folder: Path, redis_url: str, room: str, text: str) -> tuple[int, str]:
    return await manage(folder, redis_url, "announce", room, text)


async def manage(folder: Path, redis_url: str, *arguments: str) -> tuple[int, str]:
    """Run a command of Django's to its end; its exit code and what it printed."""
    return await run_to_end(folder, (*MANAGE, *arguments), REDIS_URL=redis_url)


async def test_hosts_that_djangos_settings_name_still_hold(
    service: Service, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["www.example.org"]
    for host, status in [("www.example.org", 200), ("a_b", 400), ("example.org", 400)]:
        assert (await service.call("GET", "/", headers={"Host": host})).status_code == status
    caplog.clear()
