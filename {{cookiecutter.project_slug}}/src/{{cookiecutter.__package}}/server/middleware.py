"""The ASGI middleware before either framework: denials, headers of every answer, the net below.

An honest page learns why it was refused from a close after the accept; see `closes`. Here are
those that it need not: they get an HTTP answer.
"""

import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple

from ..rooms.addresses import AddressLimit
from ..rooms.config import ServiceConfig
from ..rooms.connections.telemetry import record_failure
from ..rooms.protocol.closes import Close
from ..rooms.tasks import Turns
from .handshake import REFUSAL, address_of, header
from .origins import Headers, Origins

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SOCKET_PATH = re.compile(r"/ws/[^/]+")
_RETRY_AFTER_SECONDS = 5
# uvloop accepts one connection in a round: a probe has to come in behind a crowd that waits.
_ENTRY_ROUNDS = 64


# Of answers of all kinds: nothing guesses their type or shows them in a frame.
SAFE_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"))
_CLOSE = (b"connection", b"close")
_LARGEST_BODY = 1 << 20


class _Answer(NamedTuple):
    status: HTTPStatus
    content: Mapping[str, str]
    headers: tuple[tuple[bytes, bytes], ...] = ()


def _denial(status: HTTPStatus, detail: str, *headers: tuple[bytes, bytes]) -> _Answer:
    return _Answer(status, {"detail": detail}, headers)


