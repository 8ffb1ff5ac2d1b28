"""Writes the log in threads of its own, so that a log that nobody reads holds up nobody."""

import atexit
import logging
import os
import threading
import time
from functools import cache
from logging.handlers import QueueHandler
from queue import SimpleQueue

from ..rooms.metrics import LOG_LINES_DROPPED

logger = logging.getLogger(__name__)

STDOUT, STDERR = 1, 2
# What comes while so many lines wait is dropped.
MOST_WAITING = 10_000
# What an end waits for the next line to be written: maybe nobody reads it any more.
_FLUSH_SECONDS = 1.0
_TICK = 0.01


class LineHandler(QueueHandler):
    """Queues lines for a file descriptor.

    They are formatted by who logs, in whose context the facts are, and keep nothing else alive.
    """

    def __init__(self, fd: int, most: int = MOST_WAITING) -> None:
        super().__init__(SimpleQueue())
        self._fd = fd
        self._most = most
        self._encoding = os.device_encoding(fd) or "utf-8"
        self._process = 0
        self._queued = self._written = 0
        # Each is counted by one thread.
        self._dropped = self._failed = self._told = 0

    @property
    def waiting(self) -> int:
        """How many lines of this process are not written yet."""
        return self._queued - self._written if self._process == os.getpid() else 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Make a record of the line alone."""
        return logging.makeLogRecord({"msg": self.format(record)})

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or drop it if too many wait."""
        if self._process != os.getpid():
            self._start()
        if self.waiting >= self._most:
            self._dropped += 1
            LOG_LINES_DROPPED.inc()
        else:
            self._queued += 1
            self.queue.put_nowait(record)

    def _start(self) -> None:
        # With the first line, and again in a fork, which has no such thread.
        self._process = os.getpid()
        self._queued = self._written = 0
        self.queue = SimpleQueue()
        threading.Thread(target=self._write_all, args=[self.queue], daemon=True).start()

    def _write_all(self, queue: SimpleQueue[logging.LogRecord]) -> None:
        while True:
            self._write(queue.get().getMessage())

    def _write(self, line: str) -> None:
        try:
            self._write_whole(f"{line}\n".encode(self._encoding, "backslashreplace"))
        except OSError:
            self._failed += 1
            LOG_LINES_DROPPED.inc()
        else:
            lost = self._dropped + self._failed - self._told
            # Once this is the last that waits.
            if lost and self.waiting == 1:
                self._told += lost
                logger.warning("%s lines of the log were dropped, as nobody took them", lost)
        self._written += 1

    def _write_whole(self, data: bytes) -> None:
        # Past `sys.stderr`: an end of the process would wait for its lock.
        while data:
            data = data[os.write(self._fd, data) :]


@cache
def line_handler(fd: int) -> LineHandler:
    """Return the one handler for a file descriptor, however often logging is configured."""
    handler = LineHandler(fd)
    _handlers.append(handler)
    return handler


_handlers: list[LineHandler] = []


@atexit.register
def flush_log(seconds: float = _FLUSH_SECONDS) -> None:
    """Wait until the log is written, or until no line was for so long."""
    least, until = _count_waiting(), time.monotonic() + seconds
    while least and time.monotonic() < until:
        time.sleep(_TICK)
        if (waiting := _count_waiting()) < least:
            least, until = waiting, time.monotonic() + seconds


def _count_waiting() -> int:
    return sum(one.waiting for one in _handlers)
