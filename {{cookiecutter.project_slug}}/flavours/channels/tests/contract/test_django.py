"""What Django adds to the contract: users by session, and rooms changed in the admin."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.test import Client as Browser

from {{cookiecutter.__package}}.realtime.models import Room
from {{cookiecutter.__package}}.realtime.services import get_manager
from {{cookiecutter.__package}}.rooms.closes import Close

from .conftest import Start
from .service import Service
from .test_process import serving

RUNSERVER = (sys.executable, str(Path("manage.py").absolute()), "runserver", "127.0.0.1:0")


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


async def test_a_user_whose_name_no_room_takes_is_a_guest(service: Service) -> None:
    browser = await log_in("a" * 100)
    async with service.connect(additional_headers=cookie(browser)) as guest:
        assert (await guest.expect("welcome"))["user"].startswith("guest-")


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


async def test_errors_are_pages_to_those_who_would_rather_have_a_page(service: Service) -> None:
    answer = await service.call("GET", "/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_the_documentation_shows_the_calls(service: Service) -> None:
    answer = await service.call("GET", "/openapi.json")
    assert "/rooms/{room}/tokens" in answer.json()["paths"]
    assert (await service.call("GET", "/docs")).status_code == 200


async def test_runserver_serves_sockets_too(tmp_path: Path) -> None:
    async with serving(tmp_path, [*RUNSERVER, "--noreload"]) as (process, service):
        async with service.join("ann") as ann:
            process.process.terminate()
            await ann.expect_close(Close.SERVICE_RESTART)
        await process.ended()
    assert "Traceback" not in process.printed
