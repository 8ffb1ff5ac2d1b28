"""The WebSocket consumer: a thin adapter around the connection manager."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from channels.consumer import get_handler_name
from channels.db import aclose_old_connections
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from ..rooms.connections.connection import Connection
from ..rooms.manager import ConnectionManager
from ..server.handshake import CLOSED_WITH, read_handshake, transport_of


class RoomConsumer(AsyncWebsocketConsumer):
    """Serves one client in one room.

    It is accepted whatever comes: only an accepted client can be told why it has to go.
    """

    connection: Connection

    def __init__(self, manager: ConnectionManager) -> None:
        super().__init__()
        self.manager = manager

    async def __call__(self, *scope_receive_send: Any) -> None:
        """Serve the client until it is gone.

        The manager passes messages on, so a consumer has no channel of its own to listen to, and
        needs none of the tasks that Channels makes for each frame to listen to both.
        """
        self.scope, receive, self.base_send = scope_receive_send
        try:
            with suppress(StopConsumer):
                while True:
                    await self.dispatch(await receive())
        except Exception as error:
            if not hasattr(self, "connection"):
                raise
            await self.manager.fail(self.connection, error)
        finally:
            if hasattr(self, "connection"):
                await self.manager.disconnect(self.connection)

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
        transport = transport_of(self.scope, self._send, self.close)
        self.connection = self.manager.open(room, transport, handshake)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand over what the client sent."""
        frame = (bytes_data or b"") if text_data is None else text_data
        await self.manager.receive(self.connection, frame)

    async def _send(self, text: str) -> None:
        # What `send` comes to, which takes as long again in a large room.
        frame: Any = {"type": "websocket.send", "text": text}
        await self.base_send(frame)

    async def websocket_disconnect(self, message: Mapping[str, Any]) -> None:
        """Forget the client."""
        await self.manager.disconnect(self.connection, message.get(CLOSED_WITH))
        await aclose_old_connections()
        raise StopConsumer
