"""How a line of the log looks: for people where DEBUG is on, as JSON elsewhere.

Everything here logs by the standard library, as uvicorn and the other libraries do, so that
handlers of it give all lines one format. Of what is attached to a record only the facts below are
printed: nothing else that a library attaches, a request for example, can tell a secret.
"""

import copy
import json
import logging
from typing import Any

from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from ..rooms.clock import rfc3339
from ..rooms.config import ServiceConfig
from .log_queue import STDERR, STDOUT, line_handler

_FACTS = ("connection", "room", "user", "row", "seconds", "messages")


class Json(logging.Formatter):
    """One JSON object a line; a traceback is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "time": rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Readable(DefaultFormatter):
    """uvicorn's own format, and the facts after the message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Write all but the traceback."""
        facts = [f" {name}={value!r}" for name, value in _facts(record).items()]
        return super().formatMessage(record) + "".join(facts)


class ClientFaults(logging.Filter):
    """Takes from uvicorn's log what clients could fill it with."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the error after a denial, and what follows a `?`.

        A token does not belong into a query, and all the same some client will put one there.
        """
        if isinstance(record.args, tuple):
            record.args = tuple(map(_without_query, record.args))
        # The guard ends whatever the application does not, so that only a denial is left.
        return "without completing handshake" not in record.getMessage()


def line_format(*, debug: bool) -> dict[str, Any]:
    """The formatter of all lines, as `logging.config` takes it."""
    return {"()": Readable, "fmt": "%(levelprefix)s %(message)s"} if debug else {"()": Json}


def written_to(fd: int, formatter: str) -> dict[str, Any]:
    """A handler that holds up nobody, as `logging.config` takes it."""
    return {"()": line_handler, "fd": fd, "formatter": formatter}


def log_config(config: ServiceConfig) -> dict[str, Any]:
    """Configure whatever logs: as uvicorn does for itself, but with these lines."""
    found = copy.deepcopy(LOGGING_CONFIG)
    found["formatters"]["default"] = line_format(debug=config.debug)
    if not config.debug:
        found["formatters"]["access"] = line_format(debug=False)
    found["handlers"]["default"] = written_to(STDERR, "default")
    found["handlers"]["access"] = written_to(STDOUT, "access")
    found["filters"] = {"client_faults": {"()": ClientFaults}}
    for name in ("uvicorn.error", "uvicorn.access"):
        found["loggers"][name]["filters"] = ["client_faults"]
    package = __name__.partition(".")[0]
    found["loggers"][package] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    found["root"] = {"handlers": ["default"], "level": "WARNING"}
    return found


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in _FACTS if hasattr(record, name)}


def _without_query(part: object) -> object:
    return part.partition("?")[0] if isinstance(part, str) else part
