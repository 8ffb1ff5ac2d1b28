"""The WebSocket consumer: a thin adapter around the connection manager."""

from typing import Any

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from ..rooms.connections.connection import Connection
from ..rooms.manager import ConnectionManager
from ..server.handshake import read_handshake


class RoomConsumer(AsyncWebsocketConsumer):
    """Serves one client in one room.

    It is accepted whatever comes: only an accepted client can be told why it has to go.
    """

    # The manager passes messages on, so a consumer needs no channel of its own.
    channel_layer_alias = ""
    connection: Connection

    def __init__(self, manager: ConnectionManager) -> None:
        super().__init__()
        self.manager = manager

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler, without the look at the database's connections that Channels takes.

        It waits for the database's thread, so that one slow query would hold up every frame.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Accept the client and let it into the room, or tell it why not."""
        session, user = self.scope.get("session"), self.scope.get("user")
        handshake = read_handshake(self.scope, session=session, user=user)
        await self.accept(handshake.subprotocol)
        room = self.scope["url_route"]["kwargs"]["room"]
        self.connection = await self.manager.connect(room, self._send, self.close, handshake)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand over what the client sent."""
        frame = (bytes_data or b"") if text_data is None else text_data
        await self.manager.receive(self.connection, frame)

    async def _send(self, text: str) -> None:
        # What `send` comes to, which takes as long again in a large room.
        frame: Any = {"type": "websocket.send", "text": text}
        await self.base_send(frame)

    async def disconnect(self, code: int) -> None:
        """Forget the client."""
        await self.manager.disconnect(self.connection, code)
