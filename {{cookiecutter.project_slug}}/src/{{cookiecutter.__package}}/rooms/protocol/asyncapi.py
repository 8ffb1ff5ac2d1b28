"""The description of the protocol, as AsyncAPI has it, made of the frames and the close table."""

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaMode

from . import frames
from .closes import Advice, Close, CloseRow, CloseSpec
from .frames import PROTOCOL
from .json_schemas import References, Schema, any_of, frame_schemas, name_schemas, type_name
from .own import Declared

_Models = tuple[type[frames.Frame], ...]
_RECEIVED: _Models = get_args(frames.ClientFrame)
_SENT: _Models = get_args(frames.ServerFrame)
_WITH_BODY: tuple[tuple[type[frames.Frame], JsonSchemaMode], ...] = (
    (frames.Message, "validation"),
    (frames.MessageEvent, "serialization"),
)
_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/channels/room/messages/"
_SECURITY = "#/components/securitySchemes/"

_ROOM = """\
Offer the subprotocol `%s`, or none. A token is a further subprotocol, `bearer.<token>`, or the \
header `Authorization: Bearer <token>`. Each message is one JSON object. However a connection \
ends, it was accepted first and is closed by a row of `x-closes`."""

# For people only: AsyncAPI cannot mark security as optional.
_GUESTS = "A room that admits guests requires no token."


def describe(
    title: str, version: str, summary: str, address: str, own: Declared
) -> dict[str, JsonValue]:
    """Write an AsyncAPI 3 document; what it receives is what clients send.

    `address` is the host and port on which a service listens by default.
    """
    closes = (*Close, *own.closes)
    models: dict[JsonSchemaMode, _Models] = {
        "validation": (*_RECEIVED, *own.received),
        "serialization": (*_SENT, *own.sent),
    }
    references, schemas = frame_schemas(models, _SCHEMAS, [body for _, body in own.bodies])
    for model, mode in _WITH_BODY:
        properties = schemas[references[model, mode]["$ref"].removeprefix(_SCHEMAS)]["properties"]
        anything = properties["body"]
        bodies = [references.get((body, mode), anything) for _, body in own.bodies]
        properties["body"] = any_of(bodies or [anything])
    received = _messages(models["validation"], "validation", references)
    sent = _messages(models["serialization"], "serialization", references)
    speaking = {close.row.last_words: close for close in closes if close.row.last_words}
    last_words = {words: _last_words(words, close) for words, close in speaking.items()}
    schemas |= {type_name(words): one for words, one in last_words_schemas(closes).items()}
    name_schemas(schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": summary},
        "defaultContentType": "application/json",
        "servers": _servers(address),
        "channels": {
            "room": {
                "address": "/ws/{room}",
                "title": "Room",
                "description": _ROOM % PROTOCOL,
                "parameters": {"room": {"description": "The name of the room."}},
                "messages": {**received, **sent, **last_words},
                "bindings": {"ws": {"method": "GET", "query": _QUERY}},
                "x-closes": [_close(close) for close in closes],
            }
        },
        "operations": {
            "receive": _operation("receive", "What a client may send.", received),
            "send": _operation("send", "What a client is told.", {**sent, **last_words}),
        },
        "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


_QUERY: dict[str, JsonValue] = {
    "title": "RoomQuery",
    "type": "object",
    "properties": {
        "after": {
            "title": "RoomQueryAfter",
            "type": "string",
            "description": "The last position seen, to come back to it.",
        },
        "last": {
            "title": "RoomQueryLast",
            "type": "integer",
            "minimum": 0,
            "description": "How many messages a newcomer wants that were said lately.",
        },
    },
}
_SECURITY_SCHEMES: dict[str, JsonValue] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token in a header: `Authorization: Bearer <token>`.",
    },
    # AsyncAPI knows no subprotocols, but they travel in a header.
    "subprotocol": {
        "type": "httpApiKey",
        "name": "Sec-WebSocket-Protocol",
        "in": "header",
        "description": f"""\
The token as a further subprotocol, for browsers, which can set no other header: offer \
`{PROTOCOL}` and `bearer.<token>`. The service selects `{PROTOCOL}`.""",
    },
}


def _servers(address: str) -> dict[str, JsonValue]:
    security: list[JsonValue] = [{"$ref": f"{_SECURITY}{name}"} for name in _SECURITY_SCHEMES]
    return {
        "local": {
            "host": address,
            "protocol": "ws",
            "description": f"A service that was started without settings. {_GUESTS}",
            "security": security,
        },
        "deployed": {
            "host": "{host}",
            "protocol": "wss",
            "description": f"A service behind a proxy that terminates TLS. {_GUESTS}",
            # There is no default host, so that no client sends its token to a stranger.
            "variables": {
                "host": {
                    "description": "The public host name, and the port unless it is 443.",
                    "examples": ["rooms.example.org"],
                }
            },
            "security": security,
        },
    }


def _messages(models: _Models, mode: JsonSchemaMode, references: References) -> dict[str, Any]:
    return {
        model.__name__: {
            "name": model.model_fields["type"].default,
            "title": model.__name__,
            "summary": (model.__doc__ or "").replace("\n    ", " ").strip(),
            "payload": references[model, mode],
        }
        for model in models
    }


def _last_words(words: str, close: CloseRow) -> dict[str, Any]:
    row = close.row
    return {
        "name": words,
        "title": type_name(words),
        "summary": f"Comes before the close with {row.code}: {row.explanation}",
        "payload": {"$ref": f"{_SCHEMAS}{type_name(words)}"},
    }


def last_words_schemas(closes: Iterable[CloseRow]) -> dict[str, Schema]:
    """Write the schema of each frame that comes before one of the closes, by its `type`."""
    rows = (close.row for close in closes)
    return {row.last_words: _schema(row.last_words, row) for row in rows if row.last_words}


def _schema(words: str, row: CloseSpec) -> Schema:
    properties: Schema = {"type": {"type": "string", "const": words}}
    if row.advice is Advice.RETURN_AFTER_DELAY:
        properties["retry_after"] = {"type": "number", "description": "In seconds."}
    return {"type": "object", "required": list(properties), "properties": properties}


def _close(close: CloseRow) -> dict[str, JsonValue]:
    row = close.row
    return {
        "name": close.name,
        "code": row.code,
        "reason": row.reason,
        "lastWords": row.last_words,
        "advice": row.advice.value,
        "explanation": row.explanation,
    }


def _operation(action: str, summary: str, messages: dict[str, Any]) -> dict[str, JsonValue]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/room"},
        "summary": summary,
        "messages": [{"$ref": f"{_MESSAGES}{name}"} for name in messages],
    }
