"""uvicorn's protocols, mended where a client could stay or fill memory unseen."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import State

from .rooms.handshake import WRITE_EXTENSION

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b'Content-Length: 49\r\n\r\n{"detail":"This is no request that can be read."}'
)
_LARGEST_HEAD = 32_768
_MOST_FRAGMENTS = 4_096


class RequestProtocol(HttpToolsProtocol):
    """Takes requests that come in time and in measure, by a limited number of connections.

    uvicorn by itself waits for ever for the rest of a request, and keeps a head of any length.
    """

    # For a whole request, or for the first after a connection was made.
    limit_seconds = 20.0
    # More than are made at once when thousands of clients come back.
    most_open = 5_000
    # Those of this process that are no sockets; last the one that was last of use.
    _open: ClassVar[dict["RequestProtocol", None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; where too many do, the longest useless connection makes way."""
        super().connection_made(transport)
        self._besides_bodies = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._expect_request()
        self._open[self] = None
        if len(self._open) > self.most_open:
            useless = next(iter(self._open))
            del self._open[useless]
            useless.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it has too much besides a body: a head, or chunks of nothing."""
        self._besides_bodies += len(data)
        self._expect_request()
        super().data_received(data)
        if self._besides_bodies > _LARGEST_HEAD and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_BAD_REQUEST)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Leave it to the gate how large a body may be."""
        super().on_body(body)
        self._besides_bodies -= len(body)

    def on_message_complete(self) -> None:
        """Wait no more: uvicorn has a limit on the time until the next request begins."""
        super().on_message_complete()
        self._besides_bodies = 0
        self._let_go()
        self._open[self] = None

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol."""
        self._let_go()
        super().handle_websocket_upgrade()

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limit_seconds, self.transport.close)

    def _let_go(self) -> None:
        self._open.pop(self, None)
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class SocketProtocol(WebSocketsSansIOProtocol):
    """Answers every handshake but at a stop, and pings only of those that read; writes at once.

    It takes no endless message.
    """

    async def run_asgi(self) -> None:
        """Run the application, which may write past `send`."""
        if not self.config.ws_per_message_deflate:
            self.scope["extensions"][WRITE_EXTENSION] = {"write": self.write}
        await super().run_asgi()

    def write(self, frame: bytes) -> bool:
        """Write a whole frame: many clients get the same, so that it need not be made for each.

        Returns:
            False if the client does not take more now, or is not open.
        """
        taken = self.writable.is_set() and not self.transport.is_closing()
        if not taken or self.conn.state is not State.OPEN:
            return False
        self.transport.write(frame)
        return True

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse a request that the library could not parse.

        Of one with a line of over 8 KiB, for example, uvicorn hears nothing, and waits for ever.
        """
        super().data_received(data)
        if self.conn.handshake_exc and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(_BAD_REQUEST)
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; stop to read once the application is behind, not after each."""
        if self.read_paused or not self.queue.empty():
            super().send_receive_event_to_app()
        else:
            # It does not pause what it takes for paused.
            self.read_paused = True
            super().send_receive_event_to_app()
            self.read_paused = False

    def shutdown(self) -> None:
        """Stop; leave a handshake without an answer, so that a proxy asks another process.

        uvicorn would answer 500.
        """
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.close()
        else:
            super().shutdown()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment, unless there are too many: empty ones never make a message too big."""
        if len(self.frames) < _MOST_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client leaves so much unread that writing is paused."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)
