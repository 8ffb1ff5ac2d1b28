"""The limit of open files, of which each connection takes one."""

import errno
import logging
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from ..rooms.config import ServiceConfig
from ..rooms.metrics import FILES_EXHAUSTED

logger = logging.getLogger(__name__)

# macOS allows a process no more than this, even if its hard limit is higher.
_MACOS_MOST = 10_240
_EXHAUSTED = {errno.EMFILE, errno.ENFILE}
_SECONDS_BETWEEN_LINES = 60.0


def raise_limit() -> float:
    """Raise this process's limit of open files to its hard limit, and return it."""
    if sys.platform == "win32":
        return math.inf
    import resource  # noqa: PLC0415 (Windows has no such module)

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, _MACOS_MOST):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def warnings(config: ServiceConfig) -> Iterator[str]:
    """Raise the limit; warn if it is still below MAX_CONNECTIONS."""
    limit = raise_limit()
    if limit < config.max_connections:
        yield (
            f"MAX_CONNECTIONS is {config.max_connections}, but this process may open only {limit} "
            "files: raise the limit of open files (`ulimit -n`), or lower MAX_CONNECTIONS"
        )


class OpenFilesMonitor:
    """Reports when the process can open no more files: the event loop then drops new clients."""

    def __init__(self) -> None:
        self._next_line = 0.0

    def check(self) -> None:
        """Try to open a file; if the limit is reached, count it, and log it once a minute."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            FILES_EXHAUSTED.inc()
            now = time.monotonic()
            if now >= self._next_line:
                self._next_line = now + _SECONDS_BETWEEN_LINES
                logger.error("No more files can be opened, so new clients are dropped: %s", error)
