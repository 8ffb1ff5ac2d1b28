"""uvicorn's HTTP protocol, mended where a client could stay, fill memory or pose as another."""

import asyncio
import re
import sys
from contextlib import suppress
from typing import ClassVar, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .lingering import Lingering, cancel
from .middleware import SAFE_HEADERS
from .origins import Headers, Origins
from .socket_protocol import SocketProtocol

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: 49\r\n%s\r\n"
    b'{"detail":"This is no request that can be read."}'
)
# In a head that the parser has not read to its end.
_ORIGIN = re.compile(rb"\norigin:[ \t]*(.*?)[ \t]*\r", re.IGNORECASE)
_LARGEST_HEAD = 32_768
# What each header line has besides its name and value.
_BETWEEN = len(": \r\n")
# RFC 3986 3.2.2 and 3.2.3
_HOST = re.compile(rb"([\w.~%!$&'()*+,;=-]+|\[[\da-fA-F:.]+\])(:\d*)?")


class RequestProtocol(Lingering, HttpToolsProtocol):
    """Takes requests that come in time and in measure, by a limited number of connections.

    uvicorn by itself never stops waiting for the rest of a request, keeps a head of any length,
    takes trailers for headers, loses the body behind an upgrade that it does not know, and ends a
    connection while the client is sending.
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
        self._timeout: asyncio.TimerHandle | None = None
        self._received = b""
        self._head_is_complete = self._is_complete = self._goes_on = False
        self._answered = False
        self._expect_request()
        self._open[self] = None
        if len(self._open) > self.most_open:
            useless = next(iter(self._open))
            del self._open[useless]
            useless.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what waits for the client."""
        self._let_go()
        cancel(self.close_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it has too much besides a body: a head, or chunks of nothing."""
        if self._answered:
            self.note_data()
            with suppress(HttpParserError, HttpParserUpgrade):
                self.parser.feed_data(data)
            return
        self._besides_bodies += len(data)
        self._received = data
        self._expect_request()
        super().data_received(data)
        self._received = b""
        if self._answered or self.transport.is_closing():
            return
        if self._besides_bodies > _LARGEST_HEAD:
            if self.cycle is None or self.cycle.response_complete:
                self.send_400_response("")
            else:
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request, unless it only goes on."""
        if not self._goes_on and not self._answered:
            super().on_message_begin()
            self._head_is_complete = self._is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer never counts as one (RFC 9110 6.5.1)."""
        if not self._head_is_complete:
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Serve the request.

        Raises:
            ValueError: the head is too long, ambiguous, not ASCII, or uses an unknown coding.
        """
        if self._head_is_complete:
            return
        self._head_is_complete = True
        hosts, codings = self._values(b"host"), self._values(b"transfer-encoding")
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise ValueError(hosts)
        if not all(map(_HOST.fullmatch, hosts)) or codings not in ([], [b"chunked"]):
            raise ValueError(hosts, codings)
        lengths = (len(name) + len(value) + _BETWEEN for name, value in self.headers)
        if sum(lengths, len(self.url)) > _LARGEST_HEAD:
            raise ValueError(len(self.headers))
        self._target = self.url.decode("ascii")
        super().on_headers_complete()
        if self.cycle:
            self.cycle.transport = cast("asyncio.Transport", _AnswerTransport(self))

    def send_400_response(self, msg: str) -> None:
        """Refuse a request in the form that all errors have."""
        headers = self.headers or []
        if not self._head_is_complete:
            head = self._received.partition(b"\r\n\r\n")[0] + b"\r"
            headers = [(b"origin", origin) for origin in _ORIGIN.findall(head)] or headers
        lines = (b"%s: %s\r\n" % one for one in (*SAFE_HEADERS, *self._cors(headers)))
        self.transport.write(_BAD_REQUEST % b"".join(lines))
        self._is_complete = False
        self.end_answer()

    def end_answer(self) -> None:
        """Close the connection once the client has sent its request."""
        if self._is_complete:
            self.transport.close()
            return
        self._answered = self._head_is_complete = True
        self._let_go()
        self.flow.resume_reading()
        self.end_once_silent()

    def on_response_complete(self) -> None:
        """Expect the next request, unless this answer is the last."""
        if not self._answered:
            super().on_response_complete()

    def on_body(self, body: bytes) -> None:
        """Leave the limit on bodies to the guard."""
        super().on_body(body)
        self._besides_bodies -= len(body)

    def on_message_complete(self) -> None:
        """Cancel the deadline: uvicorn limits the time until the next request begins."""
        if self.parser.should_upgrade() and not self._should_upgrade():
            # The parser takes what follows for the other protocol.
            return
        if self._answered:
            self.transport.close()
            return
        self._is_complete = True
        super().on_message_complete()
        self._besides_bodies = 0
        self._let_go()
        self._open[self] = None

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol."""
        self._let_go()
        self.connections.discard(self)
        protocol = SocketProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.conn.cors = self._cors(self.headers)
        protocol.connect(self._target, self.headers)
        if behind := self._received[_parsed_bytes() :]:
            protocol.data_received(behind)

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

    def _should_upgrade(self) -> bool:
        if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        has_body = self._values(b"transfer-encoding") or self._values(b"content-length") > [b"0"]
        return not has_body and super()._should_upgrade()

    def _get_upgrade(self) -> bytes:
        # The parser has seen to `Connection`; of several lines uvicorn takes the last alone.
        return b",".join(self._values(b"upgrade")).lower()

    def _cors(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        manager = self.app_state.get("manager")
        return Origins(manager.config).cors(headers) if manager else []

    def _values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def _expect_request(self) -> None:
        if self._timeout is None:
            self._timeout = self.loop.call_later(self.limit_seconds, self.transport.close)

    def _let_go(self) -> None:
        self._open.pop(self, None)
        cancel(self._timeout)
        self._timeout = None


class _AnswerTransport:
    """The transport of one answer: its end ends the connection only when nothing is unread."""

    def __init__(self, protocol: RequestProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.end_answer()


def _parsed_bytes() -> int:
    """Return how far the parser came that raises `HttpParserUpgrade` now."""
    return int(getattr(sys.exception(), "args", (0,))[0])
