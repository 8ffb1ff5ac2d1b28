"""The how-to pages are followed to the letter, and what they promise comes true."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .fleet import LIMIT_SECONDS, Process
from .pages import DOCS, Page
from .project import FLAVOURS, TEMPLATE, Project, clean_environment
from .recipes import WRITE, Edit, Recipe, edits
from .redis_server import RedisServer

KEY = "a-key-for-tests"
# A task that is tried again keeps its id.
AGAIN = """
from {package}.tasks import say
for body, task in (("once", "one"), ("once", "one"), ("last", "two")):
    say.apply_async(("lobby", body, "kitchen"), task_id=task)
"""
# The provider of the project's own tests.
PROVIDER = """
import json
from tests.contract.provider import Provider, providing, sign
provider = Provider()
with providing(provider):
    print(json.dumps([provider.url, sign()]), flush=True)
    input()
"""
STEPS = {"how-to/closes.md": "A close reason", "how-to/messages.md": "A request and its answer"}


@pytest.fixture
def page(request: pytest.FixtureRequest, project: Project) -> Page:
    """A page of the documentation and a project that was changed as it says first."""
    for recipe in Recipe.read(project):
        if recipe.title == STEPS.get(request.param):
            for edit in recipe.edits:
                edit.make(project)
    return Page(DOCS / request.param, project)


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """A Redis of the test's own."""
    asyncio.run(redis.start())
    return redis.url


def check(project: Project) -> None:
    """Make sure that the project is still as its owner would have it."""
    project.run(*WRITE)
    project.check()


@asynccontextmanager
async def visiting(
    project: Project, **settings: str
) -> AsyncIterator[tuple[str, ClientConnection]]:
    """Start the service, and come into its lobby; where it is, and a socket."""
    more = {**project.settings, "API_KEY": KEY, "PORT": "0", **settings}
    process = Process("service", project, project.path, more)
    try:
        await process.start()
        (address,) = process.addresses()
        async with connect(f"ws://{address}/ws/lobby", proxy=None) as socket:
            assert (await receive(socket))["type"] == "welcome"
            yield address, socket
    finally:
        await process.stop()


