"""Writes what JavaScript needs of the table of closes: run it after a change to the table."""

import json
from pathlib import Path

from .rooms.closes import Close

PATH = Path(__file__).parent / "static/closes.js"

_HEAD = """\
// Written by javascript.py, from rooms/closes.py.

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


def closes_module() -> str:
    """Word the table as a module."""
    rows = [
        {
            "name": close.name,
            "code": close.row.code,
            "reason": close.row.reason,
            "lastWords": close.row.last_words,
            "advice": close.row.advice.name,
            "advised": close.row.advice.value,
            "explanation": close.row.explanation,
        }
        for close in Close
    ]
    return _HEAD % json.dumps(rows, indent=2)


if __name__ == "__main__":
    PATH.write_text(closes_module())
