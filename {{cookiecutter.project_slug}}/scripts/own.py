"""What is written from your code: the types, closes and settings that it adds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms import RoomHandler, Service
from {{cookiecutter.__package}}.rooms.config import Accepts
from {{cookiecutter.__package}}.rooms.handler import in_order
from {{cookiecutter.__package}}.rooms.protocol.json_schemas import (
    Schema,
    frame_schemas,
    type_name,
)
from {{cookiecutter.__package}}.rooms.protocol.own import Declared
from {{cookiecutter.__package}}.service import make_service
from {{cookiecutter.__package}}.web import about
from {{cookiecutter.__package}}.web.page import STATIC

from .closes import rows_json
from .typescript import own_types, typed

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

A room belongs to the first handler whose `rooms` its name fits.

| rooms | handler | bodies of messages | capacity | presence | keep |
| --- | --- | --- | --- | --- | --- |
{rooms}
## Bodies of messages

| type | fields | meaning |
| --- | --- | --- |
{bodies}
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

%s
export const ownCloses: readonly import("./closes.js").CloseRow[];
"""


def own_files() -> dict[Path, str]:
    """Each file that tells of your code, as it should be."""
    service = make_service(Config.model_construct())
    own = service.declared(about.PACKAGE)
    return {
        Path("docs/own.md"): own_page(service, own),
        Path(".env.own.example"): _example(),
        STATIC / "own.js": _JS % (_HEAD, rows_json(own.closes)),
        STATIC / "own.d.ts": _D_TS % (_HEAD, own_types(own)),
    }


def own_page(service: Service, own: Declared) -> str:
    """Write the page that tells what a service adds."""
    types = [body for _, body in own.bodies]
    references, models = frame_schemas({"validation": ()}, "", types)
    handlers = zip(in_order(service.handlers), types, strict=True)
    page = _PAGE.format(
        head=_HEAD,
        received=_lines(_frame_row(frame) for frame in own.received),
        sent=_lines(_frame_row(frame) for frame in own.sent),
        rooms=_lines(
            _handler_row(handler, references.get((body, "validation"), {}))
            for handler, body in handlers
        ),
        bodies=_lines(_model_row(key, model) for key, model in models.items()),
        closes=_lines(
            f"| `{close.name}` | {close.row.code} | `{close.row.reason}` | "
            f"{close.row.last_words or 'none'} | {close.row.advice} |"
            for close in own.closes
        ),
        settings=_lines(_settings()),
    )
    return page.rstrip("\n") + "\n"


def _lines(rows: Iterator[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _handler_row(handler: RoomHandler[Any, Any], body: Schema) -> str:
    rooms = (handler.rooms,) if isinstance(handler.rooms, str) else handler.rooms
    told = f"`{type(handler).__name__}` | {_options(body)}"
    if not rooms:
        return f"| those that were created | {told} | as created | as created | |"
    names = ", ".join(f"`{name}`" for name in rooms)
    presence = "yes" if handler.presence else "no"
    capacity = handler.capacity or "`ROOM_CAPACITY`"
    return f"| {names} | {told} | {capacity} | {presence} | {handler.keep:g} s |"


def _frame_row(frame: type[BaseModel]) -> str:
    fields = (f"`{name}`" for name in frame.model_fields if name not in {"type", "ref"})
    meaning = (frame.__doc__ or "").partition("\n")[0]
    return f"| `{frame.model_fields['type'].default}` | {', '.join(fields)} | {meaning} |"


def _model_row(key: str, model: Schema) -> str:
    fields = ", ".join(f"`{name}`" for name in model.get("properties", ())) or _options(model)
    meaning = model.get("description", "").partition("\n")[0]
    return f"| `{type_name(key)}` | {fields} | {meaning} |"


def _options(schema: Schema) -> str:
    options: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    words = ("any JSON" if one == {} else f"`{typed(one)}`".replace("|", "\\|") for one in options)
    return " or ".join(words)


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
