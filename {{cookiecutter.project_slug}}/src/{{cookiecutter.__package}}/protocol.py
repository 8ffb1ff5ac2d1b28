"""uvicorn's WebSocket protocol, mended where a client could stay or fill memory unseen."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from .rooms.handshake import WRITE_EXTENSION

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b'Content-Length: 45\r\n\r\n{"detail":"This is no request for a socket."}'
)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Answers every handshake but at a stop, pings only of those that read; writes at once."""

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
        if self.conn.state is not State.OPEN or not self.writable.is_set():
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

    def shutdown(self) -> None:
        """Stop; leave a handshake without an answer, so that a proxy asks another process.

        uvicorn would answer 500.
        """
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.close()
        else:
            super().shutdown()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client leaves so much unread that writing is paused."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)
