"""Runs the service on uvicorn, in development and production."""

import asyncio
import contextlib
import gc
import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.metadata import requires
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import ChangeReload, multiprocess

from ..rooms.config import ServiceConfig
from ..rooms.manager import ConnectionManager
from ..rooms.metrics import WORKERS_FOLDER
from . import open_files, windows
from .http_protocol import RequestProtocol
from .log_queue import flush_log
from .logs import log_config
from .middleware import App
from .socket_protocol import SocketProtocol

logger = logging.getLogger(__name__)

_PACKAGE = __name__.partition(".")[0]
# What a stop may take after the clients were told.
_GRACE_SECONDS = 3
# A client that takes nothing for so long is cut off by the system, where it can.
_STALLED_MILLISECONDS = 60_000
# A worker answers once it has imported the service. On a slow machine that takes more than
# uvicorn's 5 seconds, after which it would be killed, and the next one too.
_WORKER_SECONDS = 30
_TICK = 0.1
# The garbage collector stops all while it looks through every object that there is: by default
# so often that thousands of clients would wait for it, some of them for a third of a second.
_COLLECTED_AFTER = (10_000, 10, 10)


class Server(uvicorn.Server):
    """Tells the clients before the sockets close: uvicorn runs lifespan shutdown after that.

    It drains the manager that the application's lifespan left in its state.
    """

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, in a process of its own, until a signal comes."""
        self.config.load()
        # What is there by now stays.
        gc.freeze()
        gc.set_threshold(*_COLLECTED_AFTER)
        super().run(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have the log written before a signal that came ends the process."""
        with super().capture_signals():
            yield
            flush_log()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, with a limit on clients that take nothing."""
        await super().startup(sockets)
        self._open_files = open_files.OpenFilesMonitor()
        self._port: int = self._listeners()[0].getsockname()[1]
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # pragma: no branch (Linux has it)
            for listener in self._listeners():
                option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MILLISECONDS)
                listener.setsockopt(*option)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop; listen again if the event loop has closed a listener.

        Windows' loop does that when a client resets its connection at once (CPython #93821).
        """
        self._open_files.check()
        if any(listener.fileno() < 0 for listener in self._listeners()):
            await self._listen_again()
        return await super().on_tick(counter)

    async def _listen_again(self) -> None:
        config = self.config
        make_protocol = partial(
            RequestProtocol, config, self.server_state, app_state=self.lifespan.state
        )
        listening = asyncio.get_running_loop().create_server(
            make_protocol, config.host, self._port, backlog=config.backlog
        )
        try:
            self.servers = [await listening]
        except OSError:
            logger.exception("The event loop closed the listening socket: stopping")
            self.should_exit = True
        else:
            logger.warning("The event loop closed the listening socket: listening again")

    def _listeners(self) -> list[socket.socket]:
        return [listener for server in self.servers for listener in server.sockets]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop."""
        manager: ConnectionManager = self.lifespan.state["manager"]
        draining = asyncio.create_task(manager.drain())
        # A second Ctrl-C does not wait.
        while not draining.done() and not self.force_exit:
            await asyncio.wait([draining], timeout=_TICK)
        draining.cancel()
        await super().shutdown(sockets)


class Worker(multiprocess.Process):
    """One of several processes that serve on the same address."""

    @property
    def server(self) -> uvicorn.Server:
        """One that drains."""
        if self._server is None:
            self._server = Server(self.config)
        return self._server

    def start(self) -> None:
        """Start it.

        With its end of the pipe open here as well, one that dies while it is asked whether it
        lives would be missed only when the time for its answer is over, and a stop wait for that.
        """
        super().start()
        self.child_conn.close()

    def join(self) -> None:
        """Wait for its end; its open connections count no more."""
        super().join()
        mark_process_dead(self.pid)  # type: ignore[no-untyped-call]


def uvicorn_config(app: App | str, config: ServiceConfig, **more: Any) -> uvicorn.Config:
    """Set uvicorn as the contract needs it; `more` goes to `uvicorn.Config` as it is."""
    return uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        forwarded_allow_ips=list(config.forwarded_allow_ips),
        http=RequestProtocol,
        ws=SocketProtocol,
        ws_max_size=config.max_message_bytes,
        # Deflate costs three times the memory of an idle connection.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        # A start that fails ends the process, rather than serve without rooms.
        lifespan="on",
        workers=config.workers,
        timeout_worker_healthcheck=_WORKER_SECONDS,
        **more,
    )


def untested_version() -> Iterator[str]:
    """Warn of a uvicorn that is newer than this package's requirements allow."""
    installed = uvicorn.__version__
    for requirement in requires(_PACKAGE) or ():
        found = re.match(r"uvicorn\b.*<(\d+\.\d+)", requirement)
        if found and _minor(installed) >= _minor(found[1]):
            yield f"uvicorn {installed} is installed; this service is tested below {found[1]}"


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _check_host(config: ServiceConfig) -> None:
    try:
        socket.getaddrinfo(config.host, config.port, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        sys.exit(f"HOST: got {config.host!r}; it takes an address or a host name of this machine")


def run(app: str, config: ServiceConfig, *, reload: bool = False, factory: bool = False) -> None:
    """Serve the application named by the import string `app` until a signal comes."""
    more = {"log_config": log_config(config), "reload": reload, "factory": factory}
    settings = uvicorn_config(app, config, **more)
    _check_host(config)
    for warning in (*config.warnings(), *untested_version(), *open_files.warnings(config)):
        logger.warning(warning)
    if sys.platform == "win32" and (reload or config.workers > 1):
        windows.check_port(config)
        for warning in windows.cap_connections(config):
            logger.warning(warning)
    # Processes that this one starts take the same key.
    os.environ["SECRET_KEY"] = config.secret_key
    server = Server(settings)
    # A Ctrl-C comes back as KeyboardInterrupt once the server has stopped.
    with contextlib.suppress(KeyboardInterrupt):
        if reload:
            ChangeReload(settings, target=server.run, sockets=[settings.bind_socket()]).run()
        elif config.workers > 1:
            # uvicorn offers no other way to have its workers run another server.
            multiprocess.Process = Worker  # type: ignore[misc]
            with tempfile.TemporaryDirectory() as folder:
                os.environ[WORKERS_FOLDER] = folder
                multiprocess.Multiprocess(settings, sockets=[settings.bind_socket()]).run()
        else:
            server.run()
