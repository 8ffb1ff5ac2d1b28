"""A running service, as a client sees it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from {{cookiecutter.__package}}.rooms import CloseRow
from {{cookiecutter.__package}}.rooms.auth.tokens import Tokens
from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.rooms.protocol.frames import PROTOCOL

from ..configs import API_KEY
from ..waiting import LIMIT_SECONDS, within
from .client import Client

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
KEY = {"Authorization": f"Bearer {API_KEY}"}


class Denied(AssertionError):  # noqa: N818 (a failed expectation, unless a test expects it)
    """The socket was refused before the accept."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused before the accept, with HTTP {response.status_code}")
        self.response = response


class Endpoint:
    """A service in any process, known by its address and its key."""

    def __init__(self, address: str, tokens: Tokens) -> None:
        self.address = address
        self.tokens = tokens
        self.endings: list[CloseRow] = []
        self.rooms: set[str] = set()

    def token(self, user: str, room: str = "lobby", ttl: float = 60, **claims: object) -> str:
        """Sign a token, with whatever other claims."""
        return self.tokens.issue(user, room, ttl, **claims)

    @asynccontextmanager
    async def connect(
        self, room: str = "lobby", token: str | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        """Open a socket and expect nothing of it yet."""
        self.rooms.add(room)
        options.setdefault("path", f"/ws/{room}")
        offered = [PROTOCOL] if token is None else [PROTOCOL, f"bearer.{token}"]
        options.setdefault("subprotocols", offered)
        path = options.pop("path")
        uri = f"ws://{self.address}{path}"
        options = {"compression": None, "ping_interval": None, **options}
        opening = connect(uri, open_timeout=None, close_timeout=LIMIT_SECONDS, **options)
        try:
            socket = await within("the handshake", opening)
        except InvalidStatus as error:
            raise Denied(error.response) from error
        async with socket:
            client = Client(socket)
            yield client
            await client.leave()
        if client.ended_with:
            self.endings.append(client.ended_with)

    @asynccontextmanager
    async def join(self, user: str, room: str = "lobby", **options: Any) -> AsyncIterator[Client]:
        """Come into a room as this user, up to the welcome."""
        async with self.connect(room, self.token(user, room), **options) as client:
            await client.expect("welcome", room=room, user=user)
            yield client

    async def expect_denied(self, status: int, **options: Any) -> httpx2.Headers:
        """Expect that a socket is refused before the accept, with this HTTP status."""
        with pytest.raises(Denied) as denied:
            async with self.connect(**options):
                pass
        response = denied.value.response
        assert response.status_code == status
        return httpx2.Headers(list(response.headers.raw_items()))

    @asynccontextmanager
    async def opened(self, sent: str = "") -> AsyncIterator[Streams]:
        """Connect without a client library, and send this."""
        host, _, port = self.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(sent.encode())
            yield reader, writer
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)

    @asynccontextmanager
    async def handshake(self, *lines: str, room: str = "lobby") -> AsyncIterator[Streams]:
        """Send an opening request with these further lines, without a client library."""
        request = [
            f"GET /ws/{room} HTTP/1.1",
            f"Host: {self.address}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            *lines,
        ]
        async with self.opened("\r\n".join([*request, "", ""])) as streams:
            yield streams

    async def listens(self) -> bool:
        """Whether it takes connections."""
        host, _, port = self.address.partition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Make an HTTP call."""
        # Without `verify=False` each client reads all certificates of the system.
        base_url = f"http://{self.address}"
        async with httpx2.AsyncClient(base_url=base_url, verify=False) as client:
            return await within("an HTTP answer", client.request(method, path, **options))


class Service(Endpoint):
    """A service in the test's own process, with the manager that it is built around."""

    def __init__(self, address: str, manager: ConnectionManager) -> None:
        super().__init__(address, manager.tokens)
        self.manager = manager

    async def has(self, connections: int) -> bool:
        """Whether it has so many connections now."""
        return self.manager.connection_count == connections
