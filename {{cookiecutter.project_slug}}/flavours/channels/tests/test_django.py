"""The Django project by itself: its model, its admin form, its commands."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory

from {{cookiecutter.__package}}.rooms import JoinRequest, RoomHandler, Service
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.middleware import Event
from {{cookiecutter.__package}}.web import admin, signals, tables
from {{cookiecutter.__package}}.web import settings as own_settings
from {{cookiecutter.__package}}.web.admin import RoomForm
from {{cookiecutter.__package}}.web.lifespan import Lifespan
from {{cookiecutter.__package}}.web.middleware import Files, json_errors
from {{cookiecutter.__package}}.web.models import Room
from {{cookiecutter.__package}}.web.sessions import account_name

from .configs import make_config
from .processes import PROCESS_TIMEOUT, run_to_end, script


def test_a_database_url_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"DATABASE_URL: .* it takes a URL like postgres://"):
        make_config(database_url="no-database://here")


@pytest.mark.usefixtures("database")
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True)


def test_the_project_checks_clean() -> None:
    call_command("check")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", ["", "UPPER", "-", "a b", "x" * 65])
def test_only_names_that_a_path_may_hold_are_valid(name: str) -> None:
    with pytest.raises(ValidationError):
        Room(name=name).full_clean()


def test_a_name_that_leads_out_of_the_static_folder_has_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leads_out(*_: object) -> None:
        raise SuspiciousFileOperation

    files = Files(lambda _: None)
    assert files.find_file("/static/rooms.js")
    monkeypatch.setattr(finders, "find", leads_out)
    assert files.find_file("/static/con") is None


async def test_an_error_keeps_what_a_view_says_beside_its_text() -> None:
    async def view(_: HttpRequest) -> HttpResponse:
        response = HttpResponse("Slow down", status=429, headers={"Retry-After": "7"})
        response.set_cookie("seen", "yes")
        return response

    answer = await json_errors(view)(RequestFactory().get("/"))
    assert json.loads(answer.content) == {"detail": "Too Many Requests"}
    assert answer["Content-Type"] == "application/json"
    assert answer["Retry-After"] == "7"
    assert answer.cookies["seen"].value == "yes"


async def test_an_error_that_is_no_page_is_json_to_whoever_prefers_a_page() -> None:
    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse("why", status=500, content_type="text/plain")

    answer = await json_errors(view)(RequestFactory().get("/", headers={"Accept": "text/html"}))
    assert json.loads(answer.content) == {"detail": "Internal Server Error"}


def test_a_room_is_shown_by_its_name() -> None:
    assert str(Room(name="attic")) == "attic"
    assert "attic" not in str(RoomForm(instance=Room(name="attic"))["new_password"])


def test_a_service_hashes_passwords_with_argon2() -> None:
    assert own_settings.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"


def test_a_password_is_hashed_and_can_be_taken_off() -> None:
    room = Room(name="attic")
    assert not room.locked
    assert not room.check_password("")
    room.set_password("sesame")
    assert room.locked
    assert "sesame" not in room.password
    assert room.check_password("sesame")
    assert not room.check_password("open")
    room.set_password(None)
    assert not room.locked


@pytest.mark.usefixtures("database")
def test_the_admin_changes_a_password_only_when_asked(admin_client: Browser) -> None:
    room = Room(name="cellar")
    room.set_password("sesame")
    room.save()

    def submit(**fields: str) -> Room:
        url = f"/admin/realtime/room/{room.pk}/change/"
        answer = admin_client.post(url, {"name": "other", "presence": "on", **fields})
        assert answer.status_code == 302
        return Room.objects.get(name="cellar")

    assert submit().check_password("sesame")
    assert submit(new_password="open").check_password("open")
    assert not submit(remove_password="on").locked


@pytest.mark.usefixtures("database")
def test_another_database_than_sqlite_has_to_be_migrated_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    tables.prepare_tables()
    call_command("migrate", "realtime", "zero", verbosity=0)
    try:
        with pytest.raises(SystemExit, match=r"manage\.py migrate"):
            tables.prepare_tables()
    finally:
        call_command("migrate", "realtime", verbosity=0)


PREPARE = f"import django; django.setup(); import {tables.__name__} as it; it.prepare_tables()"
# Another holds the file, until this process waits for it, or for ever.
HELD = """
import sqlite3, sys, time
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
time.sleep = lambda _: {meanwhile}
"""


def prepare(tmp_path: Path, code: str) -> Coroutine[None, None, tuple[int, str]]:
    """Run code for a database that is not made yet, in a process."""
    file = tmp_path / "fresh.sqlite3"
    settings = {
        "DATABASE_URL": f"sqlite:///{file}",
        "DJANGO_SETTINGS_MODULE": f"{tables.__name__.partition('.')[0]}.settings",
    }
    return run_to_end(tmp_path, [*script(tmp_path, code), str(file)], **settings)


@PROCESS_TIMEOUT
async def test_processes_that_start_at_once_make_the_tables_once(tmp_path: Path) -> None:
    both = await asyncio.gather(*(prepare(tmp_path, PREPARE) for _ in range(2)))
    assert both == [(0, ""), (0, "")]


@PROCESS_TIMEOUT
@pytest.mark.parametrize(
    ("meanwhile", "ended"),
    [
        ("holder.rollback()", (0, "")),
        ("None", (1, "DATABASE_URL: database is locked\n")),
    ],
)
async def test_a_file_that_another_process_makes_is_waited_for(
    meanwhile: str, ended: tuple[int, str], tmp_path: Path
) -> None:
    held = HELD.format(meanwhile=meanwhile)
    assert await prepare(tmp_path, f"{held}\n{PREPARE}") == ended


class Teams(RoomHandler):
    rooms = "team-*"

    async def authorize(self, request: JoinRequest) -> None:
        """Let everybody in."""


@pytest.mark.usefixtures("database")
def test_the_admin_creates_no_room_that_needs_no_making(
    monkeypatch: pytest.MonkeyPatch, make_manager: Callable[..., ConnectionManager]
) -> None:
    manager = make_manager(service=Service(handlers=[Teams()]))
    monkeypatch.setattr(admin, "get_manager", lambda: manager)
    for name, allowed in [("teams", True), ("team-1", False)]:
        form = RoomForm({"name": name})
        assert form.is_valid() is allowed
        assert ("needs no making" in form.errors.as_text()) is not allowed


@pytest.mark.usefixtures("database")
def test_the_admin_lists_rooms_and_which_are_locked(admin_client: Browser) -> None:
    room = Room(name="cellar")
    room.set_password("sesame")
    room.save()
    listed = admin_client.get("/admin/realtime/room/").text
    assert "cellar" in listed
    assert "icon-yes" in listed.partition("field-locked")[2].partition("</td>")[0]


def test_your_app_is_installed() -> None:
    assert apps.is_installed(tables.__name__.partition(".")[0])


@pytest.mark.usefixtures("database")
def test_a_logout_without_a_session_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setattr(signals, "_end_session", called.append)
    request = RequestFactory().post("/")
    request.session = SessionStore()
    logout(request)
    assert called == []


@pytest.mark.usefixtures("database")
def test_a_new_user_or_a_login_is_no_reason_to_ask_who_may_be_here(
    monkeypatch: pytest.MonkeyPatch, client: Browser
) -> None:
    called: list[object] = []
    monkeypatch.setattr(signals, "account_changed", called.append)
    user = User.objects.create_user("ann")
    client.force_login(user)
    assert called == []
    user.save()
    assert called == [account_name(user)]


async def test_a_start_that_fails_is_told_to_the_server(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("no rooms")

    async def receive() -> Event:
        return {"type": "lifespan.startup"}

    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    monkeypatch.setattr(manager, "start", fail)
    with pytest.raises(RuntimeError, match="no rooms"):
        await Lifespan(manager)({"type": "lifespan", "state": {}}, receive, send)
    assert [event["type"] for event in sent] == ["lifespan.startup.failed"]
    assert "no rooms" in sent[0]["message"]
