"""Ports for what a test starts."""

import random
import socket

# Below those that systems give to clients: one of them could take it while the server is down.
_PORTS = range(20_000, 32_768)
_kept: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Take ports of loopback that nobody else has, until this process ends."""
    return [_take() for _ in range(count)]


def _take() -> int:
    for port in random.sample(_PORTS, 100):
        own = socket.socket()
        try:
            own.bind(("127.0.0.1", port))
        except OSError:
            own.close()
            continue
        # Servers, which set it too, may listen where this one only holds the place.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _kept.append(own)
        return port
    raise AssertionError("of a hundred ports, none is free")
