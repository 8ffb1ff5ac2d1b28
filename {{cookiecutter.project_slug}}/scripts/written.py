"""What else tells of settings and closes: `uv run python -m scripts.written` writes it."""

from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms.config import Accepts
from {{cookiecutter.__package}}.rooms.protocol.asyncapi import last_words_schemas
from {{cookiecutter.__package}}.rooms.protocol.closes import Close
from {{cookiecutter.__package}}.web.page import STATIC

from .closes import rows_json
from .own import own_files
from .typescript import members

README = Path("README.md")
EXAMPLE = Path(".env.example")
CLOSES = STATIC / "closes.js"

# Those that come with the service.
_FIELDS = cast("type[BaseModel]", Config.__base__).model_fields
_SETTINGS = "| variable | default | takes | meaning |"
_CLOSES = "| name | code | reason | last words | the client should |"


_CLOSES_JS = """\
// Written by scripts/written.py, from rooms/protocol/closes.py.

/**
 * @typedef {object} CloseRow
 * @property {string} name
 * @property {number} code
 * @property {string | null} reason null where the server's library words it
 * @property {string | null} lastWords the type of the frame before the close
 * @property {string} advice what to do
 * @property {string} advised the same, in words
 * @property {string} explanation
 *
 * @typedef { {
%s * } } LastWords what comes before some closes, by its type
 */

/** @type {readonly CloseRow[]} */
export const closes = %s;
"""


def written() -> dict[Path, str]:
    """Each file that tells of them, as it should be."""
    readme = _with_table(README.read_text(encoding="utf-8"), _SETTINGS, _settings_rows())
    return {
        README: _with_table(readme, _CLOSES, _close_rows()),
        EXAMPLE: _example(EXAMPLE.read_text(encoding="utf-8")),
        CLOSES: _closes_js(),
        **own_files(),
    }


def _closes_js() -> str:
    words = members(last_words_schemas(Close), indent=" *   ")
    return _CLOSES_JS % (words, rows_json(Close))


def _with_table(text: str, head: str, rows: Iterator[str]) -> str:
    """Write the rows of a table anew; a text without the table stays as it is."""
    lines = text.splitlines(keepends=True)
    if f"{head}\n" not in lines:
        return text
    start = lines.index(f"{head}\n") + 2
    rest = dropwhile(lambda line: line.startswith("|"), lines[start:])
    return "".join([*lines[:start], *(f"{row}\n" for row in rows), *rest])


def _settings_rows() -> Iterator[str]:
    for name, field in _FIELDS.items():
        default = f"`{_default(field)}`" if _default(field) else "none"
        takes = next(one.words for one in field.metadata if isinstance(one, Accepts))
        yield f"| `{name.upper()}` | {default} | {takes} | {field.description} |"


def _example(text: str) -> str:
    """Write the settings below the first line; lines that are of none of them follow."""
    lines = text.splitlines(keepends=True)
    names = _FIELDS
    head, *rest = (one for one in lines if one.strip("#").partition("=")[0].lower() not in names)
    settings = (f"#{name.upper()}={_default(field)}\n" for name, field in names.items())
    return "".join([head, *settings, *rest])


def _default(field: FieldInfo) -> str:
    """Write a default as a variable has it; nothing where there is none, or it is made."""
    default = None if field.default_factory else field.default
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(default)
        case _:
            return str(default)


def _close_rows() -> Iterator[str]:
    for close in Close:
        row = close.row
        reason = f"`{row.reason}`" if row.reason else "the server library's"
        last_words = f"`{row.last_words}`" if row.last_words else "none"
        yield f"| `{close.name}` | {row.code} | {reason} | {last_words} | {row.advice} |"


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8", newline="\n")
