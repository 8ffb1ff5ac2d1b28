"""The table of closes as JavaScript has it."""

import json
from collections.abc import Iterable

from {{cookiecutter.__package}}.rooms import CloseRow

_JS = """\
// Written by scripts/written.py, from %s.

/**
 * @typedef {object} CloseRow
 * @property {string} name
 * @property {number} code
 * @property {string | null} reason null where the server's library words it
 * @property {string | null} lastWords the type of the frame before the close
 * @property {string} advice what to do
 * @property {string} advised the same, in words
 * @property {string} explanation
 */

/** @type {readonly CloseRow[]} */
export const closes = %s;
"""


def closes_js(source: str, closes: Iterable[CloseRow]) -> str:
    """Write a module with a table of closes."""
    return _JS % (source, json.dumps([_described(close) for close in closes], indent=2))


def _described(close: CloseRow) -> dict[str, str | int | None]:
    row = close.row
    return {
        "name": close.name,
        "code": row.code,
        "reason": row.reason,
        "lastWords": row.last_words,
        "advice": row.advice.name,
        "advised": row.advice.value,
        "explanation": row.explanation,
    }
