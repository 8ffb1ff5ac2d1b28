"""Where clients come from, and how many connections an address has."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


def network_of(address: str) -> str:
    """Return what stands for one client: an IPv4 address, or an IPv6 network.

    Whoever has one IPv6 address has 2 to the 64 of them.
    """
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))


class AddressLimit:
    """Counts the open connections of each address, in this process and over all rooms."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def counted(self, address: str) -> Iterator[bool]:
        """Count a connection for as long as it is open; False if it is one too many."""
        network = network_of(address)
        if self._most and self._open[network] >= self._most:
            yield False
            return
        self._open[network] += 1
        try:
            yield True
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]
