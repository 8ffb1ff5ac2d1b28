"""Ports for what a test starts."""

import random
import socket

# Below those that systems give to clients: one of them could take it before the server does, or
# while that is down.
_PORTS = range(20_000, 32_768)


def free_ports(count: int) -> list[int]:
    """Find ports of loopback at which nobody listens."""
    return [port for port in random.sample(_PORTS, 20 * count) if _is_free(port)][:count]


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
