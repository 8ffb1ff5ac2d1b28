"""uvicorn's HTTP protocol, mended where a client could stay, fill memory or pose as another."""

import asyncio
import re
import sys
from typing import ClassVar

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b'Content-Length: 49\r\n\r\n{"detail":"This is no request that can be read."}'
)
_LARGEST_HEAD = 32_768
# RFC 3986 3.2.2 and 3.2.3
_HOST = re.compile(rb"([\w.~%!$&'()*+,;=-]+|\[[\da-fA-F:.]+\])(:\d*)?")


class RequestProtocol(HttpToolsProtocol):
    """Takes requests that come in time and in measure, by a limited number of connections.

    uvicorn by itself waits for ever for the rest of a request, keeps a head of any length, takes
    trailers for headers, and loses the body behind an upgrade that it does not know.
    """

    # For a whole request, or for the first after a connection was made.
    limit_seconds = 20.0
    # More than are made at once when thousands of clients come back.
    most_open = 5_000
    # Those of this process that are no sockets; last the one that was last of use.
    _open: ClassVar[dict["RequestProtocol", None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; where too many do, the longest useless connection makes way."""
        super().connection_made(transport)
        self._besides_bodies = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._received = b""
        self._head_is_complete = self._goes_on = False
        self._expect_request()
        self._open[self] = None
        if len(self._open) > self.most_open:
            useless = next(iter(self._open))
            del self._open[useless]
            useless.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it has too much besides a body: a head, or chunks of nothing."""
        self._besides_bodies += len(data)
        self._received = data
        self._expect_request()
        super().data_received(data)
        self._received = b""
        if self._besides_bodies > _LARGEST_HEAD and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(BAD_REQUEST)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request, unless it only goes on."""
        if not self._goes_on:
            super().on_message_begin()
            self._head_is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer never counts as one (RFC 9110 6.5.1)."""
        if not self._head_is_complete:
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Serve the request.

        Raises:
            ValueError: the head says two things, or what nobody here understands.
        """
        if self._head_is_complete:
            return
        self._head_is_complete = True
        hosts, codings = self._values(b"host"), self._values(b"transfer-encoding")
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise ValueError(hosts)
        if not all(map(_HOST.fullmatch, hosts)) or codings not in ([], [b"chunked"]):
            raise ValueError(hosts, codings)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request in the form that all errors have."""
        self.transport.write(BAD_REQUEST)
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Leave it to the gate how large a body may be."""
        super().on_body(body)
        self._besides_bodies -= len(body)

    def on_message_complete(self) -> None:
        """Wait no more: uvicorn has a limit on the time until the next request begins."""
        if self.parser.should_upgrade() and not self._should_upgrade():
            # The parser takes what follows for the other protocol.
            return
        super().on_message_complete()
        self._besides_bodies = 0
        self._let_go()
        self._open[self] = None

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol."""
        self._let_go()
        super().handle_websocket_upgrade()
        if behind := self._received[_parsed_bytes() :]:
            self.transport.get_protocol().data_received(behind)  # type: ignore[attr-defined]

    def _unsupported_upgrade_warning(self) -> None:
        """Answer a request as if it offered no upgrade, body and all."""
        behind = self._received = self._received[_parsed_bytes() :]
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] in framing]
        self.parser = HttpRequestParser(self)
        self._goes_on = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % b"".join(lines))
        self._goes_on = False
        if behind:
            super().data_received(behind)

    def _get_upgrade(self) -> bytes:
        # The parser has seen to `Connection`; of several lines uvicorn takes the last alone.
        return b",".join(self._values(b"upgrade")).lower()

    def _values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limit_seconds, self.transport.close)

    def _let_go(self) -> None:
        self._open.pop(self, None)
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


def _parsed_bytes() -> int:
    """Return how far the parser came that raises `HttpParserUpgrade` now."""
    return int(getattr(sys.exception(), "args", (0,))[0])
