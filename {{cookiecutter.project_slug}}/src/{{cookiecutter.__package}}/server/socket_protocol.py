"""uvicorn's WebSocket protocol, mended where a close was lost or one client held up the others."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from ..rooms.connections.rate import RateLimit
from ..rooms.protocol.closes import Advice, Close, CloseRow, CloseSpec
from ..rooms.protocol.frames import Batch, Encoded
from .framing import MASK_BYTES, Answer, Framing, to_wire
from .handshake import CLOSED_WITH, WRITE_EXTENSION
from .lingering import Lingering, cancel

# Between two slices of what one client sent, all others are served. Behind one that has few frames
# comes a long one, which takes no more time.
_SLICE_BYTES = 1_024
_LONG_SLICE_BYTES = 4_096
_FEW_FRAMES = 8


class _Fault(CloseRow):
    """What the table of closes has no row for: it counts as a client that left."""

    CLIENT_LEFT = CloseSpec(CloseCode.PROTOCOL_ERROR, None, Advice.STOP, "A frame is malformed.")


_FAULTS: dict[int, CloseRow] = {
    CloseCode.INVALID_DATA: Close.INVALID_UTF8,
    CloseCode.MESSAGE_TOO_BIG: Close.TOO_BIG,
    CloseCode.INTERNAL_ERROR: Close.INTERNAL_ERROR,
}


class SocketProtocol(Lingering, WebSocketsSansIOProtocol):
    """Lets every close arrive, and no client hold up the others.

    It parses in slices, answers every handshake but at a stop, pings only those that read, writes
    at once, and reads on after a close.
    """

    # A client that takes nothing for so long is cut off.
    stall_seconds = 60.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn: Framing = Framing(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.logger,
        )
        self._unparsed = bytearray()
        self._slice_bytes = _SLICE_BYTES
        self._joined = bytearray()
        self._turn: asyncio.Handle | None = None
        self._rate: RateLimit | None = None
        self._end: Callable[[CloseRow], None] | None = None
        # What it ends with, once what came before is handled.
        self._ends_with: CloseRow | None = None
        self._discarding = self._answered = False
        self._late: asyncio.TimerHandle | None = None
        # Whether reading was paused since the last ping.
        self._was_paused = False
        self._answer: Answer | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connect(self, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Answer the request that offered this protocol.

        Args:
            target: The path and the query, as they were sent.
            headers: The names in lower case, and the values, as they were sent.
        """
        fields = [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]
        self.handle_connect(Request(target, Headers(fields)))

    async def run_asgi(self) -> None:
        """Run the application, which may write past `send`."""
        if not self.config.ws_per_message_deflate:
            extension: dict[object, object] = {
                "write": self.write,
                "limit_frames": self.limit_frames,
            }
            self.scope["extensions"][WRITE_EXTENSION] = extension
        await super().run_asgi()
        if self.close_timer:
            self.stop_keepalive()
            self.end_once_silent()
        self._go_on()

    def write(self, sent: Encoded | Batch) -> bool:
        """Write whole frames: many clients get the same, so they are serialized once.

        Returns:
            False if the client does not take more now, or is not open.
        """
        taken = self.writable.is_set() and not self.transport.is_closing()
        if not taken or self.conn.state is not State.OPEN:
            return False
        self.transport.write(sent.wire or to_wire(sent))
        return True

    async def send(self, message: ASGISendEvent) -> None:
        """Send an event.

        Raises:
            ClientDisconnected: the client is gone, or the server has closed by itself.
        """
        await self.writable.wait()
        if self.close_sent:
            # uvicorn would take it for a mistake of the application.
            raise ClientDisconnected
        fault = self.conn.fault
        if message["type"] == "websocket.close" and message.get("code") == fault.code:
            message["reason"] = fault.reason
        await super().send(message)
        self._look_for_answer(b"")

    def limit_frames(self, rate: RateLimit, end: Callable[[CloseRow], None]) -> None:
        """Count all frames from now on; call `end` once for one too many, or a faulty one.

        What comes after it is discarded.
        """
        self._rate = rate
        self._end = end

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not parsed, and cut off nobody."""
        cancel(self._turn, self._stalled, self._late)
        self._unparsed.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Write nothing until the client has read; cut it off if it does not."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Write again."""
        super().resume_writing()
        cancel(self._stalled)

    def data_received(self, data: bytes) -> None:
        """Parse a slice now, and the rest in turns with what others sent."""
        self.note_data()
        if self._discarding:
            self._look_for_answer(data)
        elif self._unparsed or len(data) > self._slice_bytes:
            self._unparsed += data
            self.read_paused = True
            self.transport.pause_reading()
            self._go_on()
        else:
            self._take(data)

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event; parse or read on once there is no further."""
        if self.queue.empty():
            self._tell_of_end()
        message = await self.queue.get()
        if self.queue.empty():
            self._go_on()
        return message

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; stop to read once the application is behind, not after each."""
        if self.read_paused or not self.queue.empty():
            super().send_receive_event_to_app()
        else:
            # It does not pause what it takes for paused.
            self.read_paused = True
            super().send_receive_event_to_app()
            self.read_paused = False

    def shutdown(self) -> None:
        """Stop; leave a handshake without an answer, so that a proxy asks another process.

        uvicorn would answer 500, and end at once who was told to close.
        """
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.close()
        elif not self.close_sent:
            super().shutdown()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; the many of one message are kept as one."""
        self._joined += event.data if self._joined else self.frames[0] + event.data
        if event.fin:
            self.frames = [bytes(self._joined)]
            self._joined.clear()
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client leaves so much unread that writing is paused."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)

    def handle_parser_exception(self) -> None:
        """Close with the code that the fault has, behind what came before it."""
        exception, behind = self.conn.parser_exc, self.conn.behind_fault + self._unparsed
        if isinstance(exception, UnicodeDecodeError):
            self._answer = Answer(0)
        elif isinstance(exception, PayloadTooBig):
            self._answer = Answer(MASK_BYTES + (exception.size or 0))
        self.stop_keepalive()
        self._late = self.loop.call_later(self.close_seconds, self._close_late)
        self._finish(self._row_of_fault())
        self._look_for_answer(behind)

    def send_keepalive_ping(self) -> None:
        """Ping the client."""
        self._was_paused = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """Close, as the client did not answer a ping."""
        paused = self.read_paused or self._was_paused
        if paused and not self._discarding and self.ping_timeout:
            # The pong is behind what the application had not taken yet.
            self._was_paused = False
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        self.pong_timer = None
        self.conn.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        self._close_by_itself(Close.NO_PONG)
        self._discard()

    def _finish(self, row: CloseRow) -> None:
        """Take nothing more, and end behind what was taken."""
        self._discard()
        if not self.close_sent:
            self._ends_with = row
            # The application may wait already; it handles first what came before.
            if self.queue.empty():
                self._tell_of_end()

    def _tell_of_end(self) -> None:
        row = self._ends_with
        if row and self._end:
            self._ends_with = None
            self._end(row)
        elif row and self.handshake_complete:
            self._ends_with = None
            self._close_by_itself(row)

    def _close_late(self) -> None:
        """Close without what came before, as handling or writing it takes too long."""
        if self.writable.is_set():
            self._close_by_itself(self._row_of_fault())
        else:
            self.transport.abort()

    def _row_of_fault(self) -> CloseRow:
        return _FAULTS.get(self.conn.fault.code, _Fault.CLIENT_LEFT)

    def _close_by_itself(self, row: CloseRow) -> None:
        """Send the close frame that the library makes, unless the application closed before."""
        self.stop_keepalive()
        if self.close_sent:
            return
        self.conn.fail_now()
        event: Any = {"type": "websocket.disconnect", CLOSED_WITH: row}
        event.update(code=self.conn.fault.code, reason=self.conn.fault.reason)
        self.queue.put_nowait(event)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.end_once_silent()

    def _discard(self) -> None:
        self._discarding = True
        self._unparsed.clear()
        cancel(self._turn)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _look_for_answer(self, data: bytes) -> None:
        if self._answer and self._answer.is_in(data):
            self._answer, self._answered = None, True
        if self._answered and self.close_sent:
            self.transport.close()

    def _go_on(self) -> None:
        """Parse on, or read on if nothing is left, unless the application is behind."""
        behind = not self.queue.empty() and not self.close_sent
        if self._discarding or behind or self.transport.is_closing():
            return
        if self._unparsed:
            self._turn = self._turn or self.loop.call_soon(self._parse)
        elif self.read_paused:
            self.read_paused, self._was_paused = False, True
            self.transport.resume_reading()

    def _parse(self) -> None:
        self._turn = None
        data = bytes(self._unparsed[: self._slice_bytes])
        del self._unparsed[: self._slice_bytes]
        self._take(data)
        self._go_on()

    def _take(self, data: bytes) -> None:
        counted = self.conn.counted
        self.conn.receive_data(data)
        has_few = self.conn.counted - counted <= _FEW_FRAMES and len(data) >= _SLICE_BYTES
        self._slice_bytes = _LONG_SLICE_BYTES if has_few else _SLICE_BYTES
        # First those in front of a fault.
        self.handle_events()
        if self.conn.parser_exc:
            self.handle_parser_exception()
        elif self._rate and not self._rate.allow(self.conn.take_count()):
            self._finish(Close.TOO_MANY_MESSAGES)
