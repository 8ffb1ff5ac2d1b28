"""What Windows needs besides."""

import os
import socket
import sys
from collections.abc import Iterator

from ..rooms.config import ServiceConfig

# `select` fails there beyond 512 sockets, of which the server needs a few itself.
_MOST_CONNECTIONS = 480


def check_port(config: ServiceConfig) -> None:
    """End the process if another one listens at this address: `SO_REUSEADDR` would let both."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            sys.exit(f"Cannot listen at {config.host}, port {config.port}: {error}")


def cap_connections(config: ServiceConfig) -> Iterator[str]:
    """Lower MAX_CONNECTIONS of the processes that this one starts, and say so."""
    if config.max_connections > _MOST_CONNECTIONS:
        os.environ["MAX_CONNECTIONS"] = str(_MOST_CONNECTIONS)
        yield (
            "On Windows, with --reload or several workers, a process serves at most "
            f"{_MOST_CONNECTIONS} connections: MAX_CONNECTIONS is lowered to that"
        )
