"""What a machine may lack: its tests are skipped, and fail in CI, where everything is installed."""

import os
import sys
from typing import NoReturn

import pytest

# What may be missing in CI too, by system, and why.
MAY_BE_MISSING = {
    ("win32", "redis-server 7 or newer"): "Redis does not run on Windows",
    ("win32", "fork"): "Windows starts processes anew",
    ("win32", "SIGSTOP"): "Windows has no signal that stops a process",
    ("win32", "console"): "a service has none, and Windows asks processes to stop by it",
    ("darwin", "127.0.0.2"): "macOS has one address of loopback until an administrator adds more",
}


def skip_without(what: str, advice: str) -> NoReturn:
    """Skip the test that needs this; in CI fail it, unless the list above has it."""
    told = f"there is no {what}: {advice}"
    if os.environ.get("CI") and (sys.platform, what) not in MAY_BE_MISSING:
        pytest.fail(told)
    pytest.skip(told)
