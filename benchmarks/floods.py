# /// script
# requires-python = ">=3.11"
# dependencies = ["rich>=13", "websockets>=16"]
# ///
"""Measures how long a bystander waits while others flood a running service or join it at once.

Start a service first, with `ROOM_CAPACITY=2000`, and name its address. Each gap is shown beside
the gap of a quiet run of the same seconds: the quotient is what counts, not the milliseconds.
"""

import argparse
import json
import multiprocessing
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table
from websockets.sync.client import connect

HANDSHAKE = (
    "GET /ws/lobby HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MASK = bytes(4)
PING, PONG, TEXT, FURTHER = (bytes([first, 0x80]) + MASK for first in (0x89, 0x8A, 0x81, 0))
LARGE = b"\x81\xff" + struct.pack("!Q", 1 << 40) + MASK
FLOODS = {
    "pings": PING * 700_000,
    "pongs": PONG * 700_000,
    "empty texts": TEXT * 700_000,
    "fragments": b"\x01\x80" + MASK + FURTHER * 700_000,
    "a frame without end": LARGE + bytes(4_000_000),
}
FLOODERS = (1, 10)
CROWD = 1_000
SECONDS = 4.0
# MESSAGES_PER_SECOND allows 20.
PAUSE_SECONDS = 0.06


def open_socket(address: str) -> socket.socket:
    """Connect and send the handshake, without waiting for the answer."""
    host, _, port = address.partition(":")
    client = socket.create_connection((host, int(port)), timeout=60)
    client.sendall(HANDSHAKE.format(address=address).encode())
    return client


def read_until(client: socket.socket, marker: bytes) -> None:
    """Read up to a marker, which may lie across two reads, or to the end."""
    tail = b""
    while marker not in tail and (data := client.recv(65_536)):
        tail = tail[-len(marker) :] + data


def flood(address: str, sent: bytes) -> None:
    """Join, send all of this, and read to the end."""
    with suppress(OSError), open_socket(address) as client:
        read_until(client, b'"recovered"')
        client.sendall(sent)
        read_until(client, b"never")


def crowd(address: str) -> None:
    """Join by many sockets at once, and leave at once."""
    with ExitStack() as stack:
        clients = [stack.enter_context(open_socket(address)) for _ in range(CROWD)]
        for client in clients:
            read_until(client, b'"recovered"')


def longest_echo(address: str) -> float:
    """Ping over one socket; the longest wait for a pong, in seconds."""
    with connect(f"ws://{address}/ws/lobby", max_size=None) as client:

        def echo() -> None:
            client.send('{"type":"ping"}')
            while json.loads(client.recv())["type"] != "pong":
                pass

        return longest(echo)


def longest_probe(address: str) -> float:
    """Ask for `/healthz`; the longest wait for an answer, in seconds."""

    def probe() -> None:
        with urlopen(f"http://{address}/healthz", timeout=60) as answer:
            answer.read()

    return longest(probe)


def longest(ask: Callable[[], None]) -> float:
    """Ask again and again; the longest that one took, in seconds."""
    longest_seconds, end = 0.0, time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < end:
        ask()
        longest_seconds = max(longest_seconds, time.perf_counter() - begun)
        time.sleep(PAUSE_SECONDS)
    return longest_seconds


def while_running(
    work: Callable[..., None], arguments: tuple[object, ...], count: int, ask: Callable[[], float]
) -> float:
    """Measure while processes of their own work."""
    processes = [multiprocessing.Process(target=work, args=arguments) for _ in range(count)]
    starting = threading.Timer(SECONDS / 8, lambda: [process.start() for process in processes])
    starting.start()
    gap = ask()
    starting.join()
    for process in processes:
        process.join()
    return gap


def main() -> None:
    """Measure each flood beside a quiet run, then a crowd."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="of the service, as 127.0.0.1:8000")
    address = parser.parse_args().address
    table = Table("what others do", "gap (ms)", "quiet (ms)", "quotient")

    def row(name: str, gap: float, quiet: float) -> None:
        table.add_row(name, f"{gap * 1000:.1f}", f"{quiet * 1000:.1f}", f"{gap / quiet:.1f}")

    for name, sent in FLOODS.items():
        for count in FLOODERS:
            quiet = longest_echo(address)
            gap = while_running(flood, (address, sent), count, lambda: longest_echo(address))
            row(f"{name}, {count} clients: echo", gap, quiet)
    quiet = longest_probe(address)
    gap = while_running(crowd, (address,), 1, lambda: longest_probe(address))
    row(f"{CROWD} join and leave at once: /healthz", gap, quiet)
    Console().print(table)


if __name__ == "__main__":
    main()
