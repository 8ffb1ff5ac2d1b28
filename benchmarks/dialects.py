"""How a client speaks to each kind of server."""

import json
from collections.abc import Callable
from dataclasses import dataclass


def _path(room: str) -> str:
    return f"/ws/{room}"


def _plain(body: str) -> str:
    return body


@dataclass(frozen=True)
class Dialect:
    """What to ask for, what to say on arrival, when one is in, how a message is written."""

    path: Callable[[str], str] = _path
    say: Callable[[str], str] = _plain
    subprotocol: str | None = None
    # What is said once connected, and what tells that one is in; both empty: at once.
    hello: bytes = b""
    welcome: bytes = b""
    # What is to be answered to stay.
    heartbeat: tuple[bytes, bytes] | None = None


def _message(body: str) -> str:
    return json.dumps({"type": "message", "body": body})


def _tutorial(body: str) -> str:
    return json.dumps({"message": body})


def _chanx(body: str) -> str:
    return json.dumps({"action": "chat", "payload": {"text": body}})


def _event(body: str) -> str:
    return f"42{json.dumps(['message', body])}"


def _socketio_path(room: str) -> str:
    return f"/socket.io/?EIO=4&transport=websocket&room={room}"


_WELCOME = b'"type":"welcome"'

DIALECTS = {
    "plain": Dialect(),
    "rooms.v1": Dialect(say=_message, subprotocol="rooms.v1", welcome=_WELCOME),
    "tutorial": Dialect(say=_tutorial),
    "chanx": Dialect(say=_chanx),
    "socket.io": Dialect(
        path=_socketio_path, say=_event, hello=b"40", welcome=b"40{", heartbeat=(b"2", b"3")
    ),
}
