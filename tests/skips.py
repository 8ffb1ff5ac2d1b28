"""What may be missing where the tests run in CI; any other skip fails the run there."""

import re
from collections.abc import Iterable, Mapping

import pytest

# A pattern of the reason that a skipped test gives, and why such a machine may lack what it needs.
MAY_SKIP: dict[str, str] = {}


def unexpected(
    skipped: Iterable[pytest.TestReport], may_skip: Mapping[str, str] = MAY_SKIP
) -> list[str]:
    """Name each skipped test whose reason nothing in `may_skip` allows."""
    reasons = [(report.nodeid, _reason(report)) for report in skipped]
    return [
        f"skipped in CI: {test}: {reason}"
        for test, reason in reasons
        if not any(re.search(pattern, reason) for pattern in may_skip)
    ]


def _reason(report: pytest.TestReport) -> str:
    assert isinstance(report.longrepr, tuple)
    _file, _line, reason = report.longrepr
    return reason.removeprefix("Skipped: ")
