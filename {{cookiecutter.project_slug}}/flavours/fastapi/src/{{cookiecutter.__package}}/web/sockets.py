"""The WebSocket endpoint: a thin adapter around the connection manager."""

from fastapi import APIRouter, WebSocket
from starlette.types import Message

from ..server.handshake import CLOSED_WITH, read_handshake, transport_of
from .dependencies import Manager

router = APIRouter()


@router.websocket("/ws/{room}")
async def room_socket(websocket: WebSocket, room: str, manager: Manager) -> None:
    """Serve one client in one room.

    It is accepted whatever comes: only an accepted client can be told why it has to go.
    """
    handshake = read_handshake(websocket.scope)
    await websocket.accept(handshake.subprotocol)
    transport = transport_of(websocket.scope, websocket.send_text, websocket.close)
    connection = manager.open(room, transport, handshake)
    event: Message = {}
    try:
        while (event := await websocket.receive())["type"] == "websocket.receive":
            text = event.get("text")
            await manager.receive(connection, event["bytes"] if text is None else text)
    except Exception as error:  # noqa: BLE001 (the manager logs it)
        await manager.fail(connection, error)
    finally:
        await manager.disconnect(connection, event.get(CLOSED_WITH))
