"""What the service counts, for Prometheus. No room and no user is a label: those have no bound.

A count takes about a microsecond, so it is taken once a message, and not once a delivery.
"""

import os
from functools import partial

import prometheus_client as prometheus
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST
# Where several workers keep their numbers in files, so that each can tell those of all.
WORKERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# The `row` of who left without being told to.
CLIENT_LEFT = "CLIENT_LEFT"

# When a count began is a series more for each, which several workers can't tell.
prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
_own = prometheus.CollectorRegistry()
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_counter = partial(prometheus.Counter, registry=_own)
_gauge = partial(prometheus.Gauge, registry=_own, multiprocess_mode="livesum")
_seconds = partial(prometheus.Histogram, registry=_own, buckets=_SECONDS)

CONNECTIONS = _gauge("rooms_connections", "Open connections, those included that are ending.")
JOINS = _counter("rooms_joins", "Connections that were let into a room.")
CLOSES = _counter("rooms_closes", "Connections that ended, by how.", ["row"])
MESSAGES_IN = _counter("rooms_messages_in", "Messages to say, by socket or by HTTP.")
MESSAGES_OUT = _counter("rooms_messages_out", "Messages passed on to the members of a room.")
DELIVERIES = _counter("rooms_deliveries", "Messages passed on, times the members who got them.")
DELIVERY_SECONDS = _seconds(
    "rooms_delivery_seconds",
    "From taking a message to having written it to the members at the same process.",
)
OUTBOX_BYTES = _gauge("rooms_outbox_bytes", "What waits to be written to clients.")
DROPPED_BYTES = _counter("rooms_outbox_dropped_bytes", "What waited for who read too slowly.")
GAPS_REPAIRED = _counter("rooms_gaps_repaired", "Times that missed messages came from the log.")
BELLS_UNREADABLE = _counter("rooms_bells_unreadable", "Messages between processes, not understood.")
CHECK_FAILURES = _counter(
    "rooms_check_failures", "Times that a room could not be kept in step, by what failed.", ["kind"]
)
REDIS_SECONDS = _seconds("rooms_redis_seconds", "How long Redis took to answer, or to fail.")
REDIS_ERRORS = _counter("rooms_redis_errors", "Times that Redis could not be reached, or refused.")
FILES_EXHAUSTED = _counter(
    "rooms_open_files_exhausted", "Checks, ten a second, that found no file left to open."
)
LOG_LINES_DROPPED = _counter("rooms_log_lines_dropped", "Lines that the log did not take in time.")

for _kind in ("bus", "departures", "heartbeat", "log", "members", "open", "repair", "room_store"):
    CHECK_FAILURES.labels(_kind)


def expose() -> bytes:
    """Write all as text: this process's numbers, or the sums of all workers'."""
    registry = _own
    if os.environ.get(WORKERS_FOLDER):
        registry = prometheus.CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus.generate_latest(registry)