_ALIVE = _Answer(HTTPStatus.OK, {"status": "ok"})
_TOO_LARGE = _denial(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
_FAILED = _denial(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
_WRONG_HOST = _denial(HTTPStatus.BAD_REQUEST, "The service has no such Host.")
_TWO_ORIGINS = _denial(HTTPStatus.BAD_REQUEST, "Invalid Origin header")
_WRONG_ORIGIN = _denial(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect.")
# Orchestrators and Prometheus ask by an address.
_PROBES = {"/healthz", "/readyz", "/metrics"}
_STARTS = {"http.response.start", "websocket.http.response.start"}
_PORT = re.compile(r":\d*$")


class SocketGuard:
    """Denies sockets by origin, path and number, and large bodies; ends what the app fails.

    A client whose address has too many connections is served, to be told by a close.
    """

    def __init__(self, app: App, config: ServiceConfig) -> None:
        self._app = app
        self._config = config
        self._open = 0
        self._turns = Turns(_ENTRY_ROUNDS)
        self._addresses = AddressLimit(config.connections_per_address)
        self._origins = Origins(config)
        self._hosts = config.allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = self._with_cors(scope["headers"], send)
        if scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        elif denial := self._denial(scope):
            await _deny(denial, scope, send)
        else:
            self._open += 1
            try:
                await self._turns.take()
                await self._serve_counted(scope, receive, send)
            finally:
                self._open -= 1

    def _denial(self, scope: Scope) -> _Answer | None:
        if not self._serves_host(scope["headers"]):
            return _WRONG_HOST
        if not SOCKET_PATH.fullmatch(scope["path"]):
            return _denial(HTTPStatus.NOT_FOUND, "Sockets are at /ws/{room}.")
        if not self._origins.admits(scope["headers"]):
            return self._wrong_origin(scope)
        if self._open >= self._config.max_connections:
            retry_after = (b"retry-after", str(_RETRY_AFTER_SECONDS).encode())
            return _denial(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.", retry_after)
        return None

    def _serves_host(self, headers: Headers) -> bool:
        if "*" in self._hosts:
            return True
        host = _PORT.sub("", header(headers, b"host") or "").lower()
        return any(
            host == name.removeprefix(".") or (name.startswith(".") and host.endswith(name))
            for name in self._hosts
        )

    def _wrong_origin(self, scope: Scope) -> _Answer:
        origin = header(scope["headers"], b"origin")
        logger.info("Refused a page: ALLOWED_ORIGINS has no %.200r", origin)
        return _WRONG_ORIGIN

    def _with_cors(self, headers: Headers, send: Send) -> Send:
        cors = self._origins.cors(headers)

        async def send_with_cors(event: Event) -> None:
            if event["type"] in _STARTS:
                event = {**event, "headers": [*event.get("headers", ()), *cors]}
            await send(event)

        return send_with_cors

    def _own_answer(self, scope: Scope) -> _Answer | None:
        """Return an answer that the application is not asked for; None if it is."""
        headers, method, path = scope["headers"], scope["method"], scope["path"]
        if sum(name == b"origin" for name, _ in headers) > 1:
            return _TWO_ORIGINS
        if path == "/healthz" and method in {"GET", "HEAD"}:
            # The frameworks take longer for it when a crowd arrives than a probe waits.
            return _ALIVE
        if path not in _PROBES and not self._serves_host(headers):
            return _WRONG_HOST
        if self._origins.refuses_call(method, headers):
            return self._wrong_origin(scope)
        allowing = self._origins.preflight(method, headers)
        return None if allowing is None else _Answer(HTTPStatus.OK, {}, tuple(allowing))

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if answer := self._own_answer(scope):
            await _answer(answer, "http.response", send)
            return
        largest = max(_LARGEST_BODY, 2 * self._config.max_message_bytes)
        length = header(scope["headers"], b"content-length") or "0"
        if not length.isdigit() or int(length) > largest:
            await _answer(_TOO_LARGE, "http.response", send)
            return
        taken = 0
        answered = False
        # Reading is needed to know whether more of the body follows.
        is_read = not (int(length) or header(scope["headers"], b"transfer-encoding"))

        async def counting_receive() -> Event:
            nonlocal taken, is_read
            event = await receive()
            taken += len(event.get("body", b""))
            is_read = not event.get("more_body", False)
            if taken <= largest:
                return event
            await _answer(_TOO_LARGE, "http.response", send)
            return {"type": "http.disconnect"}

        async def send_unless_answered(event: Event) -> None:
            nonlocal answered
            if event["type"] == "http.response.start":
                headers = list(event.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                headers += [one for one in SAFE_HEADERS if one[0] not in names]
                event = {**event, "headers": headers if is_read else [*headers, _CLOSE]}
                answered = True
            if taken <= largest:
                await send(event)

        # The server leaves out the body.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        try:
            scope = {**scope, "method": method}
            await self._app(scope, counting_receive, send_unless_answered)
        except Exception:
            if not answered and taken <= largest:
                await _answer(_FAILED, "http.response", send)
            # The server logs it, with its traceback.
            raise

    async def _serve_counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = address_of(scope)
        with self._addresses.counted(address) as admitted:
            if not admitted:
                limit = self._config.connections_per_address
                logger.info("Refused %r: CONNECTIONS_PER_ADDRESS is %s", address, limit)
                scope[REFUSAL] = Close.TOO_MANY_CONNECTIONS
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = _Watch(scope["path"].rpartition("/")[2], receive, send)
        try:
            await self._app(scope, watch.receive, watch.send)
        except Exception:
            if not watch.client_left:
                logger.exception("A socket's application failed")
                await watch.fail()
        else:
            if not watch.ended:
                logger.error("A socket's application returned without a close")
                await watch.fail()


class _Watch:
    """Notes how far a socket has come, between the server and the application."""

    def __init__(self, room: str, receive: Receive, send: Send) -> None:
        self._room = room
        self._receive = receive
        self._send = send
        self.accepted = False
        self.ended = False
        self.client_left = False

    async def receive(self) -> Event:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            self.ended = True
        return event

    async def send(self, event: Event) -> None:
        try:
            await self._send(event)
        except OSError:
            self.client_left = self.ended = True
            raise
        if event["type"] == "websocket.accept":
            self.accepted = True
        elif event["type"] != "websocket.send":
            self.ended = True

    async def fail(self) -> None:
        """End with an internal error, unless it has ended."""
        if self.ended:
            return
        # The adapters fail no connection that the manager knows.
        record_failure(self._room)
        row = Close.INTERNAL_ERROR.row
        with contextlib.suppress(OSError):
            if not self.accepted:
                await self._send({"type": "websocket.accept"})
            await self._send({"type": "websocket.close", "code": row.code, "reason": row.reason})


async def _deny(denial: _Answer, scope: Scope, send: Send) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    await _answer(denial, "websocket.http.response", send)


async def _answer(answer: _Answer, kind: str, send: Send) -> None:
    body = json.dumps(answer.content).encode()
    headers = [(b"content-type", b"application/json"), *SAFE_HEADERS, *answer.headers]
    headers.append((b"content-length", str(len(body)).encode()))
    if answer.status >= HTTPStatus.BAD_REQUEST:
        # The body of a call that is denied stays unread.
        headers.append(_CLOSE)
    await send({"type": f"{kind}.start", "status": answer.status.value, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
