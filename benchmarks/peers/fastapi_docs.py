"""The connection manager of FastAPI's documentation, one for each room."""

from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class ConnectionManager:
    """Keeps a list, and sends to one after the other."""

    def __init__(self) -> None:
        self.active: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active.append(websocket)

    async def broadcast(self, message: str) -> None:
        for connection in self.active:
            await connection.send_text(message)


app = FastAPI()
managers: defaultdict[str, ConnectionManager] = defaultdict(ConnectionManager)


@app.websocket("/ws/{room}")
async def serve(websocket: WebSocket, room: str) -> None:
    manager = managers[room]
    await manager.connect(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            await manager.broadcast(f"Somebody says: {text}")
    except WebSocketDisconnect:
        manager.active.remove(websocket)