@contextmanager
def working(project: Project, command: str, settings: dict[str, str]) -> Iterator[None]:
    """Run a worker, as `uv run …` would."""
    program, *options = command.split()[2:]
    with (project.path.parent / "worker.log").open("wb") as output:
        process = subprocess.Popen(
            [str(project.python.parent / program), *options],
            cwd=project.path,
            env={**clean_environment(), **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


@contextmanager
def provider(project: Project) -> Iterator[tuple[str, str]]:
    """Run an identity provider; the address of its keys, and a token of it."""
    with subprocess.Popen(
        [str(project.python), "-c", PROVIDER],
        cwd=project.path,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin
        assert process.stdout
        url, token = json.loads(process.stdout.readline())
        yield url, token
        process.stdin.write("\n")


async def receive(socket: ClientConnection) -> dict[str, object]:
    """Read a frame."""
    async with asyncio.timeout(LIMIT_SECONDS):
        frame: dict[str, object] = json.loads(await socket.recv())
    return frame


@pytest.mark.parametrize("page", ["how-to/identity.md"], indirect=True)
def test_the_identity_providers_users_come_in(page: Page) -> None:
    (command,) = page.shown("sh")
    settings = dict(re.findall(r"(\w+)=(\S+)", command))
    assert command.split()[-3:] == ["uv", "run", page.project.slug]

    async def play(url: str, token: str) -> None:
        async with visiting(page.project, **settings, JWKS_URL=url) as (address, _):
            offered = [Subprotocol("rooms.v1"), Subprotocol(f"bearer.{token}")]
            uri = f"ws://{address}/ws/lobby"
            async with connect(uri, subprotocols=offered, proxy=None) as socket:
                welcome = await receive(socket)
                assert (welcome["type"], welcome["user"]) == ("welcome", "ann")

    with provider(page.project) as (url, token):
        del settings["JWKS_URL"]
        asyncio.run(play(url, token))


@pytest.mark.parametrize("page", ["how-to/closes.md"], indirect=True)
@pytest.mark.slow(25)
def test_a_close_is_tested(page: Page) -> None:
    (test,) = page.follow()
    (told,) = page.shown("text")
    done = page.project.run("uv", "run", "pytest", "-x", test, check=False)
    assert done.returncode == 1
    assert told.strip() in done.stdout
    (broken,) = (edits(one) for one in page.shown("diff"))
    for edit in broken:
        Edit(edit.file, old=edit.new, new=edit.old).make(page.project)
    check(page.project)
    page.project.run("uv", "run", "pytest", test)


@pytest.mark.parametrize("page", ["how-to/messages.md"], indirect=True)
def test_clients_use_a_message_type(page: Page) -> None:
    files = page.follow()
    programs = {"mjs": ("node", "--experimental-websocket"), "py": ("uv", "run", "python")}

    async def play() -> None:
        async with visiting(page.project) as (address, _):
            environment = {"ROOM_URL": f"ws://{address}/ws/lobby"}
            for file in files:
                command = (*programs[file.rpartition(".")[2]], file)
                done = await asyncio.to_thread(
                    page.project.run, *command, environment=environment, limit=LIMIT_SECONDS
                )
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z\n", done.stdout)

    asyncio.run(play())


@pytest.mark.parametrize("page", ["how-to/publish.md"], indirect=True)
@pytest.mark.slow(25)
def test_others_publish(page: Page, redis_url: str) -> None:
    page.project.know_types()
    project = page.project.alone()
    project.run("uv", "add", "celery")
    project.run("uv", "add", "--dev", "celery-types")
    shell, node, python, tasks = page.follow()
    project.run("uv", "run", "ruff", "check", tasks)
    project.run("uv", "run", "ruff", "format", "--check", "--diff", tasks)
    project.run("uv", "run", "mypy")
    (worker,), (delay,) = page.shown("sh"), page.shown("python")
    commands = [("sh", shell), ("node", node), ("uv", "run", "python", python)]
    commands.append(("uv", "run", "python", "-c", delay))
    settings = {"REDIS_URL": redis_url, "DATABASE_URL": f"sqlite:///{project.path}/db.sqlite3"}

    async def play() -> None:
        async with visiting(project, **settings) as (address, socket):
            environment = {"ROOMS_URL": f"http://{address}", "API_KEY": KEY, **settings}
            with working(project, worker, settings):
                for command in commands:
                    await asyncio.to_thread(project.run, *command, environment=environment)
                    frame = await receive(socket)
                    assert (frame["type"], frame["from"]) == ("message", "kitchen")
                again = AGAIN.format(package=project.package.name)
                await asyncio.to_thread(
                    project.run, "uv", "run", "python", "-c", again, environment=settings
                )
                assert [(await receive(socket))["body"] for _ in range(2)] == ["once", "last"]

    asyncio.run(play())


def test_what_the_pages_name_is_there(prepared: Callable[[str], Project]) -> None:
    projects = [prepared(flavour) for flavour in FLAVOURS]
    files = [name for project in projects for name in project.files()]
    files += [
        "CONTRIBUTING.md",
        *(str(one.relative_to(TEMPLATE)) for one in TEMPLATE.glob("*/*.*")),
    ]
    listing = "".join(f"/{name}\n" for name in files)
    told = "".join(
        (project.path / name).read_text(encoding="utf-8")
        for project in projects
        for name in project.files()
        if name == "README.md" or re.search(r"^src/.*\.(py|lua)$", name)
    )
    kinds = ("examples", "how-to", "explanation")
    for page in (path for kind in kinds for path in (DOCS / kind).glob("*.md")):
        text = page.read_text(encoding="utf-8")
        own = "".join(re.findall(r"(?ms)^ *```.*?^ *```", text))
        names = re.findall(r"(?:`|row=\")([A-Z][A-Z_]{3,})[`=\"]|\b(rooms_[a-z_]+)", text)
        paths = re.findall(r"`(\w[\w./-]*\.(?:conf|js|json|lua|md|py|yaml|yml))`", text)
        missing = [name for name in map("".join, names) if name not in told + own]
        missing += [path for path in paths if f"/{path}\n" not in listing and path not in own]
        assert not missing, f"{page.name} names {missing}"
