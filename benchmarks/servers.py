"""The servers that are compared: what each is started by, and started with."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).parent
TEMPLATE = HERE.parent
PEERS = HERE / "peers"
SERVER_CORE, LOAD_CORE = 0, 1
LARGEST_ROOM = 5_000
_START_SECONDS = 60
_PACKAGES = (
    "chanx[fast_channels]",
    "channels",
    "channels_redis",
    "daphne",
    "fastapi",
    "picows",
    "python-socketio",
    "uvicorn[standard]",
    "uvloop",
    "websockets",
)


@dataclass(frozen=True)
class Server:
    """What is measured: a command, in which `{port}` stands for the port, and how to speak to it.

    `ours` is the flavour if it is a generated service, which `handles` what is said if it has
    handlers of its owner's. Without `rooms` it has but one room.
    """

    name: str
    dialect: str
    command: tuple[str, ...]
    folder: Path = PEERS
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: str = ""
    handles: bool = False
    rooms: bool = True
    redis: bool = False


def on_core(core: int, *command: str) -> tuple[str, ...]:
    """Pin a command to a core."""
    return ("taskset", "--cpu-list", str(core), *command)


def run(folder: Path, *command: str) -> None:
    """Run a command of the preparation; say all that it printed if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def prepare(folder: Path, tell: Callable[[str], None]) -> list[Server]:
    """Render both flavours, install them and the peers; these are the servers."""
    folder.mkdir(parents=True, exist_ok=True)
    tell("the peers in Python")
    python = folder / "peers" / "bin"
    run(folder, "uv", "venv", "--allow-existing", str(folder / "peers"))
    run(folder, "uv", "pip", "install", "--upgrade", "--python", str(python / "python"), *_PACKAGES)
    servers = [*_python_peers(python)]
    if shutil.which("npm"):
        tell("the peers on Node.js")
        node = folder / "node"
        node.mkdir(exist_ok=True)
        for file in (*PEERS.glob("*.mjs"), PEERS / "package.json"):
            shutil.copy(file, node)
        run(node, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
        servers += _node_peers(node)
    for flavour in ("fastapi", "channels"):
        tell(f"the service on {flavour}")
        servers = [*_rendered(folder, flavour), *servers]
    return servers


def _rendered(folder: Path, flavour: str) -> list[Server]:
    name = f"{flavour} service"
    options = ("--no-input", "--overwrite-if-exists", "--output-dir", str(folder))
    answers = (f"project_name={name.title()}", f"framework={flavour}")
    run(folder, sys.executable, "-m", "cookiecutter", str(TEMPLATE), *options, *answers)
    project = folder / name.replace(" ", "-")
    run(project, "uv", "sync", "--upgrade")
    command = (str(project / ".venv" / "bin" / "python"), "-m", name.replace(" ", "_"))
    environment = {
        "MESSAGES_PER_SECOND": "100000",
        "MAX_CONNECTIONS": "20000",
        "ROOM_CAPACITY": str(LARGEST_ROOM),
        "DATABASE_URL": f"sqlite:///{project / 'benchmark.sqlite3'}",
    }
    own = folder / f"{flavour}-own"
    shutil.copytree(project / "src", own, dirs_exist_ok=True)
    shutil.copy(PEERS / "own_handlers.py", own / name.replace(" ", "_") / "handlers.py")
    plain = Server(flavour, "rooms.v1", command, project, environment, flavour)
    handling = {**environment, "PYTHONPATH": str(own)}
    return [plain, replace(plain, name=f"{flavour}, own", environment=handling, handles=True)]


def _python_peers(python: Path) -> Iterator[Server]:
    quiet = ("--log-level", "warning", "--no-access-log")
    uvicorn = (str(python / "uvicorn"), "--port", "{port}", *quiet)
    daphne = (str(python / "daphne"), "--port", "{port}", "--verbosity", "0")
    plain = (str(python / "python"),)
    yield Server("FastAPI docs' manager", "plain", (*uvicorn, "fastapi_docs:app"))
    tutorial = "channels_tutorial:application"
    yield Server("Channels' tutorial, memory", "tutorial", (*uvicorn, tutorial))
    yield Server("Channels' tutorial, memory, daphne", "tutorial", (*daphne, tutorial))
    yield Server(
        "Channels' tutorial, Redis",
        "tutorial",
        (*uvicorn, tutorial),
        environment={"LAYER": "redis"},
        redis=True,
    )
    yield Server(
        "Channels' tutorial, Redis pub/sub",
        "tutorial",
        (*uvicorn, tutorial),
        environment={"LAYER": "redis-pubsub"},
        redis=True,
    )
    yield Server("chanx", "chanx", (*uvicorn, "chanx_docs:app"), rooms=False)
    yield Server("python-socketio", "socket.io", (*uvicorn, "socketio_python:app"))
    yield Server(
        "websockets' broadcast", "plain", (*plain, str(PEERS / "websockets_broadcast.py"), "{port}")
    )
    yield Server(
        "picows, a write a frame", "plain", (*plain, str(PEERS / "picows_frames.py"), "{port}")
    )


def _node_peers(node: Path) -> Iterator[Server]:
    program = shutil.which("node") or "node"
    yield Server("ws on Node.js", "plain", (program, "ws_node.mjs", "{port}"), node)
    bun = str(node / "node_modules" / ".bin" / "bun")
    yield Server("Bun's publish", "plain", (bun, "bun_publish.mjs", "{port}"), node)
    yield Server(
        "Socket.IO on Node.js", "socket.io", (program, "socketio_node.mjs", "{port}"), node
    )


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


class Running:
    """A server's process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"ws://127.0.0.1:{port}"

    def memory(self) -> int:
        """Bytes of its own that are in memory."""
        for line in (
            Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        ):
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise ValueError("the system does not tell")

    def cpu_seconds(self) -> float:
        """What it computed for up to now."""
        fields = (
            Path(f"/proc/{self.process.pid}/stat")
            .read_text(encoding="utf-8")
            .rpartition(")")[2]
            .split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    server: Server, rooms: str, settings: Mapping[str, str], log: Path
) -> Iterator[Running]:
    """Start a server on its core, and stop it."""
    port = free_port()
    command = on_core(SERVER_CORE, *(part.format(port=port) for part in server.command))
    own = {"PORT": str(port), "ROOMS": rooms} if server.ours else {}
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        **server.environment,
        **own,
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=server.folder, env=environment, stdout=output, stderr=output
        )
    try:
        _await_port(process, port, log)
        yield Running(process, port)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a Redis that keeps nothing, beside the servers; its URL."""
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    command = on_core(SERVER_CORE, "redis-server", *options)
    log = folder / "redis.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        _await_port(process, port, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(15)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it did not start:\n{log.read_text(encoding='utf-8')}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
