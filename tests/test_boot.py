"""A rendered service starts with its one command, where nothing else is installed."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from .fleet import PRODUCTION
from .project import Project, clean_environment

LIMIT_SECONDS = 60


class Running:
    """A started service: where it listens, and what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def printed(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Wait until it has printed something so many times."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            found = list(re.finditer(pattern, self.log.read_text(encoding="utf-8")))
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None, f"it ended:\n{self.log.read_text(encoding='utf-8')}"
            time.sleep(0.05)
        raise AssertionError(f"waited for {pattern} in:\n{self.log.read_text(encoding='utf-8')}")

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.printed(r"running on http://(\S+)")[1]

    def connect(self, path: str, *protocols: str) -> ClientConnection:
        """Open a socket."""
        return connect(
            f"ws://{self.address}{path}",
            subprotocols=list(protocols) or None,  # type: ignore[arg-type]
            open_timeout=LIMIT_SECONDS,
        )

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Make an HTTP call; the status and the body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = Request(f"http://{self.address}{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=LIMIT_SECONDS) as answer:  # noqa: S310 (loopback)
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def started(
    project: Project,
    *command: str,
    log: Path,
    settings: Mapping[str, str] | None = None,
    stdin: int | None = None,
) -> Iterator[Running]:
    """Start a command of the project, and stop it in the end."""
    settings = {**project.settings, **(settings or {}), "PYTHONFAULTHANDLER": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project.path,
            env={**clean_environment(), **settings},
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        stop(process, log)


def stop(process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask a process to end; one that does not has to say what it is doing."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)
        process.wait(LIMIT_SECONDS)
        pytest.fail(f"it did not end:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def running(project: Project, *command: str, **settings: str) -> Iterator[Running]:
    """Start a service of the project on a free port, and stop it in the end."""
    log = project.path.parent / f"{project.slug}.log"
    with started(project, *command, log=log, settings={"PORT": "0", **settings}) as service:
        yield service


def receive(socket: ClientConnection) -> dict[str, object]:
    """Read a frame."""
    frame: dict[str, object] = json.loads(socket.recv(timeout=LIMIT_SECONDS))
    return frame


def expect_close(socket: ClientConnection, code: int, reason: str) -> None:
    """Expect a close."""
    with pytest.raises(ConnectionClosed) as closed:
        receive(socket)
    assert closed.value.rcvd
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_one_command_starts_it_from_nothing(flavour: str, tmp_path: Path) -> None:
    """Without its development tools, and with nothing made before."""
    project = Project.render(tmp_path, flavour)
    command = ("uv", "run", "--no-dev", project.slug)
    with running(project, *command, API_KEY="key") as service:
        service.printed("startup complete")
        assert service.call("GET", "/healthz")[0] == 200
        assert service.call("GET", "/")[0] == 200
        with service.connect("/ws/lobby") as ann:
            name = receive(ann)["user"]
            with service.connect("/ws/lobby") as bea:
                assert receive(bea)["type"] == "welcome"
                assert receive(ann)["type"] == "joined"
                ann.send('{"type": "message", "body": "hello"}')
                said = [receive(socket) for socket in (ann, bea)]
                assert said[0] == said[1]
                assert (said[0]["from"], said[0]["body"]) == (name, "hello")
                service.process.send_signal(signal.SIGINT)
                for socket in (ann, bea):
                    assert receive(socket)["type"] == "service-restart"
                    expect_close(socket, 1012, "Service restart")
        service.process.wait(LIMIT_SECONDS)
        assert "Traceback" not in service.log.read_text(encoding="utf-8")


def test_it_runs_in_production(project: Project) -> None:
    command = (str(project.python), "-m", project.package.name)
    with running(project, *command, **PRODUCTION) as service:
        service.printed("startup complete")
        assert service.call("POST", "/rooms/lobby/tokens", {"user": "ann"})[0] == 401
        key = {"Authorization": "Bearer key"}
        status, body = service.call("POST", "/rooms/lobby/tokens", {"user": "ann"}, **key)
        assert status == 201
        with service.connect("/ws/lobby") as guest:
            expect_close(guest, 3000, "Token required")
        token = json.loads(body)["token"]
        with service.connect("/ws/lobby", "rooms.v1", f"bearer.{token}") as ann:
            assert receive(ann)["user"] == "ann"
        assert "WARNING" not in service.log.read_text(encoding="utf-8")
        if project.flavour == "channels":
            assert service.call("GET", "/static/admin/css/base.css")[0] == 200


@pytest.mark.slow(15)
def test_it_restarts_when_a_file_changes(project: Project, tmp_path: Path) -> None:
    commands = {"fastapi": [], "channels": [("manage.py", "runserver", "127.0.0.1:0")]}
    for command in [("-m", project.package.name, "--reload"), *commands[project.flavour]]:
        copy = project.copy(tmp_path / command[0])
        with running(copy, str(project.python), *command) as service:
            service.printed("startup complete")
            with service.connect("/ws/lobby") as ann:
                assert receive(ann)["type"] == "welcome"
                (copy.package / "web/about.py").touch()
                assert receive(ann)["type"] == "service-restart"
                expect_close(ann, 1012, "Service restart")
            service.printed("startup complete", 2)
            with service.connect("/ws/lobby") as ann:
                assert receive(ann)["type"] == "welcome"


def test_uvicorn_alone_serves_it(project: Project) -> None:
    application = {
        "fastapi": ["--factory", f"{project.package.name}.web.app:create_app"],
        "channels": [f"{project.package.name}.web.asgi:application"],
    }[project.flavour]
    if project.flavour == "channels":
        project.run(str(project.python), "manage.py", "migrate")
    command = (str(project.python), "-m", "uvicorn", "--port", "0", *application)
    with running(project, *command) as service:
        service.printed("startup complete")
        with service.connect("/ws/lobby") as ann:
            assert receive(ann)["type"] == "welcome"
        with service.connect("/ws/nowhere") as ann:
            expect_close(ann, 1008, "Room does not exist")


def test_the_client_of_its_readme_talks_to_it(project: Project) -> None:
    command = (str(project.python), "-m", project.package.name)
    log = project.path.parent / "client.log"
    with running(project, *command) as service:
        program = (str(project.python.parent / "websockets"), f"ws://{service.address}/ws/lobby")
        with started(project, *program, log=log, stdin=subprocess.PIPE) as client:
            assert client.process.stdin
            client.printed('"type":"welcome"')
            client.process.stdin.write(b'{"type": "message", "body": "hello"}\n')
            client.process.stdin.flush()
            client.printed('"body":"hello"')
            client.process.stdin.close()
            assert client.process.wait(LIMIT_SECONDS) == 0


def test_the_calls_of_its_readme_are_answered(project: Project) -> None:
    readme = (project.path / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (curl http://127.0.0.1:8000/rooms.*)$", readme, re.MULTILINE)
    command = (str(project.python), "-m", project.package.name)
    with running(project, *command, API_KEY="key") as service:
        answered = []
        for one in commands:
            curl = shlex.split(one.replace("127.0.0.1:8000", service.address), comments=True)
            status = ("--silent", "--output", os.devnull, "--write-out", "%{http_code}")
            done = project.run(*curl, *status)
            answered.append(done.stdout)
    assert answered == ["201", "201", "202", "202", "204", "204"]
