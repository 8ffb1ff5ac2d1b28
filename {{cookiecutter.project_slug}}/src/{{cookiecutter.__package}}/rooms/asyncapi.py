"""The description of the protocol, as AsyncAPI has it, made of the frames and the close table."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from . import frames
from .closes import Advice, Close
from .handshake import LINES_PROTOCOL, PROTOCOL

_Models = tuple[type[frames.Frame], ...]
_RECEIVED: _Models = get_args(frames.ClientFrame)
_SENT: _Models = get_args(frames.ServerFrame)
_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/channels/room/messages/"

_ROOM = """\
Offer the subprotocol `%s`, or none; or `%s`, for frames that hold one message or more, a \
line each, both ways. A token is a further subprotocol, `bearer.<token>`, or the header \
`Authorization: Bearer <token>`. Each message is one JSON object. However a connection ends, it \
was accepted first and is closed by a row of `x-closes`."""


def describe(title: str, version: str, summary: str) -> dict[str, JsonValue]:
    """Write an AsyncAPI 3 document; what it receives is what clients send."""
    received, sent = _messages(_RECEIVED), _messages(_SENT)
    last_words = {
        close.row.last_words: _last_words(close) for close in Close if close.row.last_words
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": summary},
        "defaultContentType": "application/json",
        "channels": {
            "room": {
                "address": "/ws/{room}",
                "description": _ROOM % (PROTOCOL, LINES_PROTOCOL),
                "parameters": {"room": {"description": "The name of the room."}},
                "messages": {**received, **sent, **last_words},
                "bindings": {"ws": {"method": "GET", "query": _QUERY}},
                "x-closes": [_close(close) for close in Close],
            }
        },
        "operations": {
            "receive": _operation("receive", "What a client may send.", received),
            "send": _operation("send", "What a client is told.", {**sent, **last_words}),
        },
        "components": {"schemas": _schemas()},
    }


_QUERY: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "after": {"type": "string", "description": "The last position seen, to come back to it."}
    },
}


def _messages(models: Sequence[type[frames.Frame]]) -> dict[str, Any]:
    return {
        model.__name__: {
            "name": model.model_fields["type"].default,
            "summary": (model.__doc__ or "").replace("\n    ", " ").strip(),
            "payload": {"$ref": f"{_SCHEMAS}{model.__name__}"},
        }
        for model in models
    }


def _last_words(close: Close) -> dict[str, Any]:
    row = close.row
    properties: dict[str, Any] = {"type": {"const": row.last_words}}
    if row.advice is Advice.RETURN_AFTER_DELAY:
        properties["retry_after"] = {"type": "number", "description": "In seconds."}
    return {
        "name": row.last_words,
        "summary": f"Comes before the close with {row.code}: {row.explanation}",
        "payload": {"type": "object", "required": list(properties), "properties": properties},
    }


def _close(close: Close) -> dict[str, JsonValue]:
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


def _schemas() -> dict[str, Any]:
    models: list[tuple[type[frames.Frame], JsonSchemaMode]] = [
        *((model, "validation") for model in _RECEIVED),
        *((model, "serialization") for model in _SENT),
    ]
    _, document = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    schemas: dict[str, Any] = document["$defs"]
    for model, _ in models:
        schema = schemas[model.__name__]
        schema["required"] = ["type", *schema.get("required", ())]
    return schemas
