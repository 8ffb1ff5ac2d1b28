"""The tables of the page on what clients see, made of what they reported."""

import re
from collections.abc import Iterable, Iterator, Mapping

from ..project import TEMPLATE
from .visit import Report

PAGE = TEMPLATE / "docs/explanation/what-clients-see.md"
_RIGHT = "✓"
_CANNOT = "—"
# These are shown in full, each under a heading.
SHOWN = {
    "ROOM_CLOSED": "the service closes",
    "leaves": "it closes by itself",
    "killed": "no close frame",
    "origin": "handshake refused, 403",
    "path": "handshake refused, 404",
    "bearer": "only `bearer.…` offered",
}

Seen = Mapping[str, Mapping[str, Report]]


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def endings(seen: Seen, codes: Mapping[str, int]) -> str:
    """Tell which clients report each ending as the table of closes has it, or with which code."""
    lines = [_row(["ending", *seen]), _row(["---"] * (1 + len(seen)))]
    for name, code in codes.items():
        told = (_reported(reports.get(name), code) for reports in seen.values())
        lines.append(_row([re.sub(r"^\w+", r"`\g<0>`", name), *told]))
    return "\n".join(lines)


def _reported(report: Report | None, code: int) -> str:
    if report is None:
        return _CANNOT
    return _RIGHT if report.code == code else str(report.code)


def interfaces(seen: Seen) -> str:
    """Show what each client's own interface reports."""
    lines = [_row(["client", *SHOWN.values()]), _row(["---"] * (1 + len(SHOWN)))]
    for client, reports in seen.items():
        told = {name: ", ".join(_told(reports[name])) for name in SHOWN}
        if reports["bearer"].heard:
            told["bearer"] = "let in"
        lines.append(_row([client, *told.values()]))
    return "\n".join(lines)


def _told(report: Report) -> Iterator[str]:
    yield " ".join(f"`{name}`" for name in report.told.split())
    if report.status:
        yield f"HTTP {report.status}"
    if report.code:
        yield str(report.code)
    if report.reason:
        yield f"“{report.reason}”"
    if report.clean is not None:
        yield "clean" if report.clean else "not clean"


def written(page: str, tables: Mapping[str, str]) -> str:
    """Put tables into the page, each behind the line that names it."""
    for name, made in tables.items():
        head = f"<!-- clients: {name} -->\n\n"
        before, there, after = page.partition(head)
        assert there, f"the page has no place for {name}"
        page = before + head + made + after[after.index("\n\n") :]
    return page
