"""Logs tell no secret, and metrics count what happens."""

from ..mutating import remove, replace
from .mutant import Mutant, ending

MUTANTS = [
    Mutant(
        "a token is logged",
        [
            replace(
                "Entrance.admit",
                "connection.admit(...)",
                "...\nimport logging\n"
                'logging.getLogger(__name__).info("Who comes is %r", handshake)',
            )
        ],
        "contract/test_talking.py::test_a_message_reaches_everyone_and_its_sender",
    ),
    Mutant(
        "a token in a query is logged",
        [replace("_without_query", "_ if isinstance(part, str) else part", "part")],
        "contract/test_process.py::test_a_line_for_machines_is_one_object_and_tells_no_secret",
    ),
    Mutant(
        "a log that nobody reads holds up everybody",
        [
            replace(
                "written_to",
                '{"()": line_handler, "fd": fd, "formatter": formatter}',
                '{"class": "logging.StreamHandler", "formatter": formatter}',
            )
        ],
        "contract/test_log_pipe.py::test_a_log_that_nobody_reads_holds_up_nobody",
    ),
    Mutant(
        "lines that nobody takes are dropped without a word",
        [remove("LineHandler._write", "logger.warning(...)")],
        "test_log_queue.py::test_lines_that_cannot_be_written_are_counted_and_told_later",
    ),
    Mutant(
        "closes are counted under the wrong row",
        [
            replace(
                "_record_close",
                "metrics.CLOSES.labels(_)",
                "metrics.CLOSES.labels(metrics.CLIENT_LEFT)",
            )
        ],
        ending("ROOM_NOT_FOUND"),
    ),
    Mutant(
        "a close by the outbox is told as the client's",
        [
            replace(
                "Connection._fail",
                "self._end(...)",
                "if not gone:\n"
                "    row = Close.INTERNAL_ERROR.row\n"
                "    self._outbox.finish(row.code, str(row.reason))\n"
                "self._end(self, None)",
            )
        ],
        "rooms/test_manager.py::test_a_send_that_fails_ends_the_connection_as_the_log_says",
    ),
    Mutant(
        "no pong is counted as the client's leaving",
        [replace("SocketProtocol.keepalive_timeout", "Close.NO_PONG", "None")],
        ending("NO_PONG"),
    ),
    Mutant(
        "deliveries are not counted",
        [remove("Fanout.apply", "metrics.DELIVERIES.inc(...)")],
        "contract/test_metrics.py::test_a_conversation_is_counted",
    ),
    Mutant(
        "a worker reports its own metrics only",
        [remove("run", "os.environ[WORKERS_FOLDER] = _")],
        "contract/test_metrics.py::test_any_worker_tells_of_all",
    ),
    Mutant(
        "anyone reads the metrics through a proxy",
        [replace("check_reader", "forwarded", "False")],
        "contract/test_metrics.py::test_who_may_read",
    ),
]
