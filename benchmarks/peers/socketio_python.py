"""python-socketio's server, with its rooms."""

from typing import Any
from urllib.parse import parse_qs

import socketio

server = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(server)


@server.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    room = parse_qs(environ["QUERY_STRING"])["room"][0]
    await server.save_session(sid, {"room": room})
    await server.enter_room(sid, room)


@server.event
async def message(sid: str, text: str) -> None:
    room = (await server.get_session(sid))["room"]
    await server.emit("message", text, room=room)
