"""What is written from your code: the types, closes and settings that it adds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms.config import Accepts
from {{cookiecutter.__package}}.rooms.protocol.own import Declared, kind_of
from {{cookiecutter.__package}}.service import make_service
from {{cookiecutter.__package}}.web import about
from {{cookiecutter.__package}}.web.page import STATIC

from .closes import rows_json

_HEAD = "Written by `uv run python -m scripts.written`, from your code."

_PAGE = """\
# What this service adds

{head}

## Frames from clients

| type | fields | meaning |
| --- | --- | --- |
{received}
## Frames to clients

| type | fields | meaning |
| --- | --- | --- |
{sent}
## Rooms

| rooms | handler |
| --- | --- |
{rooms}
## How a connection ends

| name | code | reason | last words | the client should |
| --- | --- | --- | --- | --- |
{closes}
## Settings

| variable | default | takes | meaning |
| --- | --- | --- | --- |
{settings}"""

_JS = """\
// %s

/** @type {readonly import("./closes.js").CloseRow[]} */
export const ownCloses = %s;
"""

_D_TS = """\
// %s

/** What clients send, by `type`. */
export interface OwnClientFrames {
%s}

/** What clients get, by `type`. */
export interface OwnServerFrames {
%s}

export const ownCloses: readonly import("./closes.js").CloseRow[];
"""

_TYPES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "Record<string, unknown>",
}


def own_files() -> dict[Path, str]:
    """Each file that tells of your code, as it should be."""
    service = make_service(Config.model_construct())
    own = service.declared(about.PACKAGE)
    page = _PAGE.format(
        head=_HEAD,
        received=_lines(_frame_row(frame) for frame in own.received),
        sent=_lines(_frame_row(frame) for frame in own.sent),
        rooms=_lines(
            f"| {_rooms(handler.rooms)} | `{type(handler).__name__}` |"
            for handler in service.handlers
        ),
        closes=_lines(
            f"| `{close.name}` | {close.row.code} | `{close.row.reason}` | "
            f"{close.row.last_words or 'none'} | {close.row.advice} |"
            for close in own.closes
        ),
        settings=_lines(_settings()),
    )
    return {
        Path("docs/own.md"): page.rstrip("\n") + "\n",
        Path(".env.own.example"): _example(),
        STATIC / "own.js": _JS % (_HEAD, rows_json(own.closes)),
        STATIC / "own.d.ts": _types(own),
    }


def _lines(rows: Iterator[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _rooms(rooms: str | tuple[str, ...]) -> str:
    names = (rooms,) if isinstance(rooms, str) else rooms
    return ", ".join(f"`{name}`" for name in names) or "all others"


def _frame_row(frame: type[BaseModel]) -> str:
    fields = (f"`{name}`" for name in frame.model_fields if name not in {"type", "ref"})
    meaning = (frame.__doc__ or "").partition("\n")[0]
    return f"| `{frame.model_fields['type'].default}` | {', '.join(fields)} | {meaning} |"


def _own_settings() -> dict[str, Any]:
    known = {name for base in Config.__mro__[1:] for name in getattr(base, "model_fields", ())}
    return {name: field for name, field in Config.model_fields.items() if name not in known}


def _settings() -> Iterator[str]:
    for name, field in _own_settings().items():
        takes = next((one.words for one in field.metadata if isinstance(one, Accepts)), "")
        default = "none" if field.default is None else f"`{field.default}`"
        yield f"| `{name.upper()}` | {default} | {takes} | {field.description or ''} |"


def _example() -> str:
    names = _own_settings()
    lines = (f"#{name.upper()}={field.default or ''}\n" for name, field in names.items())
    return "".join(["# Your settings; those of the service are in `.env.example`.\n", *lines])


def _types(own: Declared) -> str:
    received = (f'  "{kind_of(one)}": {_interface(one, "validation")};' for one in own.received)
    sent = (f'  "{kind_of(one)}": {_interface(one, "serialization")};' for one in own.sent)
    return _D_TS % (_HEAD, _lines(received), _lines(sent))


def _interface(model: type[BaseModel], mode: JsonSchemaMode) -> str:
    schema = model.model_json_schema(mode=mode)
    schema["required"] = [*schema.get("required", ()), "type"]
    if mode == "validation":
        # The client's `request` makes it.
        del schema["properties"]["ref"]
    else:
        schema["properties"]["ref"] = {"type": "string"}
    return _typescript(schema, schema.get("$defs", {}))


def _typescript(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Write a JSON Schema as a type of TypeScript; what it can't tell is `unknown`."""
    if "$ref" in schema:
        return _typescript(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema.get("enum", [schema.get("const")]))
    if options := schema.get("anyOf", schema.get("oneOf")):
        return " | ".join(_typescript(option, definitions) for option in options)
    if schema.get("type") == "array":
        return f"({_typescript(schema.get('items', {}), definitions)})[]"
    if "properties" in schema:
        required = schema.get("required", ())
        fields = (
            f"{name}{'' if name in required else '?'}: {_typescript(one, definitions)}"
            for name, one in schema["properties"].items()
        )
        return "{ %s }" % "; ".join(fields)  # noqa: UP031 (braces)
    return _TYPES.get(schema.get("type", ""), "unknown")
