"""A table of closes as JavaScript has it."""

import json
from collections.abc import Iterable

from {{cookiecutter.__package}}.rooms import CloseRow


def rows_json(closes: Iterable[CloseRow]) -> str:
    """Write the rows of a table of closes."""
    return json.dumps([_described(close) for close in closes], indent=2)


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
