"""A hook of mkdocs: what the code of a generated service has is written into the pages.

A service of each flavour is rendered and asked. A line `<!-- code: … -->` of a page becomes what
`TABLES` makes of the answers, and the pages that come with the service are shown as they are.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TEMPLATE = Path(__file__).parent.parent
FLAVOURS = {"fastapi": "FastAPI", "channels": "Channels"}
PAGES = ["README.md", "docs/changing.md", "docs/own.md", "docs/threats.md", "docs/page.png"]

_QUESTIONS = """\
import json
from prometheus_client.parser import text_string_to_metric_families as families
from rooms_service.rooms import metrics
from rooms_service.rooms.connections import telemetry  # which fills in the labels
from rooms_service.rooms.protocol import asyncapi
from rooms_service.rooms.protocol.own import Declared
from scripts.written import README, written
told = {
    "readme": written()[README],
    "protocol": asyncapi.describe("", "", "", "", Declared()),
    "metrics": [
        (one.name, one.type, sorted({*one.samples[0].labels} - {"le"}), one.documentation)
        for one in families(metrics.expose().decode())
    ],
}
print(json.dumps(told))
"""
_SETTINGS = re.compile(r"^\| variable \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^<!-- code: (\w+) -->$", re.MULTILINE)


class Service(NamedTuple):
    """What a generated service tells of itself, and its pages by their path."""

    told: dict[str, Any]
    pages: dict[str, bytes]


@cache
def ask(flavour: str) -> Service:
    """Render a service and ask it, once as long as mkdocs runs."""
    with TemporaryDirectory() as folder:
        options = ("--no-input", "--output-dir", folder, f"framework={flavour}")
        _run(TEMPLATE, sys.executable, "-m", "cookiecutter", ".", *options)
        service = Path(folder) / "rooms-service"
        python = ("uv", "run", "--quiet", "--isolated", "python")
        answer = _run(service, *python, "-c", _QUESTIONS)
        pages = {path: (service / path).read_bytes() for path in PAGES}
        return Service(json.loads(answer), pages)


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Show the pages that come with a service."""
    for flavour in FLAVOURS:
        for path, content in ask(flavour).pages.items():
            files.append(File.generated(config, f"services/{flavour}/{path}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write what the code has where a page asks for it."""
    return _CODE.sub(lambda asked: "\n".join(TABLES[asked[1]]()), markdown)


def _settings() -> Iterator[str]:
    """Make a table of what all flavours take, and one of what only one of them does."""
    tables = {}
    for flavour in FLAVOURS:
        (table,) = _SETTINGS.findall(ask(flavour).told["readme"])
        tables[flavour] = table.splitlines()
    head, rule, *rows = tables["fastapi"]
    shared = [row for row in rows if all(row in table for table in tables.values())]
    yield from map(_linkable, [head, rule, *shared])
    for flavour, table in tables.items():
        if own := [row for row in table[2:] if row not in shared]:
            yield from ("", f"## Only with {FLAVOURS[flavour]}", "", head, rule)
            yield from map(_linkable, own)


def _linkable(row: str) -> str:
    """Give a row the name in its first cell as an anchor, in lower case."""
    return re.sub(r"^\| `(\w+)`", lambda cell: f"{cell[0]}{{ #{cell[1].lower()} }}", row)


def _table(*rows: Iterable[object]) -> Iterator[str]:
    head, *rest = rows
    columns = [str(cell) for cell in head]
    for cells in (columns, ["---"] * len(columns), *rest):
        yield f"| {' | '.join(map(str, cells))} |"


def _closes() -> Iterator[str]:
    rows = [
        (
            f"`{close['name']}`",
            close["code"],
            f"`{close['reason']}`" if close["reason"] else "the server library's",
            f"[`{close['lastWords']}`](messages.md#{close['lastWords']})"
            if close["lastWords"]
            else "none",
            close["explanation"],
            close["advice"],
        )
        for close in _room()["x-closes"]
    ]
    head = ("name", "code", "reason", "last words", "when", "the client should")
    yield from map(_linkable, _table(head, *rows))


def _room() -> dict[str, Any]:
    room: dict[str, Any] = ask("fastapi").told["protocol"]["channels"]["room"]
    return room


def _frames(chosen: Callable[[str], bool], prefix: str) -> Iterator[str]:
    """Describe the frames of which the key in the protocol's description is chosen."""
    schemas = ask("fastapi").told["protocol"]["components"]["schemas"]
    for key, message in _room()["messages"].items():
        if not chosen(key):
            continue
        name = message["name"]
        yield from (f"### `{name}` {{ #{prefix}{name} }}", "", " ".join(message["summary"].split()))
        schema = schemas[message["payload"]["$ref"].rpartition("/")[2]]
        fields = [_field(schema, field) for field in schema["properties"] if field != "type"]
        yield ""
        if fields:
            yield from _table(("field", "takes"), *fields)
        else:
            yield "It has no field but `type`."
        yield ""


def _field(schema: dict[str, Any], name: str) -> tuple[str, str]:
    of_it = schema["properties"][name]
    if name in schema["required"]:
        told = of_it.get("description", "").rstrip(".").lower()
        return f"`{name}`", f"{_typed(of_it)} {told}"
    # Rather than null it is left out.
    options = [one for one in of_it["anyOf"] if one.get("type") != "null"]
    return f"`{name}`", f"{_typed({'anyOf': options})}; or it is left out"


def _typed(schema: dict[str, Any]) -> str:
    match schema:
        case {"anyOf": options}:
            return " or ".join(map(_typed, options))
        case {"enum": values}:
            return " or ".join(f"`{json.dumps(value)}`" for value in values)
        case {"type": "array", "items": items}:
            return f"a list, each a {_typed(items)}"
        case {"type": "string", "maxLength": longest}:
            return f"string of up to {longest} characters"
        case {"type": kind}:
            return str(kind)
        case _:
            return "any JSON"


def _operation(name: str) -> set[str]:
    messages = ask("fastapi").told["protocol"]["operations"][name]["messages"]
    return {message["$ref"].rpartition("/")[2] for message in messages}


def _last_words() -> set[str]:
    return {close["lastWords"] for close in _room()["x-closes"]}


def _metrics() -> Iterator[str]:
    rows = [
        (
            f"`{name}{'_total' if kind == 'counter' else ''}`",
            kind,
            ", ".join(f"`{label}`" for label in labels) or "none",
            told,
        )
        for name, kind, labels, told in ask("fastapi").told["metrics"]
    ]
    yield from map(_linkable, _table(("metric", "kind", "labels", "counts"), *rows))


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": _settings,
    "closes": _closes,
    "received": lambda: _frames(lambda key: key in _operation("receive"), "client-"),
    "sent": lambda: _frames(lambda key: key in _operation("send") - _last_words(), "server-"),
    "last_words": lambda: _frames(lambda key: key in _last_words(), ""),
    "metrics": _metrics,
}
